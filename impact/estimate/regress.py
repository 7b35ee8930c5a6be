"""The verb `regress`: least squares, instruments, Poisson and logit with any number of fixed effects and clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, infer
from impact.core.panel import Panel, require_columns
from impact.core.tidy import estimate_table
from impact.core.whole_numbers import by_number, counted
from impact.engines.formula import ParsedFormula, effect_columns, effect_names, parse, with_stage_of
from impact.engines.one_thread import on_one_thread
from impact.estimate.effect import EffectResult
from impact.estimate.regress_fit import Fit, fit_least_squares, fit_likelihood
from impact.estimate.regress_iv import first_stage_notes, fit_two_stages
from impact.estimate.regress_request import Asked, asked_of
from impact.estimate.regress_rows import (
    Factor,
    IntArray,
    Sample,
    complete_rows,
    left_out_words,
    sample_of,
    without_level,
    without_zero_weights,
)
from impact.estimate.regress_variance import Variance, few_clusters, score_sums, variance_of
from impact.estimate.zero_logarithms import untransformed, zero_logarithm_refused
from impact.outcomes.zero_transforms import asked_transform


@on_one_thread
def regress(
    formula: str,
    data: pd.DataFrame | Panel,
    *,
    family: Literal["gaussian", "poisson", "logit"] = "gaussian",
    fixed_effects: str | Sequence[str] | None = None,
    cluster: str | Sequence[str] | None = None,
    weights: str | None = None,
    variance: str | None = None,
    small_sample: str = "fixest",
    singletons: Literal["keep", "drop"] = "keep",
    conf_level: float = 0.95,
) -> EffectResult:
    """Regress an outcome on terms, with any number of fixed effects absorbed.

    Parameters
    ----------
    formula : str
        `outcome ~ terms | fixed effects`, for example `"log_sales ~ grant | firm_id + sector^year"`; `sector^year` is an effect for each
        pair. The part after the bar may be left out. With instruments (gaussian): `outcome ~ terms | fixed effects | endogenous ~
        instruments`, with `1` for no other terms. `i(event_time, treated, ref=-1)` is a term for each level of the first column but `ref`, multiplied
        with the second (named `event_time::3:treated`, as in R fixest); `i(sector)` are its levels alone, all but the first where no `ref` is given.
    data : DataFrame or Panel
        Rows in any order; rows with a missing value in a column that the formula uses are left out
        and counted in the notes. The data are not changed.
    family : {"gaussian", "poisson", "logit"}
        `poisson` asks for an outcome of 0 or more, whole or not, and gives effects on the logarithm of its mean; `logit` for 0 and 1.
    fixed_effects : str or sequence of str, optional
        The effects, instead of in the formula.
    cluster : str or sequence of str, optional
        Column of the clusters, or several for clusters in several ways at once: `["firm", "year"]` or `"firm + year"`. `"sector^year"` are pairs.
    weights : str, optional
        Column of weights; a panel's own are used where it has them. Rows of weight 0 are left out and counted.
    variance : {"iid", "hetero", "HC1", "HC2", "HC3"}, optional
        Where there are no clusters. `iid` assumes independent errors of equal variance (gaussian) or trusts the family, and is the default
        but for `poisson`, whose default is `hetero`, since the variance of exports is far from their mean. `HC1` is `hetero`. `HC2` and
        `HC3` are for least squares.
    small_sample : {"fixest", "linearmodels", "stata", "none"}
        Small-sample factor of a robust or clustered variance; see `impact.core.inference.REGRESSION_FACTORS`. `stata` is that of reghdfe,
        and of ppmlhdfe for the other families. `HC2`, `HC3` and classical least squares have no use for one, and say so.
    singletons : {"keep", "drop"}
        Whether levels with a single row stay, as in R fixest, or leave again and again until none is left, as in Stata reghdfe. Coefficients
        are the same; rows, and with them small-sample factors, are not.
    conf_level : float
        Level of the intervals; t distribution with G - 1 degrees of freedom when clustered
        (N - K otherwise); normal distribution for `poisson` and `logit`.

    Returns
    -------
    EffectResult
        One row per term; a term that is collinear with terms before it, or with the fixed effects, is left out, and `notes` name it and say with
        what. Clustered one way on a panel, it carries the influence of each firm on each coefficient, without the small-sample
        factor: `vcov` is the factor times the covariance of the influence functions.

    Raises
    ------
    EstimationError
        If the formula cannot be read or evaluated, no rows remain, or no term is left; if terms tell a yes or no of every row without error; if its outcome is asinh(y) or log(1 + y),
        whose coefficients depend on the unit of y: the message shows by how much, and what to estimate instead.
    DataError
        If a column is missing, a weight is negative, or an outcome cannot be one of the family.

    Notes
    -----
    Within estimator: Wooldridge (2010), *Econometric Analysis of Cross Section and Panel Data*,
    section 10.5. Clustered sandwich: Arellano (1987); several ways: Cameron, Gelbach and Miller (2011). Poisson: Correia, Guimaraes and Zylkin
    (2020). Levels whose outcome is always 0 (Poisson) or never varies (logit), and separated rows, are left out, counted and named.

    Collinear: the effects leave 1e-9 of a column's spread or less, or the terms before it 1e-9 of the square of what the effects leave (fixest's
    tolerance). Neither the order of rows nor the unit or the zero of a column matters. With instruments, an instrument is judged after the terms, an
    endogenous regressor after the terms, too.

    Few clusters: least squares take t with G - 1 degrees of freedom, as fixest and Stata do, the other families the normal distribution; under 30
    clusters a note names `impact.wild_bootstrap`. What counts is how many clusters carry the estimate: a Poisson regression weights firms by their
    size. With 150 firms x 6 years, firm effects of SD 0.5, an effect of 0.25 and outcomes that vary together within the firm, clustered intervals
    cover 94.9 % (2,000 draws; mean standard error 0.97 of the standard deviation of the estimates). With firm effects of SD 1 a few large firms
    carry the estimate: 92.3 and 93.5 % in two runs (0.92), 93.5 % with 300 firms (0.93), 94.1 and 94.3 % with 600 (0.97, 0.94), 95.0 % with 1,200
    (0.99). The standard error is the sandwich of the other packages (pyfixest, statsmodels on dummies: 11 digits on such a draw), which is known to be
    too small in small samples (Cameron and Miller 2015, section VI); an error by leaving out one firm after the other was 6 % larger in 200 draws.

    Effects with up to 1,500 levels beside the largest are solved directly, without iterating; see `impact/engines/fixed_effects.py`.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"firm": [1, 1, 2, 2, 3, 3], "year": [1, 2, 1, 2, 1, 2],
    ...                      "grant": [0, 1, 0, 0, 0, 0], "y": [1.0, 4.0, 2.0, 3.0, 0.0, 2.0]})
    >>> float(regress("y ~ grant | firm + year", rows).tidy()["estimate"].round(6).iloc[0])
    1.5
    >>> fit = regress("y ~ grant", rows, family="poisson", fixed_effects=["year"])
    >>> float(fit.tidy()["estimate"].round(6).iloc[0])  # log(4) - log((3 + 2) / 2)
    0.470004
    """
    frame = data.data if isinstance(data, Panel) else data
    asked_for = asked_of(
        family, cluster, weights, variance, small_sample, singletons, conf_level, data
    )
    parsed = _with_effects(parse(formula), fixed_effects)
    if parsed.endogenous and family != "gaussian":
        raise EstimationError(
            f"Instruments are offered for the family 'gaussian' (two-stage least squares); {family!r} was asked for."
        )
    if parsed.endogenous and asked_for.variance in ("HC2", "HC3"):
        raise EstimationError(
            f"{asked_for.variance} is offered for least squares without instruments; use 'hetero', or cluster."
        )
    asked = asked_transform(parsed.outcome)
    if asked is not None:
        parsed = with_stage_of(untransformed(parsed, asked), parsed)
    extra = [
        part
        for name in asked_for.clusters
        for part in ([name] if name in frame else effect_columns((name,)))
    ]
    extra += [asked_for.weights] if asked_for.weights else []
    columns = list(dict.fromkeys([*parsed.columns, *extra]))
    require_columns(frame, columns)
    rows = complete_rows(frame, columns)
    if not (len(frame) if rows is None else len(rows)):
        raise EstimationError(
            f"No row has a value in each of {', '.join(columns)}. Check that these are the columns that were meant: a row is used where none of "
            "them is missing."
        )
    notes = left_out_words(frame, rows, parsed)
    if asked_for.weights:
        rows, more = without_zero_weights(frame, asked_for.weights, rows)
        notes += more
    if asked is not None:
        complete = frame[columns] if rows is None else frame[columns].iloc[rows]

        def fitted(rows: pd.DataFrame, outcome: str) -> EffectResult:
            return _fitted(replace(parsed, outcome=outcome), rows, rows, None, asked_for, ())

        raise zero_logarithm_refused(asked, complete, data, fitted)
    return _fitted(parsed, frame, data, rows, asked_for, notes)


def _with_effects(
    parsed: ParsedFormula, fixed_effects: str | Sequence[str] | None
) -> ParsedFormula:
    if not fixed_effects:
        return parsed
    if parsed.effects:
        raise EstimationError(
            f"Fixed effects stand in the formula ({' + '.join(parsed.effects)}) and beside it; give them in one place."
        )
    names = effect_names(
        fixed_effects if isinstance(fixed_effects, str) else " + ".join(fixed_effects)
    )
    columns = tuple(dict.fromkeys([*parsed.columns, *effect_columns(names)]))
    return replace(parsed, effects=names, columns=columns)


def _fitted(
    parsed: ParsedFormula,
    frame: pd.DataFrame,
    data: pd.DataFrame | Panel,
    rows: IntArray | None,
    asked: Asked,
    said: tuple[str, ...],
) -> EffectResult:
    sample = sample_of(parsed, frame, data, rows, asked.clusters, asked.weights, asked.family)
    if not sample.terms and not sample.endogenous:
        raise EstimationError(
            f"There is nothing to estimate: '{parsed.outcome} ~ {parsed.terms}' has no term beside the fixed effects."
        )
    sample = replace(sample, notes=said)
    notes: tuple[str, ...] = ()
    if asked.family == "gaussian":
        sample = without_level(sample, "gaussian", asked.singletons)
        if parsed.endogenous:
            stages = fit_two_stages(sample)
            fit = stages.second
            notes = first_stage_notes(stages, asked.variance, asked.small_sample)
        else:
            fit = fit_least_squares(sample)
    else:
        fit = fit_likelihood(sample, asked.family, asked.singletons)
    found = variance_of(fit, asked.variance, asked.small_sample)
    notes = (
        *fit.sample.notes,
        *_singleton_words(fit),
        *_idle_effects(fit.sample),
        *_no_error(fit.sample, found),
        *notes,
        *fit.notes,
        *found.notes,
        *few_clusters(found, asked.family, instruments=bool(parsed.endogenous)),
        *_meaning(asked.family),
    )
    return _result(parsed, data, asked, fit, found, notes)


def _idle_effects(sample: Sample) -> list[str]:
    """Name fixed effects that are constant within another one: they take nothing out that it has not taken."""
    said = []
    for name, effect in sample.effects.items():
        for other, wider in sample.effects.items():
            if name != other and wider.size >= effect.size and _constant_within(effect, wider):
                said.append(
                    f"The fixed effect {name} adds nothing: it is constant within {other}. Its levels count in the small-sample factor 'fixest'."
                )
                break
    return said


def _constant_within(effect: Factor, wider: Factor) -> bool:
    last = np.zeros(wider.size, dtype=effect.codes.dtype)
    last[wider.codes] = effect.codes
    return bool((last[wider.codes] == effect.codes).all())


def _no_error(sample: Sample, found: Variance) -> list[str]:
    """Say why no estimate has a standard error where the outcome never changes."""
    still = len(sample) and bool((sample.outcome == sample.outcome[0]).all())
    if still and not (np.diag(found.vcov) > 0).any():
        return ["The outcome is the same in every row, so that there are no standard errors."]
    return []


def _result(
    parsed: ParsedFormula,
    data: pd.DataFrame | Panel,
    asked: Asked,
    fit: Fit,
    found: Variance,
    notes: tuple[str, ...],
) -> EffectResult:
    sample = fit.sample
    order = [*fit.names, *fit.unknown]
    if fit.unknown:
        order = list(sample.terms)
    place = [fit.names.index(n) if n in fit.names else -1 for n in order]
    b = np.append(fit.coefficients, np.nan)[place]
    vcov = np.pad(found.vcov, (0, 1), constant_values=np.nan)[np.ix_(place, place)]
    table = infer(b, np.sqrt(np.diag(vcov)), conf_level=asked.conf_level, df=found.df)
    table.insert(0, "term", order)
    table["n_obs"] = len(sample)
    if sample.firms is not None:
        table["n_units"] = sample.firms.size
    table["n_clusters"] = pd.NA if found.n_clusters is None else found.n_clusters
    influence, firms = _influence(data, fit, order)
    return EffectResult(
        estimates=estimate_table(table),
        vcov=vcov,
        influence=influence,
        firms=firms,
        method=_method(parsed, asked.family),
        estimand="coefficient",
        outcome=parsed.outcome,
        family=asked.family,
        label=data.label(parsed.outcome) if isinstance(data, Panel) else parsed.outcome,
        conf_level=asked.conf_level,
        df=found.df,
        small_sample=found.small_sample,
        variance=found.words,
        notes=notes,
        source=data if isinstance(data, Panel) else None,
        scale="outcome" if asked.family == "gaussian" else "link",
    )


def _method(parsed: ParsedFormula, family: str) -> str:
    effects = " with fixed effects" if parsed.effects else ""
    if parsed.endogenous:
        return f"two-stage least squares{effects}"
    if family == "gaussian":
        return "fixed effects" if effects else "least squares"
    return f"{'Poisson' if family == 'poisson' else 'logit'} regression{effects}"


def _influence(
    data: pd.DataFrame | Panel, fit: Fit, order: list[str]
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """The influence of each firm, where the clusters are firms or hold whole firms."""
    sample = fit.sample
    if not isinstance(data, Panel) or len(sample.clusters) != 1:
        return None, None
    assert sample.firms is not None and sample.units is not None
    (cluster,) = sample.clusters.values()
    home = np.zeros(sample.firms.size, dtype=np.int64)
    home[sample.firms.codes] = cluster.codes
    if (home[sample.firms.codes] != cluster.codes).any():
        return None, None
    sums = (score_sums(fit, [sample.firms]).T @ fit.bread) * sample.firms.size
    if fit.turn is not None:
        sums = sums @ fit.turn.T
    units = pd.Index(sample.units, name=data.unit)
    influence = pd.DataFrame(sums, index=units, columns=fit.names)
    cohort: FloatArray = np.full(len(units), np.nan)
    if data.cohort is not None:
        cohort = data.unit_cohort().reindex(units).to_numpy(dtype=np.float64, na_value=np.nan)
    weight = np.ones(len(units))
    if sample.weights is not None:
        first = np.unique(sample.firms.codes, return_index=True)[1]
        weight = sample.weights[first]
    firms = pd.DataFrame({"cohort": cohort, "weight": weight, "cluster": home}, index=units)
    return influence.reindex(columns=order), firms


def _singleton_words(fit: Fit) -> tuple[str, ...]:
    notes = []
    for place, (name, factor) in enumerate(fit.sample.effects.items()):
        main = place == 0 and fit.effects is not None
        rows = fit.effects.counts if main and fit.effects else np.bincount(factor.codes)
        single = int((rows == 1).sum())
        if single:
            have = by_number(single, "has a single row and adds", "have a single row and add")
            notes.append(f"{counted(single, 'level')} of {name} {have} no information.")
    return tuple(notes)


def _meaning(family: str) -> tuple[str, ...]:
    if family == "poisson":
        return (
            "A coefficient b is an effect on the logarithm of the mean outcome: 100 x (exp(b) - 1) is the change of the mean in per cent.",
        )
    if family == "logit":
        return (
            "A coefficient b is an effect on the log odds: exp(b) is an odds ratio, not a ratio of shares.",
        )
    return ()
