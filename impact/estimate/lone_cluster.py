"""Whether an arm is in one cluster alone, of which no spread between clusters can be seen."""

from __future__ import annotations

from impact.estimate.did_scores import BoolArray
from impact.estimate.two_way import IntArray


def lone_cluster(clusters: IntArray, among: BoolArray) -> bool:
    """Whether these firms are in fewer than two clusters.

    Parameters
    ----------
    clusters : array of int, shape (n,)
    among : array of bool, shape (n,)
        The firms of the arm.

    Examples
    --------
    >>> import numpy as np
    >>> lone_cluster(np.array([0, 0, 1]), np.array([True, True, False]))
    True
    """
    own = clusters[among]
    return not len(own) or bool(own.min() == own.max())
