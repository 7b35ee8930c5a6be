"""The table of every registered method; it loads the rooms so that they register theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def methods() -> pd.DataFrame:
    """List every registered method with its abilities.

    Returns
    -------
    DataFrame
        One row per method: `verb, method, summary, takes, estimands, families, covariates, weights,
        needs, options, reference`.

    Examples
    --------
    >>> import impact
    >>> "group_time" in set(impact.methods()["method"])
    True
    """
    import impact.claims.audit
    import impact.design.match
    import impact.diagnose.check
    import impact.estimate.att  # noqa: F401
    from impact.core.registry import METHODS

    return METHODS.table()
