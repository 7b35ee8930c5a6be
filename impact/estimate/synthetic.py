"""Synthetic difference in differences: comparison firms and years weighted until they run beside the cohort (Arkhangelsky et al. 2021).

A few cohorts, each an aggregate such as a nucleus, a region or a class of firms, beside a pool of others over many years. Weights of comparison
firms let the pool move as the cohort did before joining; weights of years find those before that speak for the years after.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.request import AttRequest
from impact.estimate.staggered import key_table
from impact.estimate.synthetic_blocks import Block, SyntheticOptions
from impact.estimate.synthetic_fit import (
    SyntheticFit,
    jackknife_influence,
    since_before,
    without_each,
)
from impact.estimate.synthetic_fitted import (
    SyntheticData,
    counts_of,
    estimates,
    fit_notes,
    prepared,
)
from impact.estimate.synthetic_resampling import resampled
from impact.estimate.two_way import IntArray

ONE_CLUSTER = (
    "the cohort, or all weight of the comparison, is one firm or one cluster, which the jackknife cannot leave out (for "
    "a cohort of one firm: inference='placebo')"
)


@METHODS.register(
    "att",
    "synthetic",
    summary="an effect for each cohort and year, against comparison firms and years weighted to run beside it",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian",),
    needs=(
        "two periods before joining, better many",
        "two comparison firms, better many",
        "every firm in every period",
    ),
    options=(
        "control",
        "anticipation",
        "zeta_omega",
        "inference",
        "average",
        "draws",
        "before",
        "unbalanced",
    ),
    reference="Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021); Clarke, Pailanir, Athey and Imbens (2023)",
    earlier="before=True",
)
def synthetic(request: AttRequest) -> EffectResult:
    """Estimate ATT(g, t) by synthetic difference in differences.

    For cohort g with weights omega of comparison firms and lambda of the years before joining, each not negative with sum one,
    `ATT(g, t) = [m(t) - lambda'm] - sum_j omega(j) [Y(j, t) - lambda'Y(j)]`, m the mean outcome of the cohort. The mean over the years
    after joining is the coefficient of the weighted two-way regression of the paper (equation 1).

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked, with the options

        control : {"never", "not_yet"}
            Comparison firms: those that never join within the data, or these and all that have not joined yet; the years of a cohort are
            then cut where another joins, and each piece has weights of its own.
        anticipation : int
            Periods before joining in which firms may already react; they count as participation and have rows of their own.
        zeta_omega : float
            Ridge of the weights of firms, in the unit of the outcome; that of the paper where missing.
        inference : {"jackknife", "placebo", "bootstrap"}
            `jackknife` (algorithm 3 of the paper) leaves each firm or cluster out, weights kept; it needs two of the cohort.
            `placebo` (algorithm 4) gives the dates of the cohorts to comparison firms, all others being the comparison: for a cohort of one firm; it
            rests on participants' outcomes being as noisy as those of the others. `bootstrap` (algorithm 2) draws firms or clusters anew.
        average : {"overall", "event", "cohort", "calendar"}
            Rows that `aggregate` would give. `placebo` and `bootstrap` have no influence functions, so that an average must be asked for here: each draw
            estimates it whole.
        draws : int
            Draws of `placebo` and `bootstrap`. With one participant, every comparison firm is the placebo once and nothing is drawn.
        before : bool
            Rows for the years before joining too. They are what the weights leave of a gap that they were chosen to close: fit, no test.
        unbalanced : {"balanced", "refuse"}
            Leave out firms that are not observed in every period, with their number, or refuse.

    Returns
    -------
    EffectResult
        One row per cohort and year from joining on, keys `cohort, time, event_time`. `n_control` is the size of the pool, of which `notes` say how many
        carry weight; `impact.synthetic_weights` gives the weights. Cohorts with fewer than two years before joining, or fewer than two comparison firms,
        are missing.

    Raises
    ------
    DataError
        If the outcome holds text or infinite values, or a cluster changes within a firm.
    EstimationError
        If there is no firm to compare with, nobody joins within the data, no effect can be estimated, or an option does not go with the others.

    Notes
    -----
    *Averages.* `aggregate("overall")` weights a cohort by its firm-years of participation (appendix A of the paper).

    *Weights* are exact solutions. The authors' R program, and ports of it, iterate (Frank and Wolfe) until a step gains less than 1e-5 of the noise and drop
    weights below a quarter of the largest on the way, so their digits differ from the optimum's: Proposition 99 is -15.6038 there
    and -15.6054 here. Their noise has n - 1 where the paper has n; so has ours.

    *Jackknife.* The covariance is `(G - 1)/G` times the sum over the G clusters of the cohort and its pool, as the program has it; the influence
    functions are its leave-one-out differences, so that averages keep the covariances of cells (an average that leaves a firm out as a whole, with its
    firm-years, has an error that is smaller by less than one part in the number of participants). It is conservative where effects differ between
    firms (theorem 2 of the paper), and where trends do: it keeps the weights, and so counts what they would take away. In a simulation with a
    strong common factor (`tests/estimate/test_synthetic_monte_carlo.py`) it is twice the spread of the estimates, and the bootstrap, which weighs
    anew, of its size.

    References
    ----------
    Arkhangelsky, D., Athey, S., Hirshberg, D., Imbens, G. and Wager, S. (2021), "Synthetic difference-in-differences", American Economic Review
    111(12). Clarke, D., Pailanir, D., Athey, S. and Imbens, G. (2023), "Synthetic difference-in-differences estimation", arXiv 2301.11859 (staggered
    joining, curves by event time).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=6, cohorts=(5,), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="synthetic")
    >>> effect.tidy()[["term", "estimate", "n_treated", "n_control"]].round(6)
           term  estimate  n_treated  n_control
    0  ATT(5,5)       0.1         30         30
    1  ATT(5,6)       0.2         30         30
    """
    options = SyntheticOptions.read(request.options)
    panel = panel_of(request.data)
    fitted = prepared(firm_periods(request), panel, options, request.outcome)
    notes = (*fitted.data.notes, *fit_notes(fitted, options))
    if options.inference != "jackknife":
        return resampled(request, options, fitted, notes)
    effect = _by_jackknife(request, options, fitted, notes)
    return effect if options.average is None else effect.aggregate(options.average)


def _by_jackknife(
    request: AttRequest, options: SyntheticOptions, fitted: SyntheticData, notes: tuple[str, ...]
) -> EffectResult:
    data, plan = fitted.data, fitted.plan
    n, k = len(data.units), len(plan)
    estimate, baseline = np.full(k, np.nan), np.full(k, np.nan)
    influence, of_baseline = np.zeros((n, k)), np.zeros((n, k))
    known = np.zeros(k, dtype=bool)
    clusters = pd.factorize(data.cluster, sort=True)[0]
    for block, fit in zip(fitted.blocks, fitted.fits, strict=True):
        rows = fitted.positions(block)
        known[rows] = True
        estimate[rows], baseline[rows] = estimates(block, fit, data.outcome)
        found = _influence(block, fit, data.outcome, clusters)
        firms = np.concatenate([block.treated, block.others])[:, None]
        if found is None:
            fitted.reasons.say(
                f"no standard error, {ONE_CLUSTER}", [plan[i].term for i in rows.tolist()]
            )
            influence[:, rows] = of_baseline[:, rows] = np.nan
        else:
            influence[firms, rows], of_baseline[firms, rows] = found
    influence[:, ~known] = of_baseline[:, ~known] = np.nan
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    return effect_from_influence(
        keys=key_table(plan),
        estimate=estimate,
        influence=influence,
        firms=data.firms(),
        counts=counts_of(fitted),
        method="synthetic",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from the jackknife with weights kept, by {by}",
        notes=(*notes, *fitted.reasons.notes(), *cluster_notes(data)),
        source=request.data,
        seed=request.seed,
        anticipation=options.anticipation,
        baseline=baseline,
        baseline_influence=of_baseline,
    )


def _influence(
    block: Block, fit: SyntheticFit, outcome: FloatArray, clusters: IntArray
) -> tuple[FloatArray, FloatArray] | None:
    """Influence of the firms of a block on its effects and on its baselines; nothing where one cluster is a whole arm."""
    own, others = outcome[block.treated], outcome[block.others]
    inside = np.concatenate([block.treated, block.others])
    code = np.unique(clusters[inside], return_inverse=True)[1]
    arms = code[: len(own)], code[len(own) :]
    k = len(block.shown)
    # Beside the changes of the participants their outcomes, whose mean the baseline is measured from.
    both = np.hstack([since_before(own, block.before, block.shown, fit.time_weights), own[:, block.shown]])  # fmt: skip
    rest = since_before(others, block.before, block.shown, fit.time_weights)
    moved = without_each(both, np.hstack([rest, np.zeros_like(rest)]), fit.unit_weights, arms)
    if moved is None:
        return None
    effect = moved[0][:, :k] - moved[1][:, :k]
    level = moved[0][:, k:] - effect
    n = len(outcome)
    return jackknife_influence(effect, code, n), jackknife_influence(level, code, n)
