"""no_grad(): no graph inside, whatever is nested or raised, and in this thread only."""

import threading

import pytest

from minidelve import Tensor, no_grad


def records() -> bool:
    return (Tensor([1.0], requires_grad=True) * 2.0).requires_grad


def test_no_grad_leaves_no_graph_nested_and_after_exceptions():
    with no_grad():
        with no_grad():
            assert not records()
        assert not records()
        y = Tensor([1.0], requires_grad=True) * 2.0
        assert y.function is None
    assert records()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert records()


def test_no_grad_decorates_functions_that_may_call_themselves():
    @no_grad()
    def count(n: int) -> list[bool]:
        return [*(count(n - 1) if n else []), records()]

    assert count(3) == [False] * 4 and count(1) == [False] * 2 and records()


def test_no_grad_holds_for_its_own_thread_only():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(records()))
        thread.start()
        thread.join()
    assert seen == [True]
