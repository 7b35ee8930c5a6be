"""Check `leave_one_out`: could one firm be the result?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, cluster_sums, infer
from impact.core.registry import METHODS
from impact.diagnose.finding import Finding
from impact.display.digits import number_text
from impact.display.numbers import format_number
from impact.estimate.effect import EffectResult


@METHODS.register(
    "check",
    "leave_one_out",
    summary="largest change of the overall effect when one firm is left out, to first order",
    takes=("effect",),
    needs=("influence functions",),
    reference="Hampel (1974), The influence curve and its role in robust estimation",
)
def leave_one_out(effect: EffectResult) -> Finding:
    """Say how far any one firm moves the overall effect, without naming it.

    Parameters
    ----------
    effect : EffectResult
        Group-time cells, which are averaged, or an effect of one row.

    Returns
    -------
    Finding
        `size` is the largest change in the unit of the outcome, with its sign, and `statistic` the
        same in standard errors. `fails` where leaving out some firm flips the sign of the effect, or
        whether it can be told from zero.

    Notes
    -----
    The change is that of the influence functions, `-psi_i / (n - 1)`, and not of a second fit; a firm
    with high leverage moves the refitted effect by more. The standard error without firm i is that of
    the remaining influence functions. The firm is not named: the table may leave the data folder.
    """
    try:
        overall = _overall(effect)
    except EstimationError as refused:
        return Finding("leave_one_out", "cannot tell", refused.message)
    assert overall.influence is not None
    assert overall.firms is not None
    psi = overall.influence.iloc[:, 0].to_numpy(dtype=np.float64)
    full = overall.estimates.iloc[0]
    n = len(psi)
    if n < 3 or not np.isfinite(psi).all() or pd.isna(full["std_error"]):
        return Finding(
            "leave_one_out",
            "cannot tell",
            "The overall effect has no standard error, so that the weight of one firm cannot be judged.",
            n=n,
        )
    change, std_error = without_each(psi, overall.firms["cluster"].to_numpy())
    return _finding(overall, full, change, std_error)


def without_each(
    psi: FloatArray, cluster: npt.NDArray[np.generic]
) -> tuple[FloatArray, FloatArray]:
    """First-order change of an estimate, and its standard error, without each firm in turn.

    Parameters
    ----------
    psi : array, shape (n,)
        Influence of each firm.
    cluster : array, shape (n,)
        Cluster of each firm.

    Returns
    -------
    array, shape (n,)
        `-psi_i / (n - 1)`.
    array, shape (n,)
        Square root of `sum_c s_c^2 / (n - 1)^2`, s_c the sum over cluster c without firm i.

    Examples
    --------
    >>> without_each(np.array([2.0, -1.0, -1.0]), np.array([0, 1, 2]))[0].tolist()
    [-1.0, 0.5, 0.5]
    """
    n = len(psi)
    codes = pd.factorize(cluster, sort=True)[0]
    sums = cluster_sums(psi[:, None], cluster)[:, 0]
    own = sums[codes]
    squares = (sums**2).sum() - own**2 + (own - psi) ** 2
    return -psi / (n - 1), np.sqrt(np.clip(squares, 0.0, None)) / (n - 1)


def _overall(effect: EffectResult) -> EffectResult:
    """The effect as one row with influence functions.

    Raises
    ------
    EstimationError
        If it has no influence functions, or several rows that are averaged already.
    """
    if effect.influence is None or effect.firms is None:
        raise EstimationError(
            f"The method {effect.method!r} gives no influence functions, so that the weight of one "
            "firm is not known."
        )
    return effect if len(effect.estimates) == 1 else effect.aggregate("overall")


def _finding(
    overall: EffectResult, full: pd.Series, change: FloatArray, std_error: FloatArray
) -> Finding:
    alpha = 1 - overall.conf_level
    left = infer(full["estimate"] + change, std_error, conf_level=overall.conf_level, df=overall.df)
    signs = int((np.sign(left["estimate"]) != np.sign(full["estimate"])).sum())
    flips = int(((left["p_value"] < alpha) != (full["p_value"] < alpha)).sum())
    largest = float(change[np.argmax(np.abs(change))])
    relative = largest / float(full["std_error"])
    kept = "it can be told from zero" if full["p_value"] < alpha else "it cannot be told from zero"
    if signs or flips:
        outcome = (
            f"Firms without which its sign changes: {format_number(signs)}; without which it changes "
            f"whether it can be told from zero: {format_number(flips)}."
        )
    else:
        outcome = f"Its sign, and that {kept}, do not hang on one firm."
    sentence = (
        f"Leaving out any one of {format_number(len(change))} firms moves the overall effect of "
        f"{number_text(full['estimate'])} by at most {number_text(abs(largest))} "
        f"({format_number(abs(relative), 2)} standard errors; first-order, from influence functions, "
        f"not refitted). {outcome}"
    )
    return Finding(
        "leave_one_out",
        "fails" if signs or flips else "passes",
        sentence,
        statistic=relative,
        size=largest,
        n=len(change),
    )
