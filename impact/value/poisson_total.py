"""A Poisson coefficient as euros: what participants would not have exported without the programme."""

from __future__ import annotations

import math

import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import infer
from impact.display.numbers import format_number
from impact.estimate.effect import EffectResult


def poisson_total(
    theta: tuple[float, float] | EffectResult,
    observed: float,
    *,
    term: str | None = None,
    unit: str = "EUR",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """The part of an observed total that an effect on its logarithm brought.

    Parameters
    ----------
    theta : (float, float) or EffectResult
        Coefficient and standard error; or a Poisson result of `impact.regress` (which `term`).
    observed : float
        What participants had with the programme, over the years that the coefficient speaks of, in `unit`: their total, and not a mean.
    term : str, optional
        Term of the result; needed where it has several.
    unit : str
    conf_level : float

    Returns
    -------
    DataFrame
        One row `term, estimate` to `conf_high`, `unit, label`. The ends of the interval are those of theta, turned by the same formula; the
        standard error is the delta method's.

    Raises
    ------
    DataError
        Numbers that are not finite, a negative total, a standard error below zero.
    EstimationError
        A result that is no coefficient of a Poisson regression.

    Notes
    -----
    With Y observed and Y(0) = Y exp(-theta) without the programme, the total is `Y (1 - exp(-theta))`. Effects by `impact.att` with
    `family="poisson"` are in the unit of the outcome already.

    Examples
    --------
    >>> poisson_total((0.25, 0.1), 1e6)[["estimate", "conf_low", "conf_high"]].round(0).to_dict("records")
    [{'estimate': 221199.0, 'conf_low': 52571.0, 'conf_high': 359814.0}]
    """
    value, error = (
        _coefficient(theta, term)
        if isinstance(theta, EffectResult)
        else (float(theta[0]), float(theta[1]))
    )
    faults = [
        Fault("not a finite number", "give a number", column=name, value=number)
        for name, number in (("theta", value), ("observed", observed))
        if not math.isfinite(number)
    ]
    if observed < 0:
        faults.append(
            Fault(
                "a total cannot be negative",
                "give what participants had with the programme",
                column="observed",
                value=observed,
            )
        )
    if error < 0 or math.isinf(error):
        faults.append(
            Fault(
                "a standard error cannot be negative or infinite",
                "leave it missing where it is not known",
                column="theta",
                value=error,
            )
        )
    if faults:
        raise DataError("The total cannot be formed.", faults)
    of_theta = infer([value], [error], conf_level=conf_level).iloc[0]
    turned = {
        end: observed * -math.expm1(-float(of_theta[end])) for end in ("conf_low", "conf_high")
    }
    row = {
        "term": "total",
        "estimate": observed * -math.expm1(-value),
        "std_error": observed * math.exp(-value) * float(of_theta["std_error"]),
        "statistic": of_theta["statistic"],
        "p_value": of_theta["p_value"],
        **turned,
        "unit": unit,
        "label": f"net {unit} of {format_number(observed, 0)} {unit} observed, by 1 - exp(-theta)",
    }
    return pd.DataFrame([row])


def _coefficient(effect: EffectResult, term: str | None) -> tuple[float, float]:
    if effect.family != "poisson" or effect.scale != "link":
        raise EstimationError(
            f"This result is of family {effect.family!r} and {'in the unit of the outcome' if effect.scale == 'outcome' else effect.scale}; a "
            "coefficient of a Poisson regression is needed (impact.regress with family='poisson')."
        )
    table = effect.estimates.set_index("term")
    if term is None and len(table) == 1:
        term = str(table.index[0])
    if term not in table.index:
        raise EstimationError(
            f"There is no term {term!r}; choose one of {', '.join(map(str, table.index))}."
        )
    return float(table.loc[term, "estimate"]), float(table.loc[term, "std_error"])
