"""What the items' tests share."""

from collections.abc import Iterator

import pytest

from minidelve.training import curves


@pytest.fixture(scope="module", autouse=True)
def no_curves() -> Iterator[None]:
    """Drawing curves.png takes longer than training here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves, "draw_curves", lambda *args, **kwargs: None)
        yield
