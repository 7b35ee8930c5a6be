"""The verb `regress`: least squares with fixed effects and clustered standard errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import SMALL_SAMPLE, FloatArray, infer, small_sample_factor
from impact.core.panel import Panel, as_codes, require_columns
from impact.core.tidy import estimate_table
from impact.engines.fixed_effects import LeastSquares, least_squares
from impact.engines.formula import ParsedFormula, matrices, parse
from impact.estimate.effect import EffectResult
from impact.estimate.zero_logarithms import untransformed, zero_logarithm_refused
from impact.outcomes.zero_transforms import asked_transform


def regress(
    formula: str,
    data: pd.DataFrame | Panel,
    *,
    family: str = "gaussian",
    cluster: str | None = None,
    weights: str | None = None,
    small_sample: str = "fixest",
    conf_level: float = 0.95,
) -> EffectResult:
    """Regress an outcome on terms, with one or two fixed effects absorbed.

    Parameters
    ----------
    formula : str
        `outcome ~ terms | fixed effects`, for example `"log_sales ~ grant | firm_id + year"`.
        The part after the bar may be left out.
    data : DataFrame or Panel
        Rows in any order; rows with a missing value in a column that the formula uses are left out
        and counted in the notes. The data are not changed.
    family : str
        `gaussian`.
    cluster : str, optional
        Column of the clusters. Where missing, the classical variance, which assumes independent
        errors of equal variance.
    weights : str, optional
        Column of positive weights; a panel's own weights are used where it has them.
    small_sample : {"fixest", "linearmodels", "none"}
        Small-sample factor of a clustered variance; see `impact.core.inference.SMALL_SAMPLE`.
    conf_level : float
        Level of the intervals; t distribution with G - 1 degrees of freedom when clustered
        (N - K otherwise).

    Returns
    -------
    EffectResult
        One row per term.

    Raises
    ------
    EstimationError
        If the formula cannot be read or evaluated, no rows remain, or terms are collinear; if its outcome is asinh(y) or log(1 + y),
        whose coefficients depend on the unit of y: the message shows by how much, and what to estimate instead.
    DataError
        If a column is missing.

    Notes
    -----
    Within estimator: Wooldridge (2010), *Econometric Analysis of Cross Section and Panel Data*,
    section 10.5. Clustered sandwich: Arellano (1987).

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"firm": [1, 1, 2, 2, 3, 3], "year": [1, 2, 1, 2, 1, 2],
    ...                      "grant": [0, 1, 0, 0, 0, 0], "y": [1.0, 4.0, 2.0, 3.0, 0.0, 2.0]})
    >>> float(regress("y ~ grant | firm + year", rows).tidy()["estimate"].round(6).iloc[0])
    1.5
    """
    if family != "gaussian":
        raise EstimationError(f"regress has the family 'gaussian'; {family!r} was asked for.")
    if small_sample not in SMALL_SAMPLE:
        names = ", ".join(map(repr, SMALL_SAMPLE))
        raise EstimationError(f"There is no small-sample factor {small_sample!r}: {names}.")
    frame = data.data if isinstance(data, Panel) else data
    if weights is None and isinstance(data, Panel):
        weights = data.weights
    parsed = parse(formula)
    asked = asked_transform(parsed.outcome)
    if asked is not None:
        parsed = untransformed(parsed, asked)
    extra = [c for c in (cluster, weights) if c is not None]
    columns = list(dict.fromkeys([*parsed.columns, *extra]))
    require_columns(frame, columns)
    rows, firms = _complete(frame, columns, data)
    if rows.empty:
        raise EstimationError(f"No row has a value in each of {', '.join(columns)}.")

    def fitted(rows: pd.DataFrame, outcome: str) -> EffectResult:
        return _fitted(
            replace(parsed, outcome=outcome), rows, firms, data, len(frame), cluster, weights,
            small_sample, conf_level,
        )  # fmt: skip

    if asked is not None:
        raise zero_logarithm_refused(asked, rows, data, fitted)
    return fitted(rows, parsed.outcome)


def _complete(
    frame: pd.DataFrame, columns: list[str], data: pd.DataFrame | Panel
) -> tuple[pd.DataFrame, int | None]:
    """Complete rows, in an order that does not depend on the caller's, and the firms among them.

    Sums of floats depend on their order; rows sorted by firm and period, or by their own values,
    give the same bytes whatever the file's order was.
    """
    keys = [data.unit, data.time] if isinstance(data, Panel) else columns
    used = frame[list(dict.fromkeys([*columns, *keys]))]
    rows = used[used[columns].notna().all(axis=1)].sort_values(keys, kind="stable")
    firms = int(rows[data.unit].nunique()) if isinstance(data, Panel) else None
    return rows[columns].reset_index(drop=True), firms


def _fitted(
    parsed: ParsedFormula,
    rows: pd.DataFrame,
    firms: int | None,
    data: pd.DataFrame | Panel,
    n_given: int,
    cluster: str | None,
    weights: str | None,
    small_sample: str,
    conf_level: float,
) -> EffectResult:
    outcome, design = matrices(parsed, rows)
    _refuse_degenerate(design, len(rows), has_effects=bool(parsed.effects))
    codes = {name: as_codes(rows[name])[0] for name in parsed.effects}
    groups = None if cluster is None else as_codes(rows[cluster])[0]
    if groups is not None and groups.max() < 1:
        raise EstimationError("There is one cluster; a clustered variance needs two at the least.")
    w = None if weights is None else rows[weights].to_numpy(dtype=np.float64)
    fit = least_squares(
        outcome.to_numpy(), design.to_numpy(), list(codes.values()), groups, weights=w
    )
    vcov, df, named = _scaled(fit, codes, groups, design.shape[1], small_sample)
    table = infer(fit.coefficients, np.sqrt(np.diag(vcov)), conf_level=conf_level, df=df)
    table.insert(0, "term", list(design.columns))
    table["n_obs"] = len(rows)
    if firms is not None:
        table["n_units"] = firms
    table["n_clusters"] = pd.NA if groups is None else int(groups.max()) + 1
    label = data.label(parsed.outcome) if isinstance(data, Panel) else parsed.outcome
    return EffectResult(
        estimates=estimate_table(table),
        vcov=vcov,
        influence=None,
        firms=None,
        method="fixed effects" if parsed.effects else "least squares",
        estimand="coefficient",
        outcome=parsed.outcome,
        family="gaussian",
        label=label,
        conf_level=conf_level,
        df=df,
        small_sample=named,
        variance=_variance_words(cluster, named),
        notes=_notes(parsed, rows, n_given, codes),
        source=data if isinstance(data, Panel) else None,
    )


def _refuse_degenerate(design: pd.DataFrame, n: int, *, has_effects: bool) -> None:
    if n <= design.shape[1]:
        raise EstimationError(f"{n} rows cannot carry {design.shape[1]} terms.")
    for name in design.columns:
        if not design[name].any():
            raise EstimationError(
                f"The term {name!r} is 0 in every row that is used; leave it out."
            )
        if has_effects and design[name].nunique() == 1:
            raise EstimationError(
                f"The term {name!r} does not vary, so it is collinear with the fixed effects; "
                "leave it out."
            )


def _scaled(
    fit: LeastSquares,
    codes: dict[str, npt.NDArray[np.int64]],
    groups: npt.NDArray[np.int64] | None,
    n_slopes: int,
    small_sample: str,
) -> tuple[FloatArray, float, str]:
    """Apply the named factor and give the degrees of freedom of the t distribution."""
    n = len(fit.residuals)
    sizes = {
        name: (int(code.max()) + 1, groups is not None and _nested(code, groups))
        for name, code in codes.items()
    }
    if groups is None:
        # Classical: sigma^2 over N - K with every effect counted. The engine divided by N.
        k = n_slopes + sum(levels - 1 for levels, _ in sizes.values()) + (1 if codes else 0)
        if n <= k:
            raise EstimationError(f"{n} rows leave no degrees of freedom for {k} parameters.")
        return fit.covariance * n / (n - k), float(n - k), "classical"
    n_clusters = int(groups.max()) + 1
    factor = small_sample_factor(
        small_sample, n_obs=n, n_slopes=n_slopes, effect_sizes=sizes, n_clusters=n_clusters
    )
    return fit.covariance * factor, float(n_clusters - 1), small_sample


def _nested(code: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]) -> bool:
    """Whether every level of an effect lies within one cluster."""
    pairs = np.unique(np.column_stack([code, groups]), axis=0)
    return len(pairs) == int(code.max()) + 1


def _variance_words(cluster: str | None, small_sample: str) -> str:
    if cluster is None:
        return "classical standard errors, sigma^2 over N - K, fixed effects counted in K"
    return f"standard errors clustered by {cluster}, factor {SMALL_SAMPLE[small_sample]}"


def _notes(
    parsed: ParsedFormula,
    rows: pd.DataFrame,
    n_given: int,
    codes: dict[str, npt.NDArray[np.int64]],
) -> tuple[str, ...]:
    notes = []
    if n_given > len(rows):
        notes.append(f"{n_given - len(rows):,} rows without a value in the formula are left out.")
    for name, code in codes.items():
        single = int((np.bincount(code) == 1).sum())
        if single:
            notes.append(f"{single:,} levels of {name} have a single row and add no information.")
    return tuple(notes)
