"""Lab 1, the engine: what is handed out, and how it is tried."""

from collections import Counter

import numpy as np

from minidelve.labs.task import Task

TITLE = "The engine, a gradient for anything"
READING = ("2. The engine: minidelve/tensor/",)
TENSOR, WALK = "minidelve/tensor/tensor.py", "minidelve/tensor/walk.py"
BROADCASTING, ELEMENTWISE = "minidelve/ops/broadcasting.py", "minidelve/ops/elementwise.py"
MATMUL, DESCENT = "minidelve/ops/matmul.py", "minidelve/optim/descent.py"
CUTS = {
    BROADCASTING: (
        "Each copy moves the loss by its own share, so the gradients add up.",
        ">>> x, b = Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([10.0, 20.0], requires_grad=True)",
        ">>> (x + b).sum().backward()",
        ">>> b.grad.tolist()                       # each b was used in two rows",
        "[2.0, 2.0]",
    ),
    ELEMENTWISE: (
        "    f = x y        df/dx = y          df/dy = x",
        "    f = x / y      df/dx = 1 / y      df/dy = -f / y",
        "    f = max(x, y)  df/dx = 1 if x > y, 1/2 at a tie, else 0     (min alike; a NaN is either)",
    ),
    MATMUL: (
        "    dE/dx_ik = sum_j df_ij y_kj          dx = df y^T",
        "    dE/dy_kj = sum_i x_ik df_ij          dy = x^T df",
    ),
}


# -- shapes ------------------------------------------------------------------------------------------

BROADCAST = {  # of the gradient that arrives, and of the array that was broadcast
    "a row used 4 times": ((4, 3), (3,)),
    "a column used 3 times": ((2, 3), (2, 1)),
    "leading and inner axes": ((4, 2, 3), (1, 3)),
    "an inner axis": ((2, 4, 3), (2, 1, 3)),
    "one number": ((2, 3), ()),
    "not broadcast at all": ((2, 3), (2, 3)),
    "a row of 3 used 3 times": ((3, 3), (3,)),
    "one number of two axes": ((3, 4), (1, 1)),
}
MATRICES = {
    "(2, 3) @ (3, 4)": ((2, 3), (3, 4)),
    "(3, 3) @ (3, 3)": ((3, 3), (3, 3)),
    "(1, 4) @ (4, 1)": ((1, 4), (4, 1)),
    "two of (2, 3) @ (3, 4)": ((2, 2, 3), (2, 3, 4)),
    "a vector, (3,) @ (3, 2)": ((3,), (3, 2)),
    "a vector, (2, 3) @ (3,)": ((2, 3), (3,)),
}


def broadcast(rng, dtype):
    return {case: {"df": normal(rng, dtype, df), "shape": shape} for case, (df, shape) in BROADCAST.items()}


PAIRS = {  # the shapes of x and y
    "two numbers": ((2,), (2,)),
    "2 x 3 numbers": ((2, 3), (2, 3)),
    "a single number": ((), ()),
    "a row beside two rows": ((3,), (2, 3)),
    "two rows beside a row": ((2, 3), (3,)),
}


def pairs(rng, dtype):
    """df, x and y; y is well away from 0."""
    cases = {}
    for case, (of_x, of_y) in PAIRS.items():
        y = rng.uniform(0.5, 2, of_y) * rng.choice([-1, 1], of_y)
        df = normal(rng, dtype, np.broadcast_shapes(of_x, of_y))
        cases[case] = {"df": df, "x": normal(rng, dtype, of_x), "y": np.asarray(y, dtype)}
    return cases


def ties(rng, dtype):
    """df, x and y, which are equal at some places."""
    cases = pairs(rng, dtype)
    del cases["a single number"]
    for inputs in cases.values():
        inputs["y"].flat[0] = inputs["x"].flat[0]
    return cases


def matrices(rng, dtype):
    cases = {}
    for case, (x, y) in MATRICES.items():
        f = (np.zeros(x) @ np.zeros(y)).shape
        cases[case] = {"df": normal(rng, dtype, f), "x": normal(rng, dtype, x), "y": normal(rng, dtype, y)}
    return cases


def normal(rng, dtype, shape):
    return np.asarray(rng.normal(size=shape), dtype)


def many_copies(rng):
    return {"df": normal(rng, np.float32, (8000, 500)), "shape": (500,)}


def large_matrices(rng):
    return {name: normal(rng, np.float32, (128, 128)) for name in ("df", "x", "y")}


# -- graphs ------------------------------------------------------------------------------------------

EDGES = {  # (node, one of its sources); node 0 is the loss
    "a chain of 4": [(0, 1), (1, 2), (2, 3)],
    "x * x": [(0, 1), (0, 1)],
    "x * x + x": [(0, 1), (0, 2), (1, 2), (1, 2)],
    "x + x * x": [(0, 2), (0, 1), (1, 2), (1, 2)],
    "a diamond": [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)],
    "a diamond with a way across": [(0, 1), (0, 2), (2, 3), (2, 1), (1, 3)],
    "a ladder of 10 diamonds": [edge for i in range(0, 20, 2) for edge in [(i, i + 1), (i, i + 2), (i + 1, i + 2)]],
    "a chain of 2,000": [(i, i + 1) for i in range(1999)],
}
FORMULAS = {
    "exp x": lambda x, y: x.exp(),
    "x + x": lambda x, y: x + x,
    "exp(x) - exp(y) + exp(x)": lambda x, y: (a := x.exp()) - y.exp() + a,
    "u + (u + v), u = exp x, v = exp y": lambda x, y: (u := x.exp()) + (u + y.exp()),
    "(u + v) + u, u = exp x, v = exp y": lambda x, y: ((u := x.exp()) + y.exp()) + u,
    "a diamond: exp u + exp(-u), u = exp x": lambda x, y: (u := x.exp()).exp() + (-u).exp(),
}


def graphs(rng, dtype):
    """Edges (E, 2): who uses whom. The last graph is a random one, in which nobody uses a node of a lower number."""
    uses = [(i, j) for j in range(1, 12) for i in rng.choice(j, size=min(j, 2), replace=False)]
    shuffled = [uses[i] for i in rng.permutation(len(uses))]
    return {case: {"edges": np.array(edges)} for case, edges in {**EDGES, "12 nodes": shuffled}.items()}


def formulas(rng, dtype):
    """x and y, what is computed of them, and a gradient to begin with."""
    return {
        formula: {
            "formula": formula, "x": np.asarray(rng.uniform(-1, 1, 2), dtype), "y": normal(rng, dtype, 2),
            "gradient": normal(rng, dtype, 2),
        }
        for formula in FORMULAS
    }  # fmt: skip


def starts(rng, dtype):
    """Where a walk starts: at a loss, or at a tensor whose gradient is given."""
    x = np.asarray(rng.uniform(0.2, 1, 3), dtype)
    return {
        "a loss, sum of exp x": {"x": x, "reduce": True, "gradient": None},
        "exp x, its gradient given": {"x": x, "reduce": False, "gradient": normal(rng, dtype, 3)},
        "one number, exp x": {"x": x[:1], "reduce": False, "gradient": None},
        "a loss, its gradient given": {"x": x, "reduce": True, "gradient": np.asarray(0.3, dtype)},
    }


def two_gradients(rng, dtype):
    shapes = {"two numbers": (2,), "2 x 3 numbers": (2, 3)}
    return {case: {"first": normal(rng, dtype, s), "second": normal(rng, dtype, s)} for case, s in shapes.items()}


def nets(rng, dtype):
    """Images x (N, 2), what is wanted of them, and the weights of a net that is to be fitted to that."""
    cases = {"1 step": 1, "3 steps": 3}
    return {
        case: {
            "x": normal(rng, dtype, (6, 2)), "wanted": normal(rng, dtype, (6, 1)), "U": normal(rng, dtype, (2, 4)),
            "b": normal(rng, dtype, 4), "V": normal(rng, dtype, (4, 1)), "unused": normal(rng, dtype, 2),
            "steps": steps,
        }
        for case, steps in cases.items()
    }  # fmt: skip


# -- calls -------------------------------------------------------------------------------------------


def call_unbroadcast(df, shape):
    from minidelve.ops.broadcasting import unbroadcast

    return {"dx": unbroadcast(df, shape)}


def gradients(f, df):
    """What the backward of the op that made f returns."""
    dx, dy = f.function.backward(df)
    return {"dx": dx, "dy": dy}


def wanting(*arrays):
    from minidelve import Tensor

    return [Tensor(x, requires_grad=True) for x in arrays]


def call_multiply(df, x, y):
    x, y = wanting(x, y)
    return gradients(x * y, df)


def call_divide(df, x, y):
    x, y = wanting(x, y)
    return gradients(x / y, df)


def call_maximum(df, x, y):
    from minidelve.ops.elementwise import maximum, minimum

    x, y = wanting(x, y)
    of_minimum = gradients(minimum(x, y), df)
    return gradients(maximum(x, y), df) | {f"{name} of minimum": d for name, d in of_minimum.items()}


def call_matmul(df, x, y):
    x, y = wanting(x, y)
    return gradients(x @ y, df)


def call_order(edges):
    from minidelve.tensor import Function, reverse_topological_order

    count = int(edges.max()) + 1
    inner = set(edges[:, 0].tolist())
    nodes = [Function() if i in inner else wanting(np.zeros(1))[0] for i in range(count)]
    for user, source in edges.tolist():  # None stands for an input that wants no gradient
        nodes[user].sources = (*(nodes[user].sources or (None,)), nodes[source])
    order = [id(node) for node in reverse_topological_order(nodes[0])]
    times = Counter(order)
    place = {node: at for at, node in reversed(list(enumerate(order)))}
    late = np.zeros(count, int)
    for user, source in edges.tolist():
        late[source] += place.get(id(nodes[user]), count) >= place.get(id(nodes[source]), count)
    return {
        "the count of node": np.array([times[id(node)] for node in nodes]),
        "the count of users behind node": late,
        "nodes of other graphs": len(order) - sum(times[id(node)] for node in nodes),
    }


def call_add_to_grad(first, second):
    from minidelve.tensor.walk import add_to_grad

    (leaf,) = wanting(np.zeros_like(first))
    add_to_grad(leaf, first.copy())
    once = grad_of(leaf)
    add_to_grad(leaf, second.copy())
    return {"grad": once, "grad after a second walk": grad_of(leaf)}


def call_walk(formula, x, y, gradient):
    from minidelve.tensor.walk import walk_back

    x, y = wanting(x, y)
    f = FORMULAS[formula](x, y)
    functions = functions_behind(f.node)
    walk_back(f.node, gradient, True)
    dx, dy = grad_of(x), grad_of(y)
    walk_back(f.node, gradient, False)
    return {
        "dx": dx,
        "dy": dy,
        "dx after a second walk": grad_of(x),
        "a third walk, the graph being freed": outcome(walk_back, f.node, gradient, False),
        "dx after that": grad_of(x),
        "Functions that are not freed": sum(not each.freed for each in functions),
    }


def functions_behind(node):
    """A node and all Functions that it comes from, one as often as it is used."""
    sources = getattr(node, "sources", None)
    return [] if sources is None else [node, *(each for source in sources for each in functions_behind(source))]


def call_tensor_backward(x, reduce, gradient):
    (x,) = wanting(x)
    f = x.exp().sum() if reduce else x.exp()
    f.backward(gradient, retain_graph=True)
    once = grad_of(x)
    f.backward(gradient)
    return {
        "dx": once,
        "dx after a second backward()": grad_of(x),
        "a third one, without retain_graph": outcome(f.backward, gradient),
        "without requires_grad": outcome(x.detach().backward, np.ones_like(x.data)),
    }


def grad_of(leaf):
    """A copy of its .grad; zeros where nothing came."""
    return np.zeros_like(leaf.data) if leaf.grad is None else np.array(leaf.grad)


def outcome(call, *arguments):
    """The name of the error that a call raises."""
    try:
        call(*arguments)
    except Exception as error:
        return type(error).__name__
    return "no error"


def call_descend(x, wanted, U, b, V, unused, steps):
    from minidelve import Tensor
    from minidelve.ops.elementwise import maximum
    from minidelve.optim.descent import descend

    U, b, V, unused = parameters = wanting(U.copy(), b.copy(), V.copy(), unused.copy())

    def loss():
        difference = maximum(x @ U * 0.5 + b, 0) @ V - wanted
        return (difference * difference).mean()

    losses = descend(loss, parameters, lr=0.05, steps=steps)
    kinds = {"a Tensor" if isinstance(each, Tensor) else "a number" for each in losses}
    numbers = np.array([each.data if isinstance(each, Tensor) else each for each in losses])
    return {
        "losses": numbers,
        "each loss": " or ".join(sorted(kinds)),
        "U": U.data,
        "b": b.data,
        "V": V.data,
        "unused": unused.data,
    }


ENGINE = "reverse_topological_order", "add_to_grad", "walk_back"
TASKS = [
    Task("unbroadcast", (f"{BROADCASTING}:unbroadcast",), 1, broadcast, call_unbroadcast, large=many_copies),
    Task("Multiply.backward", (f"{ELEMENTWISE}:Multiply.backward",), 1, pairs, call_multiply, needs=("unbroadcast",)),
    Task("Divide.backward", (f"{ELEMENTWISE}:Divide.backward",), 1, pairs, call_divide, needs=("unbroadcast",)),
    Task("Maximum.backward", (f"{ELEMENTWISE}:Maximum.backward",), 1, ties, call_maximum, needs=("unbroadcast",)),
    Task("MatMul.backward", (f"{MATMUL}:MatMul.backward",), 1, matrices, call_matmul, large=large_matrices),
    Task("reverse_topological_order", (f"{WALK}:reverse_topological_order",), 1, graphs, call_order),
    Task("add_to_grad", (f"{WALK}:add_to_grad",), 1, two_gradients, call_add_to_grad),
    Task("walk_back", (f"{WALK}:walk_back",), 1, formulas, call_walk, needs=ENGINE[:2]),
    Task("Tensor.backward", (f"{TENSOR}:Tensor.backward",), 1, starts, call_tensor_backward, needs=ENGINE),
    Task("descend", (f"{DESCENT}:descend",), 1, nets, call_descend,
         needs=("unbroadcast", "Multiply.backward", "Maximum.backward", "MatMul.backward", *ENGINE, "Tensor.backward")),
]  # fmt: skip
