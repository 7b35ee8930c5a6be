"""Random effects, first differences, means of firms, pooled rows, and the test of random against fixed effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import (
    SMALL_SAMPLE,
    FloatArray,
    WaldTest,
    infer,
    small_sample_factor,
    wald,
)
from impact.core.panel import Panel, as_codes, require_columns, require_panel
from impact.core.tidy import estimate_table
from impact.core.whole_numbers import by_number, counted
from impact.engines.formula import evaluate, parse
from impact.engines.one_thread import on_one_thread
from impact.engines.panel_models import Model, PanelFit, fit_panel
from impact.estimate.effect import EffectResult
from impact.estimate.two_way import IntArray
from impact.estimate.zero_logarithms import zero_logarithm_refused
from impact.outcomes.zero_transforms import asked_transform

PanelModel = Literal["random", "first_difference", "between", "pooled", "mundlak"]
MODELS = {
    "random": "random effects",
    "first_difference": "first differences",
    "between": "means of firms",
    "pooled": "pooled rows",
    "mundlak": "random effects with the means of firms (Mundlak)",
}
"""What `impact.panel_model` fits, in words."""

_CONSTANT = "Intercept"
_SAME = 1e-10  # of a column's spread: it does not vary


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Complete rows sorted by firm and period, with codes from 0, and the clusters' codes."""

    outcome: FloatArray
    design: pd.DataFrame
    firm: IntArray
    period: IntArray
    cluster: IntArray
    firms: int
    notes: tuple[str, ...]

    def means(self, names: Sequence[str]) -> pd.DataFrame:
        """Means of columns over the rows of each firm, given to each of its rows."""
        columns = self.design[list(names)]
        return columns.groupby(self.firm).transform("mean")

    def varying(self) -> tuple[list[str], list[str]]:
        """Terms that vary within firms, and of these the ones whose means differ between firms."""
        within, both = [], []
        for name in self.design.columns.drop(_CONSTANT, errors="ignore"):
            mean = self.means([name])[name]
            scale = _SAME * max(float(self.design[name].abs().max()), np.finfo(float).tiny)
            if float((self.design[name] - mean).abs().max()) > scale:
                within.append(name)
                if float(mean.max() - mean.min()) > scale:
                    both.append(name)
        return within, both


@on_one_thread
def panel_model(
    formula: str,
    panel: Panel,
    *,
    model: PanelModel = "random",
    cluster: str | None = None,
    errors: Literal["clustered", "classical"] = "clustered",
    small_sample: str = "fixest",
    conf_level: float = 0.95,
) -> EffectResult:
    """Regress an outcome on terms by a classical panel model, computed by linearmodels.

    Parameters
    ----------
    formula : str
        `outcome ~ terms`, for example `"exports ~ grant + C(year)"`; fixed effects belong to `impact.regress`.
    panel : Panel
        Rows with a missing value in the formula are left out and counted in the notes.
    model : {"random", "first_difference", "between", "pooled", "mundlak"}
        Random effects of firms (Swamy and Arora 1972); differences between a firm's consecutive periods; one row of means for each firm; all rows
        alike; or random effects with the means over each firm of all terms that vary within firms (Mundlak 1978), which gives these the coefficients
        of fixed effects and keeps those of terms that do not vary.
    cluster : str, optional
        Column of the clusters, constant within the firm; the firm where missing.
    errors : {"clustered", "classical"}
        `classical` trusts the model: independent errors of equal variance, over N - K.
    small_sample : {"fixest", "linearmodels", "none"}
        Factor of the clustered variance; see `impact.core.inference.SMALL_SAMPLE`. K is the number of coefficients.
    conf_level : float
        Level of the intervals; t distribution with G - 1 degrees of freedom when clustered (N - K otherwise).

    Returns
    -------
    EffectResult
        One row per term. `first_difference` has no constant: a trend that all firms share is one only if the formula holds the periods.

    Raises
    ------
    EstimationError
        If the formula cannot be read, its terms are collinear, the panel has weights, or the model cannot be fitted.
    DataError
        If a column is missing or `panel` is no panel.

    Notes
    -----
    A firm that is missing in a period has no difference to that period and from it; a period in which no firm is seen is skipped. R plm takes, by default,
    a constant into differences, and the difference to whatever row stands before. In unbalanced panels the variance of the firms' effects is that of
    Baltagi and Chang (1994), as plm and Stata's `xtreg, re sa` have it; linearmodels' default takes a harmonic mean of the numbers of rows.

    References
    ----------
    Wooldridge, J. (2010), *Econometric Analysis of Cross Section and Panel Data*, chapter 10. Mundlak, Y. (1978), "On the pooling of time series and
    cross section data", Econometrica 46(1).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=90, periods=4, cohorts=(3,), seed=1, effect="constant", size=0.5)
    >>> frame["takes_part"] = (frame["year"] >= frame["joined"]).astype(int)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.panel_model("exports ~ takes_part + C(year)", panel, model="mundlak")
    >>> fixed = impact.regress("exports ~ takes_part | firm + year", panel)
    >>> bool(abs(effect.tidy()["estimate"][1] - fixed.tidy()["estimate"][0]) < 1e-10)
    True
    """
    _one_of("model", model, list(MODELS))
    _one_of("kind of errors", errors, ["clustered", "classical"])
    _one_of("small-sample factor", small_sample, list(SMALL_SAMPLE))
    panel = require_panel(panel, "panel_model")
    outcome, rows = _rows(formula, panel, cluster)
    if model == "mundlak":
        rows = _with_means(rows)
    if model == "first_difference":
        rows = _without_constant(rows)
    fit = _fit(rows, "random" if model == "mundlak" else model, clustered=errors == "clustered")
    clusters = len(np.unique(rows.cluster))
    vcov, df, factor = _scaled(fit, rows.design.shape[1], clusters, errors, small_sample)
    table = infer(fit.coefficients, np.sqrt(np.diag(vcov)), conf_level=conf_level, df=df)
    table.insert(0, "term", list(rows.design.columns))
    table = table.assign(n_obs=fit.n_obs, n_units=rows.firms)
    table["n_clusters"] = clusters if errors == "clustered" else pd.NA
    by = "firm" if cluster is None else panel.label(cluster)
    words = (
        f"standard errors clustered by {by}, {_factor_words(factor)}"
        if errors == "clustered"
        else "classical standard errors, sigma^2 over N - K"
    )
    return EffectResult(
        estimates=estimate_table(table),
        vcov=vcov,
        influence=None,
        firms=None,
        method=MODELS[model],
        estimand="coefficient",
        outcome=outcome,
        family="gaussian",
        label=panel.label(outcome),
        conf_level=conf_level,
        df=df,
        small_sample=factor,
        variance=words,
        notes=(*rows.notes, *_notes(model, fit, rows)),
        source=panel,
    )


@dataclass(frozen=True, slots=True, eq=False)
class HausmanResult:
    """What `impact.hausman` found.

    Attributes
    ----------
    tests : DataFrame
        Three rows, `check` ("classical", "one variance", "robust"): `statistic`, `df`, `p_value`.
    coefficients : DataFrame
        One row per compared term: `term`, `fixed`, `random` (their estimates), `difference`, and `mean` (the coefficient of its mean over the firm).
    outcome, label, variance : str
        What was tested, and how the robust form counts.
    notes : tuple of str
    source : Panel
    """

    tests: pd.DataFrame
    coefficients: pd.DataFrame
    outcome: str
    label: str
    variance: str
    notes: tuple[str, ...]
    source: Panel

    def tidy(self) -> pd.DataFrame:
        """A copy of the tests."""
        return self.tests.copy()

    def summary(self) -> str:
        """The tests, the coefficients and what they mean."""
        tests, terms = (
            t.to_string(index=False, float_format=lambda x: f"{x:.4f}")
            for t in (self.tests, self.coefficients)
        )
        p = float(self.tests["p_value"].iloc[-1])
        verdict = "undefined"
        if np.isfinite(p):
            verdict = (
                "the effects of firms go with the terms: use fixed effects"
                if p < 0.05
                else "no sign that the effects of firms go with the terms; that is no proof that they do not"
            )
        return "\n".join(
            [
                tests,
                terms,
                f"On {self.label}; {self.variance}. Robust form: {verdict}.",
                *self.notes,
            ]
        )

    def __repr__(self) -> str:
        return self.summary()


@on_one_thread
def hausman(
    formula: str, panel: Panel, *, cluster: str | None = None, small_sample: str = "fixest"
) -> HausmanResult:
    """Test whether random effects and fixed effects of firms agree: Hausman's form, and the robust one of Mundlak.

    Parameters
    ----------
    formula : str
        `outcome ~ terms`.
    panel : Panel
    cluster : str, optional
        Column of the clusters of the robust form; the firm where missing.
    small_sample : {"fixest", "linearmodels", "none"}
        Factor of the variance of the robust form.

    Returns
    -------
    HausmanResult

    Raises
    ------
    EstimationError
        If no term varies both within and between firms, or a model cannot be fitted.
    DataError
        If a column is missing or `panel` is no panel.

    Notes
    -----
    Classical (Hausman 1978): `(b_FE - b_RE)' (V_FE - V_RE)^-1 (b_FE - b_RE)`, chi-squared, with the classical variances of both, as plm and Stata's
    `hausman` compute it; missing where the difference of the variances is not positive definite (plm gives a number there, too). One variance: the same with
    the residual variance of random effects in both (Stata's `sigmamore`; Wooldridge 2010, equation 10.78). Both are right only if errors are
    independent with equal variance. Robust: Wald test that the means over firms have no coefficients in a random-effects regression, clustered
    (Mundlak 1978; Wooldridge 2010, section 10.7.3). Terms that do not vary within firms, or whose means are alike for all firms (years of a
    balanced panel), cannot differ and take no part.

    References
    ----------
    Hausman, J. (1978), "Specification tests in econometrics", Econometrica 46(6).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=90, periods=4, cohorts=(2, 3), seed=1)
    >>> frame["takes_part"] = (frame["year"] >= frame["joined"]).astype(int)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> impact.hausman("exports ~ takes_part + C(year)", panel).tidy()["check"].tolist()
    ['classical', 'one variance', 'robust']
    """
    _one_of("small-sample factor", small_sample, list(SMALL_SAMPLE))
    panel = require_panel(panel, "hausman")
    outcome, rows = _rows(formula, panel, cluster)
    within, compared = rows.varying()
    if not compared:
        raise EstimationError(
            "No term varies both within firms and between them, so that fixed and random effects have nothing to differ in. Add terms that do."
        )
    fixed = _fit(replace(rows, design=rows.design[within]), "within", clustered=False)
    random = _fit(rows, "random", clustered=False)
    terms = list(rows.design.columns)
    of_fixed = [within.index(t) for t in compared]
    of_random = [terms.index(t) for t in compared]
    difference = fixed.coefficients[of_fixed] - random.coefficients[of_random]
    v_fixed = fixed.covariance[np.ix_(of_fixed, of_fixed)]
    v_random = random.covariance[np.ix_(of_random, of_random)]
    notes = [*rows.notes, *_without_periods(rows, panel.time)]
    classical = _positive_wald(difference, v_fixed - v_random)
    if not classical.df:
        notes.append(
            "Classical form: the difference of the two variances is not positive definite, so that the statistic is undefined."
        )
    ratio = random.residual_variance / fixed.residual_variance
    one_variance = _positive_wald(difference, ratio * v_fixed - v_random)
    more = _with_means(rows)
    means = [
        list(more.design.columns).index(_mean_of(t)) for t in compared if _mean_of(t) in more.design
    ]
    mundlak = _fit(more, "random", clustered=True)
    clusters = len(np.unique(rows.cluster))
    vcov, _, factor = _scaled(mundlak, more.design.shape[1], clusters, "clustered", small_sample)
    robust = wald(mundlak.coefficients[means], vcov[np.ix_(means, means)])
    by = "firm" if cluster is None else panel.label(cluster)
    return HausmanResult(
        tests=pd.DataFrame(
            [
                (name, found.statistic, found.df or len(compared), found.p_value)
                for name, found in (
                    ("classical", classical),
                    ("one variance", one_variance),
                    ("robust", robust),
                )
            ],
            columns=["check", "statistic", "df", "p_value"],
        ),
        coefficients=pd.DataFrame(
            {
                "term": compared,
                "fixed": fixed.coefficients[of_fixed],
                "random": random.coefficients[of_random],
                "difference": difference,
                "mean": pd.Series(mundlak.coefficients, list(more.design.columns))
                .reindex([_mean_of(t) for t in compared])  # missing where other means span it
                .to_numpy(),
            }
        ),
        outcome=outcome,
        label=panel.label(outcome),
        variance=f"robust form clustered by {by}, {_factor_words(factor)}",
        notes=tuple(notes),
        source=panel,
    )


def _positive_wald(difference: FloatArray, variance: FloatArray) -> WaldTest:
    """Wald test where the variance is positive definite; missing, with no degrees of freedom, where it is not."""
    scale = np.sqrt(np.abs(np.diag(variance)))
    if (scale > 0).all() and np.linalg.eigvalsh(variance / np.outer(scale, scale)).min() > _SAME:
        return wald(difference, variance)
    return WaldTest(np.nan, 0, np.nan)


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise EstimationError(
            f"There is no {what} {value!r}; choose from {', '.join(map(repr, known))}."
        )


def _rows(formula: str, panel: Panel, cluster: str | None) -> tuple[str, _Rows]:
    """The outcome's name and the complete rows of a formula."""
    parsed = parse(formula)
    frame = panel.data
    if parsed.effects or "|" in formula:
        raise EstimationError(
            "Fixed effects and instruments belong to impact.regress; write outcome ~ terms here."
        )
    if panel.weights is not None:
        raise EstimationError(
            "These models take no weights, and the panel has some. Make the panel without weights=, or use impact.regress, which takes them."
        )
    if not (cluster is None or isinstance(cluster, str)):
        raise EstimationError(f"cluster is {cluster!r}; name one column.")
    asked = asked_transform(parsed.outcome)
    if asked is not None and parsed.outcome not in frame:
        raise zero_logarithm_refused(asked, frame, panel)
    columns = list(dict.fromkeys([*parsed.columns, *([cluster] if cluster else [])]))
    require_columns(frame, columns)
    used = frame[list(dict.fromkeys([*columns, panel.unit, panel.time]))]
    kept = used[used[columns].notna().all(axis=1)].sort_values(
        [panel.unit, panel.time], kind="stable"
    )
    kept = kept.reset_index(drop=True)
    if kept.empty:
        raise EstimationError(
            f"No row has a value in each of {', '.join(columns)}. Check that these are the columns that were meant: a row is used where none of "
            "them is missing."
        )
    values = evaluate(parsed, kept, None)
    firm, names = as_codes(kept[panel.unit])
    group = firm if cluster is None else as_codes(kept[cluster])[0]
    if (pd.Series(group).groupby(firm).nunique() > 1).any():
        raise EstimationError(f"'{cluster}' changes within firms; clusters must hold whole firms.")
    if group.max() < 1:
        raise EstimationError("There is one cluster; a clustered variance needs two at the least.")
    gone = len(frame) - len(kept)
    notes = (
        f"{counted(gone, 'row')} without a value in the formula {by_number(gone, 'is', 'are')} left out.",
    )
    design = pd.DataFrame(values.terms)
    _refuse_collinear(design)
    return parsed.outcome, _Rows(
        values.outcome,
        design,
        firm,
        as_codes(kept[panel.time])[0],
        group,
        len(names),
        notes if gone else (),
    )


def _refuse_collinear(design: pd.DataFrame) -> None:
    spanned = _spanned(design)
    if spanned:
        raise EstimationError(
            f"The term {spanned[0]!r} is 0 in every row, or a combination of terms before it; leave it out."
        )


def _spanned(design: pd.DataFrame) -> list[str]:
    """Columns that are a combination of columns before them: of these, nothing is left on the diagonal of R."""
    columns = design.to_numpy()
    size = np.sqrt((columns**2).sum(axis=0))
    left = np.zeros(columns.shape[1])
    corner = np.abs(np.diag(np.linalg.qr(columns / np.where(size > 0, size, 1.0), mode="r")))
    left[: len(corner)] = corner
    return [str(name) for name, rest in zip(design.columns, left, strict=True) if rest <= _SAME]


def _mean_of(term: str) -> str:
    return f"mean of {term}"


def _with_means(rows: _Rows) -> _Rows:
    """Means over firms beside the terms, of those that vary within firms and between them, unless terms before them span them."""
    _, both = rows.varying()
    design = pd.concat([rows.design, rows.means(both).rename(columns=_mean_of)], axis=1)
    return replace(rows, design=design.drop(columns=_spanned(design)))


def _without_constant(rows: _Rows) -> _Rows:
    """What changes within firms: the constant and fixed traits have no differences."""
    within, _ = rows.varying()
    lost = [t for t in rows.design.columns if t not in within and t != _CONSTANT]
    if not within:
        raise EstimationError(
            "No term varies within firms, so that differences have nothing to say; use model='random' or 'between'."
        )
    said = (f"{', '.join(lost)}: left out, the same in every period of a firm.",) if lost else ()
    return replace(rows, design=rows.design[within], notes=(*rows.notes, *said))


def _fit(rows: _Rows, model: Model, *, clustered: bool) -> PanelFit:
    return fit_panel(
        model,
        rows.outcome,
        rows.design,
        rows.firm,
        rows.period,
        rows.cluster if clustered else None,
    )


def _scaled(
    fit: PanelFit, k: int, clusters: int, errors: str, small_sample: str
) -> tuple[FloatArray, float, str]:
    """The covariance with its factor, degrees of freedom, and the factor's name."""
    if errors == "classical":
        return fit.covariance, float(fit.n_obs - k), "classical"
    factor = small_sample_factor(
        small_sample, n_obs=fit.n_obs, n_slopes=k - 1, effect_sizes={}, n_clusters=clusters
    )
    return fit.covariance * factor, float(clusters - 1), small_sample


def _factor_words(factor: str) -> str:
    return SMALL_SAMPLE[factor] if factor == "none" else f"factor {SMALL_SAMPLE[factor]}"


def _without_periods(rows: _Rows, time: str) -> list[str]:
    """Say that the formula holds no effects of periods, where it does not."""
    dummies = pd.get_dummies(pd.Series(rows.period), dtype=float).add_prefix("period ")
    told = len(_spanned(pd.concat([rows.design, dummies.iloc[:, 1:]], axis=1)))
    if told or dummies.shape[1] < 2:
        return []
    return [
        f"The formula has no effects of {time}: what moves all firms in a year stands in both models, and may go with the terms. Add C({time})."
    ]


def _notes(model: str, fit: PanelFit, rows: _Rows) -> list[str]:
    if model in ("random", "mundlak"):
        share = fit.firm_variance / (fit.firm_variance + fit.noise_variance)
        said = f"Variance of the effects of firms {fit.firm_variance:.4g}, of the rest {fit.noise_variance:.4g}"
        found = [f"{said} (share of firms: {share:.2f})."]
        if fit.firm_variance <= 0:
            found.append(
                "The variance of the effects of firms is estimated as 0: the model is the pooled one."
            )
        if model == "random":
            found.append(
                "Right only if the effects of firms do not go with the terms; impact.hausman tests it."
            )
        return found
    if model == "first_difference":
        possible = len(rows.outcome) - rows.firms
        lost = possible - fit.n_obs
        said = f"{counted(fit.n_obs, 'difference')} between consecutive periods of a firm"
        return [
            f"{said}; {counted(lost, 'gap')} {by_number(lost, 'has', 'have')} none."
            if lost
            else f"{said}."
        ]
    return []
