"""PyTorch's names: each is refused by a line whose advice, when followed, works; none silently means something else."""

import inspect
import re
import sys

import numpy as np
import pytest

import minidelve
from minidelve import Function, Tensor, nn, ops, optim, pytorch_names
from minidelve.pytorch_names import KEYWORDS, missing
from tests.helpers import ROOT, in_python, zeros


def a_network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.PReLU(2), nn.Flatten(), nn.Linear(8, 3))


def an_sgd() -> optim.SGD:
    return optim.SGD(a_network().parameters(), lr=0.1)


LISTS = {  # the table, what it is about, an object that lacks its names, one of PyTorch's that has them
    "minidelve": (pytorch_names.FUNCTIONS, lambda: minidelve, lambda torch: (torch, torch.nn.functional, torch.nn)),
    "Tensor": (pytorch_names.TENSOR, lambda: zeros(2, 2), lambda torch: (torch.Tensor, np.ndarray)),
    "minidelve.nn": (pytorch_names.NN, lambda: nn, lambda torch: (torch.nn, torch)),
    "minidelve.nn.init": (pytorch_names.INIT, lambda: nn.init, lambda torch: (torch.nn.init,)),
    "minidelve.optim": (pytorch_names.OPTIM, lambda: optim, lambda torch: (torch.optim, torch.optim.lr_scheduler)),
    "ReLU": (pytorch_names.MODULE, nn.ReLU, lambda torch: (torch.nn.Sequential(), torch.nn.Linear(1, 1))),
    "SGD": (pytorch_names.OPTIMIZER, an_sgd, lambda torch: (torch.optim.SGD([torch.zeros(1)]),)),
    "MultiStepLR": (
        pytorch_names.SCHEDULE, lambda: optim.MultiStepLR(an_sgd(), [1]),
        lambda torch: (torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD([torch.zeros(1)]), [1]),)),
}  # fmt: skip
NAMES = [(owner, name) for owner, (table, _, _) in LISTS.items() for name in table]


@pytest.mark.parametrize("owner", LISTS)
def test_every_name_is_one_of_pytorchs(owner):
    torch = pytest.importorskip("torch")
    table, _, theirs = LISTS[owner]
    assert [name for name in table if not any(hasattr(o, name) for o in theirs(torch))] == []


@pytest.mark.parametrize("owner", LISTS)
def test_every_name_is_missing_and_answered(owner):
    table, ours, _ = LISTS[owner]
    for name, word in table.items():
        with pytest.raises(AttributeError) as caught:
            getattr(ours(), name)
        assert str(caught.value) == f"{owner} has no {name}; {pytorch_names.advice(word)}"


def surroundings() -> dict:
    """What the advice speaks of."""
    net = a_network()
    t, w = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True), nn.Parameter(np.ones((3, 3), np.float32))
    rooms = {name: getattr(room, name) for room in (nn, optim, minidelve) for name in room.__all__}
    return {
        **vars(nn.init), **rooms, "minidelve": minidelve, "np": np, "t": t, "u": Tensor(np.ones((2, 2))),
        "shape": (2, 2), "value": 1.0, "n": 2, "k": 1, "c": 1, "d": 2, "p": w, "low": 0.0, "high": 2.0, "slope": 0.25,
        "mask": np.eye(2), "seed": 0, "data": np.ones(3), "array": np.ones(3), "w": w, "std": 0.1, "lr": 0.1,
        "rng": np.random.default_rng(0), "tensors": [t, t], "logits": t, "z": t, "targets": [0, 1], "path": "w.npz",
        "x": Tensor(np.ones((2, 2, 1, 1))), "net": net, "module": nn.ReLU(), "layers": [nn.ReLU()], "layer": nn.ReLU(),
        "self": nn.Sequential(), "name": "part", "parameter": w, "parameters": [w], "milestones": [2],
        "others": [nn.Parameter(np.ones(1))], "optimizer": (o := an_sgd()), "schedule": optim.MultiStepLR(o, [2]),
        "f": lambda y: y, "dtype": np.float64, "state": {"epoch": 1, "start": 0.1}, "loss": (t * t).sum(),
    }  # fmt: skip


def code_of(word: str) -> list[str]:
    """The statements of a piece of advice, without its remark; none where something is left out or explained."""
    return [] if word.startswith(("no: ", "so: ")) else word.split("; ")[0].split(", or ")


ADVICE = {f"{owner} {name}": LISTS[owner][0][name] for owner, name in NAMES}
ADVICE |= {word: cure for word, cure in KEYWORDS.items() if not cure.isidentifier()}


@pytest.mark.parametrize("word", [pytest.param(word, id=name) for name, word in ADVICE.items() if code_of(word)])
def test_advice_works_when_followed(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = surroundings()
    np.savez("w.npz", **there["net"].state_dict())
    if word.startswith("t.backward"):
        there["t"] = there["loss"]
    for code in code_of(word):
        try:
            exec(code, there)
        except RuntimeError as error:
            assert "cuda" in code and "CUDA cannot be used here" in str(error)


@pytest.mark.parametrize("name", pytorch_names.MODULES)
def test_a_module_that_is_called_says_what_to_write(name):
    module, word = sys.modules[name], pytorch_names.MODULES[name]
    with pytest.raises(TypeError, match=f"^{re.escape(f'{name} is a module, not a function; write {word}')}$"):
        module([1.0, 2.0], requires_grad=True)
    exec(word, surroundings())


def test_advice_about_a_name_can_be_wrong_and_is_then_noticed():
    with pytest.raises(AttributeError):
        exec("t.swapaxes(1, 0)", surroundings())


DOORS = {
    **{name: getattr(ops, name) for name in ops.__all__},
    **{name: getattr(nn, name) for name in nn.__all__ if name not in ("functional", "init")},
    **{f"Tensor.{name}": getattr(Tensor, name) for name in (
        "__init__", "to", "backward", "sum", "std", "transpose", "permute", "view", "argmax", "numpy", "tolist", "cpu",
    )},
    "SGD": optim.SGD, **{f"SGD.{name}": getattr(optim.SGD, name) for name in ("zero_grad", "step")},
    **{
        f"Module.{name}": getattr(nn.Module, name)
        for name in ("load_state_dict", "named_parameters", "parameters", "requires_grad_", "zero_grad")
    },
    "load": minidelve.load,
    "step": optim.ReduceLROnPlateau.step,
    "MultiStepLR": optim.MultiStepLR, "ReduceLROnPlateau": optim.ReduceLROnPlateau,
    **{name: getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")},
}  # fmt: skip


@pytest.mark.parametrize("name", DOORS)
def test_every_door_answers_every_keyword_of_pytorchs(name):
    takes = inspect.signature(DOORS[name]).parameters
    for word, cure in KEYWORDS.items():
        if word in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values()):
            continue
        with pytest.raises(TypeError) as caught:
            DOORS[name](**{word: None})
        message = str(caught.value)
        assert f"takes no {word}=; " in message and "\n" not in message
        assert (f"write {cure}=" if cure in takes else pytorch_names.advice(cure)) in message


def test_every_keyword_of_ours_that_is_advised_exists():
    ours = {name for door in DOORS.values() for name in inspect.signature(door).parameters}
    bare = {word for word in KEYWORDS.values() if word.isidentifier()}
    assert bare <= ours


# -- PyTorch's signatures against ours -------------------------------------------------------------

SAME = {  # what stands at one place under two names
    ("input", "x"), ("input", "y"), ("input", "z"), ("input", "logits"), ("other", "y"), ("weight", "a"),
    ("data", "data"), ("train", "training"), ("args", "layers"), ("epoch", "error"), ("tensors", "tensors"),
}  # fmt: skip
# Where inspect and torch.overrides do not know PyTorch's arguments by place; from its documentation.
WRITTEN = {
    **dict.fromkeys(("sum", "mean"), "input dim keepdim dtype"), **dict.fromkeys(("max", "min"), "input dim keepdim"),
    **dict.fromkeys(("var", "std"), "input dim unbiased keepdim"), "Parameter": "data requires_grad", "Tensor": "data",
}  # fmt: skip


def pytorchs(torch) -> dict[str, list[str]]:
    """Name -> PyTorch's arguments by place, for every name that both have."""
    known = torch.overrides.get_testing_overrides()
    found = {}
    for name in {*ops.__all__, *nn.__all__, *optim.__all__, *nn.init.__dict__}:
        homes = (torch.nn.functional, torch, torch.nn, torch.nn.init, torch.optim, torch.optim.lr_scheduler)
        theirs = next((getattr(home, name) for home in homes if callable(getattr(home, name, None))), None)
        if theirs is None or name not in DOORS:
            continue
        signature = known.get(theirs, known.get(getattr(torch, name, None), theirs))
        try:
            takes = inspect.signature(signature).parameters.values()
        except ValueError:
            takes = ()
        found[name] = WRITTEN.get(name, "").split() or [p.name for p in takes if p.kind is p.POSITIONAL_OR_KEYWORD]
    return found


def test_no_argument_by_place_means_something_else_than_in_pytorch():
    torch = pytest.importorskip("torch")
    theirs = pytorchs(torch)
    assert {"conv2d", "max_pool2d", "Conv2d", "MaxPool2d", "SGD", "normal_", "var", "dropout"} <= theirs.keys()
    known = {  # refused by its type or value, as the next tests show
        ("conv2d", "algorithm"), ("conv2d", "activation"), ("dropout", "rng"), ("Dropout", "rng"), ("normal_", "std"),
        ("normal_", "rng"), ("xavier_normal_", "mode"), ("xavier_uniform_", "mode"),
    }  # fmt: skip
    parted = set()
    for name, names in theirs.items():
        own = [p.name for p in inspect.signature(DOORS[name]).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        for mine, their in zip(own, names, strict=False):
            if mine != their and (their, mine) not in SAME and KEYWORDS.get(their) != mine:
                parted.add((name, mine))
    assert parted == known


SILENT_ONCE = {  # calls that are right in PyTorch and meant something else here
    "a matrix's axes swapped": (lambda: zeros(2, 3).transpose(0, 1), "write x.T or x.transpose(1, 0)"),
    "a view of another dtype": (lambda: zeros(2, 3).view(np.int32), "Tensor(t.data.view(dtype))"),
    "no axes to permute": (lambda: zeros(2, 3).permute(), "expected each of its 2 axes once"),
    "from the end": (lambda: zeros(2, 3).transpose(-2, -1), "write x.T"),
    "two of three axes": (lambda: zeros(2, 3, 4).transpose(0, 2), "write x.transpose(2, 1, 0)"),
    "max_pool2d's dilation": (lambda: ops.max_pool2d(zeros(1, 1, 4, 4), 2, 2, 0, 1), "by name alone: ceil_mode="),
    "MaxPool2d's dilation": (lambda: nn.MaxPool2d(2, 2, 0, 1), "by name alone: ceil_mode="),
    "Conv2d's dilation": (lambda: nn.Conv2d(3, 4, 3, 1, 0, 1), "by name alone: bias="),
    "conv2d's dilation": (lambda: ops.conv2d(zeros(1, 1, 2, 2), zeros(1, 1, 1, 1), None, 1, 0, 1), "algorithm 1"),
    "Linear's device": (lambda: nn.Linear(3, 4, True, "cpu"), "by name alone: rng="),
    "bias of a dilation": (lambda: nn.Conv2d(3, 4, 3, bias=2), "expected True or False"),
    "Dropout in place": (lambda: nn.Dropout(0.5, True), "rng is True; expected a generator"),
    "dropout in place": (lambda: ops.dropout(zeros(3), 0.5, True, True), "rng is True; expected a generator"),
    "LeakyReLU in place": (lambda: nn.LeakyReLU(True), "slope is True; expected a number"),
    "a frozen Parameter": (lambda: nn.Parameter(np.ones(3), False), "by name alone: weight_decay="),
    "an unbiased variance": (lambda: zeros(2, 3).var(0, True), "by name alone: keepdims=, ddof="),
    "all of it, biased": (lambda: zeros(2, 3).std(False), "axis is False; expected an integer"),
    "max of two": (lambda: zeros(2, 3).max(zeros(2, 3)), "write maximum(x, y)"),
    "a tensor of a shape": (lambda: Tensor(2, 3), "np.zeros(shape, np.float32)"),
    "normal_'s mean": (lambda: nn.init.normal_(nn.Parameter(np.ones(3)), 0.0), "the mean is 0"),
    "normal_'s mean and deviation": (lambda: nn.init.normal_(nn.Parameter(np.ones(3)), 0.5, 0.01), "rng is 0.01"),
    "uniform_'s bounds": (lambda: nn.init.uniform_(nn.Parameter(np.ones(3)), -1.0, 1.0), "by name alone: bound="),
    "kaiming's tanh": (
        lambda: nn.init.kaiming_normal_(nn.Parameter(np.ones((3, 3))), 0, "fan_in", "tanh"),
        "normal_(w, std)",
    ),
    "he's slope by place": (lambda: nn.init.he_normal_(nn.Parameter(np.ones((3, 3))), 0.25), "mode 0.25 is unknown"),
    "xavier's gain": (lambda: nn.init.xavier_normal_(nn.Parameter(np.ones((3, 3))), 1.0), "mode 1.0 is unknown"),
    "SGD's dampening": (lambda: optim.SGD([nn.Parameter([1.0])], 0.1, 0.9, 0.0), "by name alone: weight_decay="),
    "the plateau's mode": (lambda: optim.ReduceLROnPlateau(an_sgd(), "min"), "by name alone: factor="),
}


@pytest.mark.parametrize(("call", "cure"), SILENT_ONCE.values(), ids=SILENT_ONCE)
def test_a_call_of_pytorchs_is_refused_rather_than_read_otherwise(call, cure):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert cure in str(caught.value) and "\n" not in str(caught.value)


def test_what_transposes_alike_in_both_is_taken(rng):
    x = rng.standard_normal((2, 3))
    for y in (Tensor(x).transpose(1, 0), Tensor(x).transpose(-1, -2), Tensor(x).transpose((1, 0)), Tensor(x).T):
        np.testing.assert_array_equal(y.data, x.T)
    np.testing.assert_array_equal(Tensor(x).transpose((0, 1)).data, x)  # as NumPy's and as PyTorch's permute


def test_view_permute_and_argmax_are_pytorchs(rng):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((2, 3, 4))
    for call in (
        lambda t: t.view(-1, 6), lambda t: t.view((24,)), lambda t: t.permute(2, 0, 1), lambda t: t.permute((0, -1, 1)),
        lambda t: t[0].permute(0, 1), lambda t: t.argmax(), lambda t: t.argmax(1), lambda t: t.argmax(-1, True),
    ):  # fmt: skip
        ours, theirs = call(Tensor(x)), call(torch.tensor(x))
        assert type(ours) is Tensor and ours.tolist() == theirs.tolist() and f"torch.{ours.dtype}" == str(theirs.dtype)


RENAMED = {  # keywords of PyTorch's that have another name here
    "dim=": (lambda: zeros(2, 3).sum(dim=0), "axis="),
    "keepdim=": (lambda: zeros(2, 3).sum(0, keepdim=True), "keepdims="),
    "correction=": (lambda: zeros(2, 3).var(0, correction=1), "ddof="),
    "tensor=": (lambda: nn.init.normal_(tensor=zeros(3)), "w="),
    "negative_slope=": (lambda: nn.LeakyReLU(negative_slope=0.1), "slope="),
    "target=": (lambda: ops.cross_entropy(zeros(1, 2), target=np.zeros(1, int)), "targets="),
    "params=": (lambda: optim.SGD(params=[], lr=1), "parameters="),
    "generator=": (lambda: nn.init.normal_(zeros(3), 1.0, generator=None), "rng="),
    "metrics=": (lambda: optim.ReduceLROnPlateau(an_sgd()).step(metrics=1.0), "error="),
    "state_dict=": (lambda: nn.Linear(1, 1).load_state_dict(state_dict={}), "state="),
}  # fmt: skip


@pytest.mark.parametrize(("call", "here"), RENAMED.values(), ids=RENAMED)
def test_a_keyword_with_another_name_here_is_answered_with_that_name(call, here):
    with pytest.raises(TypeError, match=f"; write {here}$"):
        call()


@pytest.mark.parametrize("name", ["var", "std"])
def test_ddof_1_is_pytorchs_default(name, rng):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((4, 3))
    np.testing.assert_allclose(
        getattr(Tensor(x), name)(axis=0, ddof=1).data, getattr(torch.tensor(x), name)(0), rtol=1e-12
    )
    np.testing.assert_allclose(getattr(Tensor(x), name)(axis=0).data, getattr(np, name)(x, axis=0), rtol=1e-12)
    assert np.isnan(getattr(Tensor(x[:1]), name)(axis=0, ddof=1).data).all()


@pytest.mark.parametrize("call", [lambda t: t.size(), lambda t: t.size(0), lambda t: t.size(-1)])
def test_size_is_a_number_and_says_what_to_write_when_called(call):
    t = zeros(2, 3)
    with pytest.raises(TypeError, match=r"write t\.shape for PyTorch's t\.size\(\)"):
        call(t)
    assert t.size == 6 and isinstance(t.size, int) and f"{t.size:,}" == "6"
    for x in (Tensor([1.0, 2.0]), Tensor(np.ones(2))):
        assert (x.sum() / x.size).dtype == (x * x.size).dtype == x.dtype  # it is a number like any other


# -- names that are near, and names that are imported ----------------------------------------------


def test_a_slip_of_the_pen_is_answered_with_the_name_that_is_near():
    assert str(missing("minidelve.nn", "Conv2D", nn.__all__)) == "minidelve.nn has no Conv2D; did you mean Conv2d?"
    assert str(missing("Tensor", "resahpe", dir(Tensor))) == "Tensor has no resahpe; did you mean reshape?"
    assert str(missing("minidelve.nn", "Quux", nn.__all__)) == "minidelve.nn has no Quux"
    assert not hasattr(nn, "__wrapped__") and not hasattr(zeros(1), "__cuda_array_interface__")


@pytest.mark.parametrize(("line", "cure"), [
    ("from minidelve.nn.init import kaiming_normal", "write kaiming_normal_(w, a=slope)"),
    ("from minidelve.nn import Conv2d, CrossEntropyLoss", "write minidelve.cross_entropy(logits, targets)"),
    ("from minidelve.nn.functional import cat", "write concat(tensors, axis=0)"),
    ("from minidelve.optim import Adam", "SGD(parameters, lr)"),
    ("from minidelve import cat", "write concat(tensors, axis=0)"),
    ("from minidelve.nn import Conv2D", "did you mean Conv2d?"),
])  # fmt: skip
def test_importing_a_name_of_pytorchs_says_what_to_import(line, cure):
    with pytest.raises(ImportError, match=re.escape(cure)):
        exec(line)


def test_a_property_that_fails_keeps_its_own_words():
    class Net(nn.Module):
        @property
        def width(self):
            return self.conv.weight.shape

    with pytest.raises(AttributeError, match="Net has no conv"):
        Net().width  # noqa: B018


# -- advice of ops ---------------------------------------------------------------------------------


class ELU(Function):
    def forward(self, y, *, alpha):
        self.save(y, alpha)
        return np.where(y > 0, y, alpha * (np.exp(y) - 1))

    def backward(self, df):
        y, alpha = self.saved
        return df * np.where(y > 0, 1, alpha * np.exp(y))


def test_an_option_given_by_place_is_told_its_keyword():
    y = Tensor(np.array([-1.0, 2.0]), requires_grad=True)
    with pytest.raises(TypeError, match=r"options are given by name: ELU\.apply\(y, alpha=0\.5\)"):
        ELU.apply(y, 0.5)
    ELU.apply(y, alpha=0.5).sum().backward()
    np.testing.assert_allclose(y.grad, [0.5 * np.exp(-1), 1])
    with pytest.raises(TypeError, match=r"ELU works on Tensors; got a float: wrap it, Tensor\(x\)"):
        ELU.apply(0.5, alpha=1.0)


# -- the page --------------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "coming_from_pytorch.md"


def rows() -> dict[str, str]:
    """Name -> what the page says of it, of every row of its tables."""
    found: dict[str, str] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            head, said = line.strip("| ").split(" | ", 1)
            for name in re.findall(r"`(?:\w+\.)*(\w+)[^`]*`", head):
                found[name] = found.get(name, "") + " " + said
    return found


def test_the_page_has_every_difference_of_a_signature():
    torch = pytest.importorskip("torch")
    said = rows()
    for name, names in pytorchs(torch).items():
        own = set(inspect.signature(DOORS[name]).parameters)
        same = {their for their, mine in SAME if mine in own}
        for their in set(names) - own - same - {"out", "_stacklevel", "device", "dtype", "inplace", "tensor"}:
            assert their in said.get(name, ""), f"{PAGE.name} says nothing of {name}'s {their}"


def test_the_page_lists_every_name_with_its_answer():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for owner, name in NAMES:
        word = LISTS[owner][0][name]
        listed = [line for line in lines if f"`{name}`" in line.split(" | ")[0] and line.startswith("| ")]
        answers = [f"`{code}`" for code in code_of(word)] or [word[4:]]
        found = any(all(answer in line for answer in answers) for line in listed)
        assert found or word == pytorch_names.NO_OTHER, f"{PAGE.name} does not answer {owner}'s {name}"


def test_the_pages_examples_run():
    text = PAGE.read_text(encoding="utf-8")
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        in_python(example)
