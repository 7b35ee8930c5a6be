"""Products on one thread, and the other threads given back."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from impact.engines.one_thread import on_one_thread


def threads() -> set[int]:
    return {int(lib["num_threads"]) for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_one_inside_and_as_before_outside() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    before = threads()
    inside = on_one_thread(threads)
    assert inside() == {1}
    assert threads() == before


def test_threads_come_back_after_an_error() -> None:
    before = threads()

    @on_one_thread
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    assert threads() == before
