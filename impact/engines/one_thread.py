"""Linear algebra on one thread: same digits on every machine, and no waiting where other work uses the processors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401  # brings its own library, which must be known to be limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function compute its products of tall matrices on one thread, and give the others back after it.

    The matrices of this package are tall and narrow: threads win little on them, lose much where a processor is shared (a product of 100,000 rows
    took 3 s instead of 0.01 s), and add up in another order for another number of them, which changes the last digit.
    """

    @wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return alone
