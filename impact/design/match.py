"""The verb `match`: compared to whom?

The outcome is not an argument. A comparison group is chosen on what was known before joining, and is
looked at (`balance()`, `plot()`) before any effect is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.ledger import Ledger
from impact.core.panel import Panel
from impact.core.registry import METHODS
from impact.core.whole_numbers import by_number, counted

# Imported for what they register.
from impact.design import cbps as _cbps  # noqa: F401
from impact.design import coarsened as _coarsened  # noqa: F401
from impact.design import entropy as _entropy  # noqa: F401
from impact.design import exact as _exact  # noqa: F401
from impact.design import full as _full  # noqa: F401
from impact.design import ipw as _ipw  # noqa: F401
from impact.design import mahalanobis as _mahalanobis  # noqa: F401
from impact.design import nearest as _nearest  # noqa: F401
from impact.design import optimal as _optimal  # noqa: F401
from impact.design import subclass as _subclass  # noqa: F401
from impact.design.balance import balance_table, effective_sample_size, indicator_columns
from impact.design.before_joining import numbers_before
from impact.design.candidates import Candidates, gather, lazy_frame
from impact.design.chosen import Chosen, Weighting, set_weights, strata_codes
from impact.design.exact import text_agrees
from impact.design.joint_balance import joint_balance, joint_sentence
from impact.design.overlap import common_support, overlap_sentence, overlap_table, score_of
from impact.design.paths import path_table
from impact.design.quality import left_out, quality_table, unmatched_table
from impact.design.request import DEFAULT_SEED, Estimand, MatchSettings, as_names, with_lags
from impact.design.words import methods_sentence
from impact.engines.one_thread import on_one_thread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MatchResult", "MatchSettings", "match"]


@dataclass(frozen=True, slots=True, eq=False)
class MatchResult:
    """A matched sample; made by `impact.match`, never changed.

    Attributes
    ----------
    data : DataFrame or Panel
        What was matched: a private copy of the caller's cross-section, or the panel; all rows.
    pairs : DataFrame
        One row per participant and control: `pair` (number of the matched set), `treated`, `control`
        (index labels of a DataFrame, firm identifiers of a Panel), `rank` (the round in which the
        control was found, from 1), `distance` (between the two), and for panels `cohort`. Empty for methods that
        make sets or weights instead.
    weights : Series
        On the data's index, 0 for firms that were not matched. For the ATT 1 for matched participants; controls of pairs
        and sets sum to the number of matched controls; weights of a weighting method are as it defines them. In a panel a
        firm's weight stands in each of its rows.
    distance : Series
        The score: on the data's index, or for panels by cohort and firm. Missing where a firm was no
        candidate, and everywhere for Mahalanobis matching, which has no score.
    candidates : DataFrame
        One row per candidate firm (and cohort): `unit`, `cohort`, `treated`, the covariates,
        `distance`, `weight`, `pair` (number of the pair or set; missing where not matched, for controls matched with
        replacement, who may belong to several, and for weighting methods).
    settings : MatchSettings
        What was asked.
    ledger : Ledger
        Rows and firms that came in, and why each left.
    notes : tuple of str
        What a reader must know.
    score_model : DataFrame or None
        Coefficients of the score: `term`, `estimate` to `conf_high`, `cohort`.
    kind : {"pairs", "sets", "weights"}
        Whether firms stand for one another in pairs, in sets of both arms, or by weights alone.
    weighting : tuple of Weighting
        How the weights depend on what was estimated, by cohort; for the variance of effects.
    """

    data: pd.DataFrame | Panel
    pairs: pd.DataFrame
    weights: pd.Series
    distance: pd.Series
    candidates: pd.DataFrame
    settings: MatchSettings
    ledger: Ledger
    notes: tuple[str, ...] = field(default=())
    score_model: pd.DataFrame | None = None
    kind: Literal["pairs", "sets", "weights"] = "pairs"
    weighting: tuple[Weighting, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """A copy of the table of candidates, matched or not."""
        return self.candidates.copy()

    def balance(self, *, by_cohort: bool = False) -> pd.DataFrame:
        """Compare the arms on the score and each covariate, before and after matching.

        Parameters
        ----------
        by_cohort : bool
            One block of rows for each cohort of a panel, with a first column `cohort`. Cohorts can be
            out of balance in opposite directions, which the table over all cohorts does not show.

        Returns
        -------
        DataFrame
            The columns of `impact.design.balance.COLUMNS`, the score first, exact columns (as zero-one
            columns) last. `attrs["sizes"]` holds `sizes()`; see `balance_table` for the definitions.

        Notes
        -----
        In a panel a comparison firm is a candidate for every cohort. Before matching, each cohort's
        candidates count as much as the cohort has participants, so that the difference in means is
        not one between calendar years.
        """
        if by_cohort:
            blocks = [
                self._balance_of(rows).assign(cohort=int(g))
                for g, rows in self.candidates.groupby("cohort", sort=True)
            ]
            if not blocks:
                raise DesignError("A cross-section has no cohorts; leave `by_cohort` out.")
            table = pd.concat(blocks, ignore_index=True)
            return table[["cohort", *[c for c in table.columns if c != "cohort"]]]
        table = self._balance_of(self.candidates)
        table.attrs["sizes"] = {
            str(when): {str(k): float(v) for k, v in row.items()}
            for when, row in self.sizes().iterrows()
        }
        return table

    def _balance_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        return balance_table(
            self._balance_columns(frame),
            frame["treated"].to_numpy(dtype=bool),
            _weights_before(frame),
            frame["weight"].to_numpy(dtype=np.float64),
            pooled=self.settings.estimand != "ATT",
        )

    def _covariates_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        settings = self.settings
        columns = frame[[*settings.on]].astype("float64")
        exact = indicator_columns(frame, [c for c in settings.exact if c not in settings.on])
        return pd.concat([columns, exact], axis=1)

    def _balance_columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        columns = self._covariates_of(frame)
        if frame["distance"].notna().all():
            columns.insert(0, "distance", frame["distance"])
        return columns

    def sizes(self) -> pd.DataFrame:
        """Firms in each arm before and after matching, with their effective sample sizes.

        Returns
        -------
        DataFrame
            Rows `before` and `after`; `n_treated`, `n_control`, `ess_treated`, `ess_control`.
        """
        firms = self.candidates.groupby(["treated", "unit"], sort=True)["weight"].sum()
        out: dict[str, list[float]] = {}
        for name, treated in (("treated", True), ("control", False)):
            weights = firms.loc[treated].to_numpy(dtype=np.float64)
            out[f"n_{name}"] = [len(weights), int((weights > 0).sum())]
            out[f"ess_{name}"] = [float(len(weights)), effective_sample_size(weights)]
        columns = ["n_treated", "n_control", "ess_treated", "ess_control"]
        return pd.DataFrame(out, index=["before", "after"])[columns].astype(
            {"n_treated": "int64", "n_control": "int64"}
        )

    def joint_balance(self) -> pd.DataFrame:
        """Test whether all differences between the arms' means can be chance, before and after matching.

        Returns
        -------
        DataFrame
            Rows `before` and `after`; `test`, `statistic` (chi-squared), `df` (the rank), `p_value`, and `n_clusters`: the strata or
            firms on which the variance rests. Missing where nothing is left to chance, or covariates are as many as strata or firms.

        Notes
        -----
        `hansen_bowers`: the omnibus test d2 of Hansen and Bowers (2008). Before matching all firms (of a cohort) are one stratum,
        after it each pair or set is; joining is as likely for each firm of a stratum. `wald`: the weighted differences that
        `balance()` shows, over their covariance. It stands where firms serve more than once (groups of pairs that share a control are
        the clusters; firms that are in sets of several cohorts count as one), and for weights, where the covariance counts that the score was estimated. Weights that balance the means by
        construction leave nothing to test. See `impact.design.joint_balance`.

        The test has more power the more firms there are: a small p does not say that a difference matters, `balance()` does (Imai,
        King and Stuart 2008).

        References
        ----------
        Hansen and Bowers (2008), Covariate balance in simple, stratified and clustered comparative studies, Statistical Science 23.

        Examples
        --------
        >>> firms = pd.DataFrame({"joined": [1, 1, 1, 0, 0, 0, 0], "size": [3.0, 9.0, 5.0, 2.0, 4.0, 8.0, 20.0]})
        >>> matched = match(firms, treatment="joined", on=["size"], distance="size")
        >>> matched.joint_balance().round(3)[["test", "statistic", "df", "p_value"]]
                         test  statistic  df  p_value
        before  hansen_bowers      0.363   1    0.547
        after   hansen_bowers      3.000   1    0.083
        """
        return joint_balance(
            self.candidates,
            self._covariates_of(self.candidates),
            _weights_before(self.candidates),
            kind=self.kind,
            pairs=self.pairs,
            weighting=self.weighting,
        )

    def overlap(
        self,
        value: str | None = None,
        limits: tuple[float, float] | None = None,
        *,
        by_cohort: bool = False,
    ) -> pd.DataFrame:
        """Say where the scores of both arms reach, and what trimming would drop: in firms, and in euros.

        Parameters
        ----------
        value : str, optional
            A column of amounts whose sum is reported, such as exports; in a panel that of the year before joining.
        limits : (low, high), optional
            Limits of the score to report besides the usual ones.
        by_cohort : bool
            One block of rows for each cohort of a panel, with a first column `cohort`.

        Returns
        -------
        DataFrame
            Two rows (`arm`) for each `rule`: "common support" (from the larger of the arms' smallest scores to the smaller of their
            largest), [0.01, 0.99], [0.1, 0.9] and the optimum of Crump et al. Columns `low`, `high`; `score_min`, `score_max` of the
            arm; `n`, `n_outside`, `share_outside`; with `value` also `<value>_all`, `_dropped`, `_share_dropped`, and the firms whose
            amount is `_unknown`. Scores of the linear predictor are shown as probabilities; where a given score is no probability,
            rules for one are missing.

        Raises
        ------
        DesignError
            If the method has no score, or `value` does not hold numbers known before joining.

        Notes
        -----
        Limits are found cohort by cohort. Over all cohorts a firm is outside where it is so for every cohort to which it was
        offered, its amount is the mean of those years, and limits that differ by cohort are missing.

        References
        ----------
        Crump, Hotz, Imbens and Mitnik (2009), Dealing with limited overlap in estimation of average treatment effects, Biometrika 96.

        Examples
        --------
        >>> firms = pd.DataFrame({"joined": [1, 1, 0, 0, 0, 0], "size": [3.0, 9.0, 2.0, 4.0, 8.0, 20.0],
        ...                       "exports_eur": [10.0, 90.0, 0.0, 5.0, 60.0, 500.0]})
        >>> matched = match(firms, treatment="joined", on=["size"], distance="size")
        >>> table = matched.overlap("exports_eur")  # only the firms of size 2 and 20 are outside
        >>> table[["arm", "low", "high", "n_outside", "exports_eur_dropped"]].head(2)
                        arm  low  high  n_outside  exports_eur_dropped
        0      participants  3.0   9.0          0                  0.0
        1  comparison firms  3.0   9.0          2                500.0
        """
        amount = None if value is None else numbers_before(self.data, self.candidates, value)
        return overlap_table(
            self.candidates,
            self.settings,
            amount=amount,
            value=value,
            limits=limits,
            by_cohort=by_cohort,
        )

    def quality(self) -> pd.DataFrame:
        """Describe how close pairs are, how often controls serve, how large sets are and how weights spread.

        Returns
        -------
        DataFrame
            `measure`, `arm` (missing where it concerns both), `level`, `value`. For pairs quantiles of the distance, and of the
            difference of scores in standard deviations (n - 1, over the candidates of the cohort; missing without a score),
            participants by number of controls and controls by number of uses; for sets their number and sizes; for all, firms
            with weight, effective sample size, quantiles of the weights, and the share of the largest and the five largest.
        """
        return quality_table(self.candidates, self.pairs, self.kind)

    def unmatched(self) -> pd.DataFrame:
        """Compare participants that were left unmatched with those that were matched.

        Returns
        -------
        DataFrame
            `covariate, mean_matched, mean_unmatched, difference, smd`, the score first; `smd` divides by the standard deviation of
            all participants with known covariates. `attrs` hold `n_matched`, `n_unmatched`, and in `reasons` the number of
            participants by the reason for which they were left out, those that were no candidates (such as for a missing
            covariate) included. `unmatched_firms()` names them.
        """
        columns = self._balance_columns(self.candidates)
        treated = self.candidates["treated"].to_numpy(dtype=bool)
        weights = self.candidates["weight"].to_numpy(dtype=np.float64)
        table = unmatched_table(columns, treated, _weights_before(self.candidates), weights)
        reasons = self.unmatched_firms()["reason"].value_counts(sort=False)
        table.attrs = {
            "n_matched": int((weights[treated] > 0).sum()),
            "n_unmatched": int((weights[treated] == 0).sum()),
            "reasons": {str(r): int(n) for r, n in reasons.items()},
        }
        return table

    def unmatched_firms(self) -> pd.DataFrame:
        """Name the participants that were left out.

        Returns
        -------
        DataFrame
            `unit`, `cohort` (missing for a cross-section), `candidate` (whether all that matching needs was known of
            it), `reason` as in the ledger.
        """
        return left_out(
            self.candidates,
            _unmatched(self.candidates, self.settings, self.kind),
            gather(self.data, self.settings).left,
        )

    def paths(self, outcome: str, years_before: int | None = None) -> pd.DataFrame:
        """Follow a column over the years before joining, in both arms, before and after matching.

        Parameters
        ----------
        outcome : str
            A column of the panel.
        years_before : int, optional
            Years before joining to show, from 1; all that the panel has where missing. Years from joining on are never shown: a
            design does not look at outcomes.

        Returns
        -------
        DataFrame
            `sample` (`before` or `after`), `event_time` (-1 is the year before joining), weighted means of the arms, their
            `difference`, the firms with a known value and the cohorts that they belong to. A cohort counts in a year in which both
            arms have a known value, so arms are of the same calendar years.

        Raises
        ------
        DesignError
            Without a panel; if the column does not hold numbers; if no year is left to show.
        """
        if not isinstance(self.data, Panel):
            raise DesignError(
                "A cross-section has one year and no paths; give `match` a panel (impact.panel)."
            )
        before = _weights_before(self.candidates)
        return path_table(self.data, self.candidates, before, outcome, years_before)

    def plot(
        self,
        kind: Literal["love", "overlap", "paths"] = "love",
        *,
        outcome: str | None = None,
        years_before: int | None = None,
        **words: Any,
    ) -> Figure:
        """Draw the love plot (absolute standardised mean differences before and after), the overlap of scores, or paths.

        Parameters
        ----------
        kind : {"love", "overlap", "paths"}
            `"overlap"` needs a score, and marks the common support of all cohorts together; `"paths"` needs a panel and an `outcome`, whose years before joining it shows.
        outcome, years_before
            See `paths`.
        **words
            Other texts of the figure; see `impact.display.love.love_figure`, `impact.display.overlap.overlap_figure` and
            `impact.display.paths.path_figure`.

        Raises
        ------
        DesignError
            If there is no such figure, or what it needs is not there.
        """
        if (kind == "paths") != (outcome is not None) or kind not in ("love", "overlap", "paths"):
            raise DesignError(
                f"plot({kind!r}) with outcome={outcome!r}: draw 'love' or 'overlap', or 'paths' with the column to follow in `outcome`."
            )
        if kind == "overlap":
            return self._overlap_figure(words)
        if outcome is not None:
            from impact.display.paths import path_figure

            table = self.paths(outcome, years_before)
            label = self.data.label(outcome) if isinstance(self.data, Panel) else outcome
            return path_figure(table, **{"label": label, **words})
        from impact.display.love import love_figure

        return love_figure(self.balance(), labels=self.labels(), **words)

    def _overlap_figure(self, words: dict[str, Any]) -> Figure:
        from impact.display.overlap import overlap_figure

        frame = self.candidates
        score, probability = score_of(frame, self.settings)
        treated = frame["treated"].to_numpy(dtype=bool)
        scores = pd.DataFrame(
            {
                "score": score,
                "treated": treated,
                "before": _weights_before(frame),
                "after": frame["weight"],
            }
        )
        said = {"x_label": "Probability of joining" if probability else "Score"}
        support = common_support(score, treated)
        return overlap_figure(scores, support=support, **{**said, **words})

    def labels(self) -> dict[str, str]:
        """Words for the rows of `balance()`."""
        words = {"distance": "Score"}
        for column in self.settings.columns:
            panel = self.data if isinstance(self.data, Panel) else None
            source, years = self.settings.lagged.get(column, (column, 1))
            label = panel.label(source) if panel else source.replace("_", " ")
            words[column] = label if years == 1 else f"{label}, {years} years before"
        return words

    def summary(self) -> str:
        """Sizes, balance, the sentence a report needs on the method, and what a reader must know."""
        table = self.balance()
        shown = table[["covariate", *[c for c in table.columns if c.startswith(("mean", "smd"))]]]
        sizes = self.sizes()
        parts = [
            sizes.to_string(float_format=lambda x: f"{x:.1f}"),
            shown.to_string(index=False, float_format=lambda x: f"{x:.3f}"),
            self.methods_sentence(),
        ]
        parts.append(
            joint_sentence(
                self.joint_balance(), "weighting" if self.kind == "weights" else "matching"
            )
        )
        if self.candidates["distance"].notna().any():
            parts.append(overlap_sentence(self.overlap()))
        return "\n".join([*(part for part in parts if part), *self.notes])

    def _participants(self) -> int:
        """Participants in the data, candidates or not."""
        if isinstance(self.data, Panel):
            return int(self.data.unit_cohort().notna().sum())
        return int((self.data[self.settings.treatment] == 1).sum())

    def methods_sentence(self) -> str:
        """Who was matched to whom, on what, when, how, how many, and how alike they became."""
        panel = isinstance(self.data, Panel)
        several = panel and self.candidates["cohort"].nunique() > 1
        return methods_sentence(
            self.settings,
            self.balance(),
            self.labels(),
            treated=self.candidates.loc[self.candidates["treated"]],
            controls=int(self.sizes().loc["after", "n_control"]),
            panel=panel,
            everyone=self._participants(),
            cohorts=self.balance(by_cohort=True) if several else None,
        )

    def __repr__(self) -> str:
        return self.summary()


@on_one_thread
def match(
    data: pd.DataFrame | Panel,
    *,
    treatment: str | None = None,
    on: Sequence[str] = (),
    exact: Sequence[str] | None = None,
    method: str = "nearest",
    distance: str = "logit",
    caliper: float | None = None,
    caliper_scale: Literal["sd", "raw"] = "sd",
    ratio: int = 1,
    replace: bool = False,
    order: Literal["largest", "smallest", "data", "random"] = "largest",
    estimand: Estimand = "ATT",
    seed: int | None = None,
    control: Literal["never", "not_yet"] = "never",
    years_after: int = 0,
    lags: Mapping[str, int] | None = None,
    **options: Any,
) -> MatchResult:
    """Find comparison firms for participants, without looking at any outcome.

    Parameters
    ----------
    data : DataFrame or Panel
        A cross-section with one row per firm, or firm-years from `impact.panel`. It is never changed.
        In a panel each cohort is matched on the values of the year before it joined (g - 1), so that
        a covariate dated at or after joining cannot be asked for; `lags` adds the years before that one.
    treatment : str, optional
        Column of a cross-section: 1 for participants, 0 for firms of the comparison group. A panel
        knows its participants.
    on : sequence of str
        Covariates, numbers (`method="exact"`: any kind of value). A firm with a missing one is dropped, counted and named in the ledger.
    exact : sequence of str, optional
        Columns on which a participant and its control must agree; any kind of value.
    method : str
        See `impact.methods()`.
    distance : str
        `"logit"`, `"probit"`: estimated probability of joining. `"linear_logit"`: the same on the
        scale of the logit. `"mahalanobis"`: no score, distance between the covariates. Or a column
        that holds a score from elsewhere; `on` then only says what balance is judged on.
    caliper : float, optional
        Largest distance of a pair, in standard deviations (n - 1) of the score over all candidates
        (`caliper_scale="sd"`), or in units of the score (`"raw"`).
    ratio : int
        Controls per participant. All participants choose once before any chooses again.
    replace : bool
        Whether a control may serve several participants. Without replacement a control serves once,
        in a panel once over all cohorts, the first cohorts choosing first: pairs are then disjoint
        and can be clusters of the variance.
    order : {"largest", "smallest", "data", "random"}
        Who chooses first: by score, by identifier (`"data"`), or at random.
    estimand : {"ATT", "ATE", "ATO"}
        Whose average effect the weights are for: participants, all firms, or those for whom joining was most open
        (overlap weights). Pair methods have the ATT alone; `impact.methods()` says what a method has.
    seed : int, optional
        Seed of `order="random"`.
    control : {"never", "not_yet"}
        Comparison firms of a panel: those that never join in it, or also those that join later than the participant. A
        firm can then stand in both arms, as a comparison and later as a participant. From the year in which it joins it is no
        longer compared, and a participant whose comparison firms have all joined is in no effect of that year.
    years_after : int
        With `control="not_yet"`: comparison firms have not joined by g + years_after either, so that pairs last at least so long.
    lags : mapping of str to int, optional
        Of a panel: columns that are matched on in each of so many years before joining, as they were in g - 1, g - 2, ...: the path of
        an outcome, say. Levels of two years hold the growth between them. `{"exports": 2}` adds the covariates `exports` and
        `exports_2_before`.
    **options
        Further options of the method, see `impact.methods()`.

    Returns
    -------
    MatchResult

    Raises
    ------
    DataError
        If a column is missing.
    DesignError
        If the arguments contradict each other, a covariate is no number, an arm is empty, the arms
        do not overlap, the covariates separate them, or nobody finds a match.

    Notes
    -----
    The row order of `data` does not matter: equal scores are resolved by the index label of a
    cross-section, or the identifier of a panel's firm.

    References
    ----------
    Rosenbaum and Rubin (1985); Ho, Imai, King and Stuart (2011), whose conventions are followed.

    Examples
    --------
    >>> import pandas as pd
    >>> firms = pd.DataFrame({"joined": [1, 1, 0, 0, 0, 0], "size": [3.0, 9.0, 2.0, 4.0, 8.0, 20.0]},
    ...                      index=list("abcdef"))
    >>> match(firms, treatment="joined", on=["size"], distance="size").pairs[["treated", "control"]]
      treated control
    0       a       c
    1       b       e
    """
    settings = MatchSettings(
        on=with_lags(as_names(on, "on"), lags or {}),
        exact=as_names(exact, "exact"),
        treatment=treatment,
        method=method,
        distance=distance,
        caliper=caliper,
        caliper_scale=caliper_scale,
        ratio=ratio,
        replace=replace,
        order=order,
        estimand=estimand,
        seed=DEFAULT_SEED if seed is None else seed,
        control=control,
        years_after=years_after,
        lags=MappingProxyType(dict(lags or {})),
        options=MappingProxyType(dict(options)),
    )
    found = METHODS.find("match", method)
    settings.check_abilities(found)
    if method == "exact" and isinstance(data, (Panel, pd.DataFrame)):
        settings = text_agrees(data.data if isinstance(data, Panel) else data, settings)
    candidates = gather(data, settings)
    chosen = found.function(candidates, settings)
    assert isinstance(chosen, Chosen)
    if not _anybody(chosen):
        raise DesignError(_nobody(candidates, settings))
    return _result(data, candidates, chosen, settings)


def _anybody(chosen: Chosen) -> bool:
    if chosen.pairs is not None:
        return not chosen.pairs.empty
    if chosen.sets is not None:
        return bool((chosen.sets > 0).any())
    return chosen.weights is not None and bool((chosen.weights > 0).any())


def _nobody(candidates: Candidates, settings: MatchSettings) -> str:
    n = int(candidates.frame["treated"].sum())
    remedy = " or ".join(
        [
            *(["widen the caliper"] if settings.caliper is not None else []),
            *(["coarsen into fewer bins (`cutpoints`)"] if settings.method == "coarsened" else []),
            *(
                ["match exactly on fewer columns"]
                if settings.exact or settings.method == "exact"
                else []
            ),
        ]
    )
    who = "The only participant found no" if n == 1 else f"None of {n:,} participants found a"
    return f"{who} comparison firm; {remedy}."


def _result(
    data: pd.DataFrame | Panel, candidates: Candidates, chosen: Chosen, settings: MatchSettings
) -> MatchResult:
    pairs, frame = _matched(candidates.frame, chosen, settings)
    kind: Literal["pairs", "sets", "weights"] = (
        "pairs" if chosen.pairs is not None else "sets" if chosen.sets is not None else "weights"
    )
    if isinstance(data, Panel):
        keys = data.data[data.unit]
        distance = frame.set_index(["cohort", "unit"])["distance"]
        by_firm = frame.groupby("unit", sort=False)["weight"].sum()
        weights = keys.map(by_firm).fillna(0.0).astype("float64").rename("weight")
    else:
        data = data.copy(deep=False)  # shared until one of its holders writes to it
        distance = _on_rows(data, candidates, frame["distance"], np.nan)
        weights = _on_rows(data, candidates, frame["weight"], 0.0)
        pairs = pairs.drop(columns="cohort")
    return MatchResult(
        data=data,
        pairs=pairs,
        weights=weights,
        distance=distance,
        candidates=frame,
        settings=settings,
        ledger=candidates.ledger("matching", _without_weight(frame, settings, kind)),
        notes=(*candidates.notes, *chosen.notes, *_reuse_notes(pairs, settings)),
        score_model=chosen.model,
        kind=kind,
        weighting=chosen.weighting,
    )


def _on_rows(
    data: pd.DataFrame, candidates: Candidates, values: pd.Series, other: float
) -> pd.Series:
    """What is known of candidates on the rows of the caller's cross-section."""
    rows = np.full(len(data), other)
    rows[candidates.place] = values.to_numpy()
    return pd.Series(rows, index=data.index, name=values.name)


def _matched(
    frame: pd.DataFrame, chosen: Chosen, settings: MatchSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs under their names, and the candidates with score, weight and number of the matched set."""
    number = np.zeros(len(frame), dtype=np.int64)
    found = chosen.pairs if chosen.pairs is not None else _NO_PAIRS
    found = found.sort_values(["treated", "rank"], kind="stable").reset_index(drop=True)
    pair = pd.factorize(found["treated"], sort=True)[0] + 1
    if chosen.pairs is not None:
        weights = _candidate_weights(frame, found)
        number[found["treated"].to_numpy()] = pair
        if not settings.replace:
            number[found["control"].to_numpy()] = pair
    elif chosen.sets is not None:
        weights = set_weights(frame["treated"].to_numpy(dtype=bool), chosen.sets, settings.estimand)
        number = chosen.sets
    else:
        assert chosen.weights is not None
        weights = chosen.weights
    units = frame["unit"].array
    pairs = pd.DataFrame(
        {
            "pair": pair,
            "cohort": frame["cohort"].to_numpy()[found["treated"]],
            "treated": units.take(found["treated"].to_numpy()),
            "control": units.take(found["control"].to_numpy()),
            "rank": found["rank"].to_numpy(),
            "distance": found["distance"].to_numpy(),
        }
    )
    columns = ["unit", "cohort", "treated", *(c for c in settings.columns if c != "distance")]
    out: dict[str, Any] = {c: frame[c] for c in columns}
    out |= {
        "distance": chosen.score,
        "weight": weights,
        "pair": pd.arrays.IntegerArray(np.asarray(number, dtype=np.int64), number == 0),
    }
    return pairs, lazy_frame(out, frame.index)


_NO_PAIRS = pd.DataFrame(
    {"treated": np.empty(0, np.int64), "control": np.empty(0, np.int64), "rank": np.empty(0, np.int64), "distance": np.empty(0)}
)  # fmt: skip


def _candidate_weights(frame: pd.DataFrame, found: pd.DataFrame) -> FloatArray:
    """One for each matched participant; its controls share one, scaled to their number."""
    weights = np.zeros(len(frame))
    t, c = found["treated"].to_numpy(), found["control"].to_numpy()
    np.add.at(weights, c, 1.0 / np.bincount(t, minlength=1)[t])
    if frame["cohort"].isna().all():
        firms = int(np.count_nonzero(weights))
    else:  # a firm may serve in several cohorts
        firms = frame["unit"].iloc[c].nunique()
    weights *= firms / weights.sum()
    weights[found["treated"].to_numpy()] = 1.0
    return weights


def _without_weight(
    frame: pd.DataFrame, settings: MatchSettings, kind: str
) -> dict[str, pd.Index[Any] | pd.Series]:
    """Firms that leave, by the reason: each once, and not while it has weight in the other arm."""
    reasons = _unmatched(frame, settings, kind)
    if settings.control == "never":
        return reasons
    stays = set(frame.loc[frame["weight"] > 0, "unit"])
    gone: dict[str, pd.Index[Any] | pd.Series] = {}
    for reason, units in reasons.items():
        gone[reason] = units[~units.isin(stays)]
        stays.update(units)
    return gone


def _unmatched(
    frame: pd.DataFrame, settings: MatchSettings, kind: str
) -> dict[str, pd.Index[Any] | pd.Series]:
    """Candidates that were not matched, by the reason."""
    treated = frame["treated"].to_numpy(dtype=bool)
    unweighted = (frame["weight"] == 0).to_numpy()
    unmatched = treated & unweighted
    lonely = np.zeros(len(frame), dtype=bool)
    if settings.exact and unmatched.any():
        strata = strata_codes(frame, ("cohort", *settings.exact))
        lonely = (np.bincount(strata, weights=~treated) == 0)[strata]
    if frame["cohort"].isna().all():
        spared: pd.Index[Any] | pd.Series = frame.loc[~treated & unweighted, "unit"]
    else:
        controls = frame[~treated].groupby("unit", sort=True)["weight"].sum()
        spared = controls.index[controls == 0]
    where = " within the caliper" if settings.caliper is not None else ""
    room = " that has room" if {"min_controls", "max_controls"} & set(settings.options) else ""
    alone = {
        "pairs": f"no comparison firm left{where}",
        "sets": f"no comparison firm in its stratum{where}{room}",
        "weights": "given no weight",
    }
    spare = {
        "pairs": "not chosen",
        "sets": f"no participant in its stratum{where}{room}",
        "weights": "given no weight",
    }
    reasons = {
        f"participant: {alone[kind]}": frame.loc[unmatched & ~lonely, "unit"],
        f"comparison firm: {spare[kind]}": spared,
    }
    if (unmatched & lonely).any():
        name = f"participant: no comparison firm agrees on {' and '.join(settings.exact)}"
        reasons = {name: frame.loc[unmatched & lonely, "unit"], **reasons}
    return reasons


def _reuse_notes(pairs: pd.DataFrame, settings: MatchSettings) -> list[str]:
    notes = []
    short = int((pairs["pair"].value_counts() < settings.ratio).sum()) if settings.ratio > 1 else 0
    if short:
        has = by_number(short, "has", "have")
        notes.append(
            f"{counted(short, 'matched participant')} {has} fewer than {settings.ratio} controls."
        )
    if not settings.replace or pairs.empty:
        return notes
    uses = pairs["control"].value_counts()
    again = int((uses > 1).sum())
    if again:
        notes.append(
            f"{again:,} of {counted(len(uses), 'control')} {by_number(again, 'serves', 'serve')} more than once, "
            f"{by_number(again, '', 'one of them ')}{int(uses.max())} times."
        )
    return notes


def _weights_before(frame: pd.DataFrame) -> FloatArray:
    """Each cohort's candidates count as much as the cohort has participants."""
    if frame["cohort"].isna().all():
        return np.ones(len(frame))
    size = frame.groupby("cohort")["treated"].transform("sum")
    offered = (~frame["treated"]).groupby(frame["cohort"]).transform("sum")
    weight = (size / offered).where(~frame["treated"], 1.0)
    return np.asarray(weight, dtype=np.float64)
