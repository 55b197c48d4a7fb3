"""The walk back: the chain rule, from the Function that made a loss to the leaves it was computed from.

The nodes of the graph are Functions and leaves. Call v the output of a node, or the leaf itself. E depends on v by way
of every op f that read v, its consumers, and by no other way, so

    dE/dv = sum over the consumers f of v of  df/dv^T dE/df                                   (1b)

with df/dv the matrix of the derivatives of f's numbers by v's. The matrix is never made: f.backward takes dE/df and
gives the product, f's share of dE/dv. An op that reads v twice sends two shares, as x * x does.

A node can pass on only a sum that is complete. So they are walked in reverse topological order: when a node's turn
comes, all its consumers have had theirs.

>>> from minidelve import Tensor
>>> x = Tensor(3.0, requires_grad=True)
>>> y = x * x
>>> [type(node).__name__ for node in reverse_topological_order((y + x).node)]
['Add', 'Multiply', 'Tensor']
>>> (y + x).backward()  # Multiply's shares are 3 and 3, Add's is 1
>>> x.grad.item()
7.0
"""

from __future__ import annotations

from typing import Any

from minidelve.backend import array_module, held
from minidelve.tensor.array import HeldArray

Node = Any  # a Function; or a leaf, which is a Tensor that no Function made, where the walk ends


def walk_back(root: Node, gradient: Any, retain_graph: bool) -> None:
    """Add dE/dleaf to .grad of every leaf behind root, given dE/d(root's output).

    Raises RuntimeError, before anything is added, where an earlier walk has freed the graph.
    """
    arrived: dict[int, Any] = {id(root): gradient}  # the sum in (1b) so far, for each node
    order = reverse_topological_order(root)
    refuse_freed(order)
    for node in order:
        df = arrived.pop(id(node))
        if is_leaf(node):
            add_to_grad(node, df)
            continue
        for source, share in shares_of(node, df, retain_graph):
            earlier = arrived.get(id(source))
            if earlier is not None:
                share = earlier + share  # not +=: `earlier` may be an array that others hold too
            arrived[id(source)] = share
        if not retain_graph:
            node.free()


def shares_of(node: Node, df: Any, retain_graph: bool) -> list[tuple[Node, Any]]:
    """Run a Function's backward; each source that wants a gradient, with its share.

    A leaf may keep its share as .grad, so it gets an array of its own: scaling that must change nothing else.
    """
    node.retain_graph = retain_graph
    gradients = node.run_backward(df)
    shares = []
    for i, (source, share) in enumerate(zip(node.sources, gradients, strict=True)):
        if source is None:
            continue
        if is_leaf(source) and overlaps(share, (df, *node.saved, *gradients[:i], *gradients[i + 1 :])):
            share = share.copy()
        shares.append((source, share))
    return shares


def add_to_grad(leaf: Any, df: Any) -> None:
    """What a leaf gets, beside what earlier walks have left there."""
    sum_ = df if leaf.grad is None else leaf.grad + df
    leaf.grad = held(array_module(sum_).asarray(sum_))  # 0-d sums are NumPy scalars, some views read-only


def reverse_topological_order(root: Node) -> list[Node]:
    """Every node reachable from root, each before its sources.

    A node is noted when all of its sources have been: then those come before it, and backwards, behind it.

    Iterative: Python's recursion limit would stop a recursive walk after 1,000 ops.
    """
    order: list[Node] = []
    seen = {id(root)}
    stack = [(root, iter(sources_of(root)))]  # the way from the root, and at each node the sources still to visit
    while stack:
        node, sources = stack[-1]
        for source in sources:
            if source is not None and id(source) not in seen:
                seen.add(id(source))
                stack.append((source, iter(sources_of(source))))
                break
        else:  # all sources have been noted
            order.append(node)
            stack.pop()
    return order[::-1]


def is_leaf(node: Node) -> bool:
    """Whether the walk ends here: nothing else in the graph is an array."""
    return isinstance(node, HeldArray)


def sources_of(node: Node) -> tuple[Node | None, ...]:
    """The nodes one step further back, None for an input that wants no gradient; a leaf has none."""
    return () if is_leaf(node) else node.sources


def refuse_freed(order: list[Node]) -> None:
    """RuntimeError with the cure if a Function of these has let go of what it saved."""
    for node in order:
        if not is_leaf(node) and node.freed:
            raise RuntimeError(
                f"backward() needs {type(node).__name__} a second time, but the first backward() freed what it had "
                "saved; call the first one with retain_graph=True, or run the forward pass again"
            )


def overlaps(x: Any, others: tuple[Any, ...]) -> bool:
    """Whether x lies in the memory of another array."""
    if x.base is None:  # the usual case, and quick to tell: its memory belongs to it and to its views
        return any(other is x or getattr(other, "base", None) is x for other in others)
    xp = array_module(x)
    return any(xp.may_share_memory(x, other) for other in others if isinstance(other, type(x)))
