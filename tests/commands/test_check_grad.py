"""`minidelve check-grad`: a table, and exit code 1 if a gradient is wrong."""

import re

from minidelve import ops
from minidelve.ops.prelu import PReLU


def test_every_op_is_in_the_table_and_ok(cli):
    code, out, err = cli("check-grad")
    assert (code, err) == (0, "")
    assert "about 1e-9" in out and "Bound: 1e-06" in out and "all ok" in out
    for op in ("conv2d", "linear", "prelu", "max_pool2d", "spatial_pyramid_pool2d", "cross_entropy", "concat"):
        assert hasattr(ops, op) and re.search(rf"^{op} .* [\d.]+e-\d\d  ok$", out, re.M)


def test_one_op(cli, refused):
    out = cli("check-grad", "--op", "linear").out
    assert "2 cases of 1 ops, all ok" in out and "conv2d" not in out
    refused(["check-grad", "--op", "convolution"], "'convolution'", "conv2d")


def test_a_wrong_gradient_fails(cli, monkeypatch):
    right = PReLU.backward
    monkeypatch.setattr(PReLU, "backward", lambda self, df: (right(self, df)[0], 1.001 * right(self, df)[1]))
    code, out, _ = cli("check-grad", "--op", "prelu")
    assert code == 1 and "3 FAILED" in out and re.search(r"^prelu .*FAILED$", out, re.M)
