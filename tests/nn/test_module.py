"""Module: finds its parameters in order, saves and restores them, reaches every part below."""

import collections
import copy
import functools
import re
import types

import numpy as np
import pytest

from minidelve import Tensor, nn, optim, relu
from minidelve.nn import hidden


class Block(nn.Module):
    """Parameters and modules mixed, one of each used twice."""

    def __init__(self):
        self.scale = nn.Parameter(np.ones(3))
        self.inner = nn.Sequential(nn.Linear(3, 2), nn.PReLU(2))
        self.offset = nn.Parameter(np.zeros(1), weight_decay=False)
        self.again = self.inner
        self.same = self.scale
        self.note = "neither"

    def forward(self, x):
        return self.inner(x * self.scale) + self.offset


NAMES = ["scale", "offset", "inner.0.weight", "inner.0.bias", "inner.1.a"]


# -- parts -----------------------------------------------------------------------------------------


def test_parameters_come_in_order_of_definition_a_shared_one_once():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.PReLU(2), nn.Flatten(), nn.Linear(2, 2, bias=False))
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.a", "3.weight"]
    block = Block()
    assert [name for name, _ in block.named_parameters()] == NAMES
    assert [id(p) for p in block.parameters()] == [id(p) for _, p in block.named_parameters()]


def test_modules_start_with_itself():
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Flatten()))
    assert [(name, type(m).__name__) for name, m in net.named_modules()] == [
        ("", "Sequential"), ("0", "ReLU"), ("1", "Sequential"), ("1.0", "Flatten")]  # fmt: skip
    assert next(net.modules()) is net


def test_sequential_applies_its_layers_in_turn_and_is_a_collection(rng):
    first, second = nn.Linear(4, 3, rng=rng), nn.PReLU(3)
    net, x = nn.Sequential(first, second), Tensor(rng.standard_normal((2, 4)))
    np.testing.assert_array_equal(net(x).data, second(first(x)).data)
    assert len(net) == 2 and list(net) == [first, second] and net[-1] is second


@pytest.mark.parametrize("wrong", [lambda x: x, Tensor([1.0]), nn.ReLU, [nn.ReLU()]])
def test_sequential_of_something_else_names_the_layer(wrong):
    with pytest.raises(TypeError, match=f"Sequential: layer 1 is a {type(wrong).__name__}; expected a Module"):
        nn.Sequential(nn.ReLU(), wrong)


@pytest.mark.parametrize(("layers", "cure"), [
    ([nn.ReLU()], "write Sequential(*layers)"), ((nn.ReLU(),), "write Sequential(*layers)"),
    (iter([nn.ReLU()]), "write Sequential(*layers)"), ({"a": nn.ReLU()}, "write Sequential(*layers.values())"),
    (nn.ReLU, "write ReLU(...)"), (relu, "an op's layer is in nn, such as ReLU()"),
    (None, "expected a Module"), (Tensor([1.0]), "expected a Module"), ("relu", "expected a Module"),
])  # fmt: skip
def test_sequential_of_a_list_says_how_to_unpack_it(layers, cure):
    with pytest.raises(TypeError, match=rf"Sequential: layer 0 is a .*{re.escape(cure)}$"):
        nn.Sequential(layers)


def test_a_module_without_forward_is_named():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no forward"):
        Empty()(Tensor([1.0]))


def test_gradients_reach_every_parameter(rng):
    block = Block()
    block(Tensor(rng.standard_normal((5, 3)))).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in block.parameters())


# -- state -----------------------------------------------------------------------------------------


def test_state_goes_to_a_copy_and_back(rng):
    net = nn.Sequential(nn.Conv2d(3, 4, 2, rng=rng), nn.PReLU(4))
    state = net.state_dict()
    expected = copy.deepcopy(state)
    for p in net.parameters():
        p.data *= 0
    assert list(state) == ["0.weight", "0.bias", "1.a"]
    for name, array in state.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=f"{name} is no copy")
        assert array.flags.c_contiguous
    net.load_state_dict(state)
    state["0.weight"] *= 0
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p.data, expected[name])


def test_loading_keeps_dtype_array_and_memory_layout():
    net = nn.Conv2d(3, 4, 2)
    arrays = [p.data for p in net.parameters()]
    strides = net.weight.data.strides
    net.load_state_dict({name: array.astype(np.float64) for name, array in net.state_dict().items()})
    assert all(p.data is array and p.dtype == np.float32 for p, array in zip(net.parameters(), arrays, strict=True))
    assert net.weight.data.strides == strides and not net.weight.data.flags.c_contiguous


FAULTS = {
    "missing": (lambda s: s.pop("inner.1.a"), r"no entry for inner\.1\.a"),
    "unknown": (lambda s: s.update(extra=np.ones(1)), "the model has no extra"),
    "shape": (lambda s: s.update({"inner.1.a": np.ones(5)}), r"inner\.1\.a is .* shape \(5,\); expected .*\(2,\)"),
    "uneven": (lambda s: s.update({"inner.1.a": [[1.0], [1.0, 2.0]]}), r"load_state_dict: inner\.1\.a: "),
    "text": (lambda s: s.update({"inner.1.a": np.array(["a", "b"])}), r"inner\.1\.a is <U1 .*expected numbers"),
}


@pytest.mark.parametrize(("spoil", "message"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_state_raises_before_anything_changes(spoil, message):
    block = Block()
    before = block.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    spoil(state)
    with pytest.raises(ValueError, match=message):
        block.load_state_dict(state)
    for name, array in block.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_state_may_hold_the_parameters_of_another_module():
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    one.load_state_dict(dict(other.named_parameters()))
    np.testing.assert_array_equal(one.weight.data, other.weight.data)
    assert not np.shares_memory(one.weight.data, other.weight.data) and one.weight.requires_grad


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16"])
def test_a_state_may_hold_numbers_of_any_kind(dtype):
    layer = nn.PReLU(2)
    layer.load_state_dict({"a": np.array([0, 1], dtype)})
    assert layer.a.data.tolist() == [0.0, 1.0] and layer.a.dtype == np.float32


def test_a_state_that_fits_in_part_is_loaded_in_part_if_asked_for():
    block = Block()
    state = {name: array + 1 for name, array in block.state_dict().items()}
    kept = block.offset.data.copy()
    del state["offset"]
    state["extra"] = np.ones(1)
    unmatched = block.load_state_dict(state, strict=False)
    assert unmatched == (["offset"], ["extra"]) and unmatched.missing_keys == ["offset"]
    assert unmatched.unexpected_keys == ["extra"]
    for name, p in block.named_parameters():
        np.testing.assert_array_equal(p.data, kept if name == "offset" else state[name])
    assert block.load_state_dict(block.state_dict()) == ([], [])
    with pytest.raises(ValueError, match="expected numbers of shape"):
        block.load_state_dict({"inner.1.a": np.ones(5)}, strict=False)


def test_to_keeps_the_parameters_themselves():
    net = nn.Linear(2, 2)
    net.weight.grad = np.ones((2, 2), np.float32)
    parameters = list(net.parameters())
    assert net.to("cpu") is net and [id(p) for p in net.parameters()] == [id(p) for p in parameters]
    with pytest.raises(ValueError, match="'gpu' is unknown"):
        net.to("gpu")


# -- training and evaluation -----------------------------------------------------------------------


def test_train_and_eval_reach_every_module_below():
    net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Dropout(0.5, np.random.default_rng(0))))
    x = Tensor(np.ones((2, 50), np.float32))
    assert set(net(x).data.reshape(-1)) == {0, 2}
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert np.array_equal(net(x).data, x.data)
    assert net.train() is net and all(m.training for m in net.modules())
    assert set(net(x).data.reshape(-1)) == {0, 2}
    net.train(False)
    assert not net[1][0].training


def test_apply_reaches_every_module_below_children_first():
    net, seen = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Flatten())), []
    assert net.apply(seen.append) is net
    assert [type(module).__name__ for module in seen] == ["ReLU", "Flatten", "Sequential", "Sequential"]
    assert seen[2] is net[1] and seen[3] is net
    seen.clear()
    Block().apply(seen.append)  # which has one part under two names
    assert [type(module).__name__ for module in seen] == ["Linear", "PReLU", "Sequential", "Block"]


def test_gradients_are_forgotten_and_a_frozen_part_stays(rng):
    net, x = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.PReLU(3), nn.Linear(3, 2, rng=rng)), rng.random((5, 4))
    net(Tensor(x)).sum().backward()
    assert net[0].requires_grad_(False) is net[0] and net[0].weight.grad is None and net[2].weight.grad is not None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    before, sgd = net.state_dict(), optim.SGD(net.parameters(), lr=0.1)
    net(Tensor(x)).sum().backward()
    sgd.step()
    moved = {name for name, array in net.state_dict().items() if not np.array_equal(array, before[name])}
    assert moved == {"1.a", "2.weight", "2.bias"}
    net.requires_grad_()
    net(Tensor(x)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


# -- slips that would leave something untrained ---------------------------------------------------


@pytest.mark.parametrize("value", [Tensor([[1.0]]), np.ones((1, 1)), 3.0])
def test_a_parameter_is_not_replaced_by_something_that_would_not_train(value):
    layer = nn.Linear(1, 1)
    with pytest.raises(TypeError, match=r"weight is a Parameter.*weight\.data"):
        layer.weight = value
    layer.weight = nn.Parameter([[2.0]])
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


class Bag:
    """Somebody's own object, which is no module."""

    __slots__ = ("layer",)

    def __init__(self, layer):
        self.layer = layer


class Pouch(Bag):
    """A Bag with a slot of its own beside the Bag's."""

    __slots__ = ("label",)


CONTAINERS = {
    "list": lambda layer: [layer], "tuple": lambda layer: (1, layer), "dict": lambda layer: {"a": layer},
    "keys": lambda layer: {layer: "a"}, "set": lambda layer: {layer}, "frozenset": lambda layer: frozenset([layer]),
    "nested": lambda layer: [[1, [{"a": (layer,)}]]], "deque": lambda layer: collections.deque([layer]),
    "UserList": lambda layer: collections.UserList([layer]), "array": lambda layer: np.array([layer, 1], object),
    "parameter": lambda layer: [layer.weight], "view": lambda layer: {"a": layer}.values(),
    "mapping": lambda layer: types.MappingProxyType({"a": layer}),
}  # fmt: skip
OTHERS = {
    "lambda": lambda layer: lambda x: layer(x), "partial": lambda layer: functools.partial(layer.forward),
    "argument": lambda layer: functools.partial(print, layer), "method": lambda layer: layer.forward,
    "default": lambda layer: lambda x, f=layer: f(x), "keyword": lambda layer: lambda x, *, f=layer: f(x),
    "object": Bag, "objects": lambda layer: Bag(Bag([layer])), "of a subclass": Pouch,
    "keyword of a partial": lambda layer: functools.partial(print, end=layer),
    "namespace": lambda layer: types.SimpleNamespace(a=layer),
    "generator": lambda layer: (x for x in [layer]), "iterator": lambda layer: iter([layer]),
    "nested function": lambda layer: lambda x: (lambda: layer(x))(),
    "list in a lambda": lambda layer: lambda a=[layer]: a,
}  # fmt: skip


@pytest.mark.parametrize("hold", CONTAINERS.values(), ids=CONTAINERS)
def test_a_layer_in_a_container_is_refused_when_it_is_set(hold):
    net = nn.Module()
    with pytest.raises(TypeError, match="blocks: modules in a .* Sequential"):
        net.blocks = hold(nn.Linear(1, 1))
    net.sizes = [1, 2]


@pytest.mark.parametrize("hold", (CONTAINERS | OTHERS).values(), ids=CONTAINERS | OTHERS)
@pytest.mark.parametrize("ask", [nn.Module.parameters, nn.Module.named_parameters, nn.Module.state_dict])
def test_a_hidden_layer_is_refused_when_parameters_are_asked_for(hold, ask):
    net = nn.Sequential(nn.Linear(1, 1), nn.Module())
    vars(net[1])["part"] = hold(nn.Linear(1, 1))  # as if it had got there later
    with pytest.raises(TypeError, match=r"1\.part.*: a (Linear|Parameter) there would not be trained; .*Sequential"):
        ask(net)


def test_what_is_held_twice_or_holds_itself_is_looked_into_once(monkeypatch):
    looked, inside, nested = [], hidden.inside, [nn.Linear(1, 1)]
    monkeypatch.setattr(hidden, "inside", lambda value: looked.append(value) or inside(value))
    for _ in range(10):
        nested = [nested, nested]
    found = list(hidden.look(nested, (nn.Module,), "x"))
    assert len(looked) == 11 and [path for path, _ in found] == ["x" + 11 * "[0]"]
    knot = [1]
    knot.append(knot)
    assert list(hidden.look(knot, (nn.Module,), "x")) == []


def test_a_layer_appended_later_is_refused_at_the_first_parameters():
    class Net(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(1, 1))
            self.blocks, self.by_name = [], {}
            self.blocks.append(nn.Linear(1, 1))

    with pytest.raises(TypeError, match=r"blocks\[0\]: a Linear there would not be trained"):
        optim.SGD(Net().parameters(), lr=0.1)


def in_the_class():
    class Net(nn.Module):
        part = nn.Linear(1, 1)

    return Net()


def in_a_list_of_the_class():
    class Net(nn.Module):
        parts = [nn.Linear(1, 1)]

    return Net()


def in_a_method():
    part = nn.Linear(1, 1)

    class Net(nn.Module):
        def forward(self, x):
            return part(x)

    return Net()


def in_a_slot():
    class Net(nn.Module):
        __slots__ = ("part",)

    net = Net()
    net.part = nn.Linear(1, 1)
    return net


@pytest.mark.parametrize("make", [in_the_class, in_a_list_of_the_class, in_a_method, in_a_slot])
def test_a_layer_that_the_class_holds_is_refused(make):
    with pytest.raises(TypeError, match="part.*: a Linear there would not be trained"):
        make().parameters()


def test_a_tensor_that_wants_a_gradient_should_be_a_parameter():
    net = nn.Module()
    net.w, net.x = Tensor([1.0], requires_grad=True), Tensor([1.0])
    with pytest.raises(TypeError, match="w is a Tensor, which is not trained; make it a Parameter"):
        net.parameters()
    net.w = nn.Parameter([1.0])
    net.y = net.w * 2  # a result, made anew in every forward pass
    assert list(net.parameters()) == [net.w]


def test_parts_that_are_found_may_be_held_elsewhere_too():
    class Net(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(1, 1), nn.PReLU()
            self.both, self.first = [self.a, self.b], lambda x: self.a(x)
            self.bag, self.again = Bag(self), self.a

    net = Net()
    assert len(list(net.parameters())) == 3 and len(list(net.modules())) == 3
    net.a.whole = net  # a circle
    assert [name for name, _ in net.named_modules()] == ["", "a", "b"]


def test_hooks_and_what_others_hold_are_no_parts():
    net, other = nn.Sequential(nn.Linear(1, 1)), nn.Linear(1, 1)
    net[0].hook = lambda y: other(y)
    net.y = other(Tensor([[1.0]]))  # its graph leads to the other's weights
    assert len(list(net.parameters())) == 2


@pytest.mark.parametrize("name", ["a.b", "", "."])
def test_a_name_with_dots_is_refused_as_two_parts_could_share_it(name):
    with pytest.raises(TypeError, match="expected a name without dots"):
        setattr(nn.Module(), name, nn.Linear(1, 1))


def test_children_are_modules_and_named_children_pairs_as_in_pytorch():
    net = nn.Sequential(nn.ReLU(), nn.Flatten())
    assert list(net.children()) == list(net)
    assert list(net.named_children()) == [("0", net[0]), ("1", net[1])]
    assert isinstance(net[:1], nn.Sequential) and list(net[:1]) == [net[0]]


@pytest.mark.parametrize("mode", ["x", None, 2])
def test_a_mode_that_is_no_truth_is_refused(mode):
    with pytest.raises(TypeError, match="train: mode is .*; expected True or False"):
        nn.ReLU().train(mode)


def test_no_truth_as_an_option_and_no_function_to_apply_are_refused():
    layer = nn.Linear(3, 2)
    with pytest.raises(TypeError, match="strict is 'no'; expected True or False"):
        layer.load_state_dict(layer.state_dict(), strict="no")
    with pytest.raises(TypeError, match="requires_grad_: got 'a'; expected True or False"):
        layer.requires_grad_("a")
    with pytest.raises(TypeError, match="apply: got None; expected a function"):
        layer.apply(None)


# -- repr ------------------------------------------------------------------------------------------


def test_repr_shows_the_tree_with_arguments():
    net = nn.Sequential(nn.Conv2d(3, 8, (3, 2), padding=1), nn.Sequential(nn.PReLU(8), nn.Dropout(0.25)))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Conv2d(3, 8, kernel_size=(3, 2), stride=(1, 1), padding=(1, 1))\n"
        "  (1): Sequential(\n"
        "    (0): PReLU(8)\n"
        "    (1): Dropout(p=0.25)\n"
        "  )\n"
        ")"
    )
