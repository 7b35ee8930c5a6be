"""The verb `match`: compared to whom?

The outcome is not an argument. A comparison group is chosen on what was known before joining, and is
looked at (`balance()`, `plot()`) before any effect is estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
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

# Imported for what they register.
from impact.design import nearest as _nearest  # noqa: F401
from impact.design.balance import balance_table, effective_sample_size, indicator_columns
from impact.design.candidates import Candidates, gather
from impact.design.chosen import Chosen, Weighting, set_weights, strata_codes
from impact.design.request import DEFAULT_SEED, Estimand, MatchSettings, as_names
from impact.design.words import methods_sentence

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
        settings = self.settings
        columns = frame[[*settings.on]].astype("float64")
        exact = indicator_columns(frame, [c for c in settings.exact if c not in settings.on])
        columns = pd.concat([columns, exact], axis=1)
        if frame["distance"].notna().all():
            columns.insert(0, "distance", frame["distance"])
        return balance_table(
            columns,
            frame["treated"].to_numpy(dtype=bool),
            _weights_before(frame),
            frame["weight"].to_numpy(dtype=np.float64),
            pooled=settings.estimand != "ATT",
        )

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

    def plot(self, **words: Any) -> Figure:
        """Draw the love plot: absolute standardised mean differences before and after.

        Parameters
        ----------
        **words
            Other texts and threshold of the figure; see `impact.display.love.love_figure`.
        """
        from impact.display.love import love_figure

        return love_figure(self.balance(), labels=self.labels(), **words)

    def labels(self) -> dict[str, str]:
        """Words for the rows of `balance()`."""
        words = {"distance": "Score"}
        for column in self.settings.columns:
            panel = self.data if isinstance(self.data, Panel) else None
            words[column] = panel.label(column) if panel else column.replace("_", " ")
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
        return "\n".join([*parts, *self.notes])

    def methods_sentence(self) -> str:
        """Who was matched to whom, on what, when, how, how many, and how alike they became."""
        panel = isinstance(self.data, Panel)
        several = panel and self.candidates["cohort"].nunique() > 1
        return methods_sentence(
            self.settings,
            self.balance(),
            self.labels(),
            treated=self.candidates.loc[self.candidates["treated"]],
            panel=panel,
            cohorts=self.balance(by_cohort=True) if several else None,
        )

    def __repr__(self) -> str:
        return self.summary()


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
    **options: Any,
) -> MatchResult:
    """Find comparison firms for participants, without looking at any outcome.

    Parameters
    ----------
    data : DataFrame or Panel
        A cross-section with one row per firm, or firm-years from `impact.panel`. It is never changed.
        In a panel each cohort is matched on the values of the year before it joined (g - 1), so that
        a covariate dated at or after joining cannot be asked for; add lags as columns of their own.
    treatment : str, optional
        Column of a cross-section: 1 for participants, 0 for firms of the comparison group. A panel
        knows its participants.
    on : sequence of str
        Covariates, numbers. A firm with a missing one is dropped, counted and named in the ledger.
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
        Comparison firms of a panel: those that never join, or also those that join after its last
        year, who had not joined in any year that is compared.
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
        on=as_names(on, "on"),
        exact=as_names(exact, "exact"),
        treatment=treatment,
        method=method,
        distance=distance,
        caliper=caliper,
        caliper_scale=caliper_scale,
        ratio=ratio,
        replace=bool(replace),
        order=order,
        estimand=estimand,
        seed=DEFAULT_SEED if seed is None else seed,
        control=control,
        options=MappingProxyType(dict(options)),
    )
    found = METHODS.find("match", method)
    settings.check_abilities(found)
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
            *(["match exactly on fewer columns"] if settings.exact else []),
        ]
    )
    return f"None of {n:,} participants found a comparison firm; {remedy}."


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
    else:
        data = data.copy()
        keys = pd.Series(data.index, index=data.index)
        distance = frame.set_index("unit")["distance"].reindex(data.index)
        pairs = pairs.drop(columns="cohort")
    by_firm = frame.groupby("unit", sort=False)["weight"].sum()
    weights = keys.map(by_firm).fillna(0.0).astype("float64").rename("weight")
    return MatchResult(
        data=data,
        pairs=pairs,
        weights=weights,
        distance=distance,
        candidates=frame,
        settings=settings,
        ledger=candidates.ledger("matching", _unmatched(frame, settings, kind)),
        notes=(*candidates.notes, *chosen.notes, *_reuse_notes(pairs, settings)),
        score_model=chosen.model,
        kind=kind,
        weighting=chosen.weighting,
    )


def _matched(
    frame: pd.DataFrame, chosen: Chosen, settings: MatchSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs under their names, and the candidates with score, weight and number of the matched set."""
    columns = [c for c in settings.columns if c != "distance"]
    out = frame[["unit", "cohort", "treated", *columns]].assign(distance=chosen.score)
    pair = pd.Series(pd.NA, index=frame.index, dtype="Int64")
    found = chosen.pairs if chosen.pairs is not None else _NO_PAIRS
    found = found.sort_values(["treated", "rank"], kind="stable").reset_index(drop=True)
    number = pd.factorize(found["treated"], sort=True)[0] + 1
    if chosen.pairs is not None:
        weights = _candidate_weights(frame, found)
        pair.iloc[found["treated"].to_numpy()] = number
        if not settings.replace:
            pair.iloc[found["control"].to_numpy()] = number
    elif chosen.sets is not None:
        weights = set_weights(frame["treated"].to_numpy(dtype=bool), chosen.sets, settings.estimand)
        pair = pd.Series(chosen.sets, index=frame.index, dtype="Int64").mask(chosen.sets == 0)
    else:
        assert chosen.weights is not None
        weights = chosen.weights
    pairs = pd.DataFrame(
        {
            "pair": number,
            "cohort": frame["cohort"].to_numpy()[found["treated"]],
            "treated": frame["unit"].to_numpy()[found["treated"]],
            "control": frame["unit"].to_numpy()[found["control"]],
            "rank": found["rank"].to_numpy(),
            "distance": found["distance"].to_numpy(),
        }
    )
    return pairs, out.assign(weight=weights, pair=pair)


_NO_PAIRS = pd.DataFrame(
    {"treated": np.empty(0, np.int64), "control": np.empty(0, np.int64), "rank": np.empty(0, np.int64), "distance": np.empty(0)}
)  # fmt: skip


def _candidate_weights(frame: pd.DataFrame, found: pd.DataFrame) -> FloatArray:
    """One for each matched participant; its controls share one, scaled to their number."""
    weights = np.zeros(len(frame))
    share = 1.0 / found.groupby("treated")["control"].transform("size").to_numpy(dtype=np.float64)
    np.add.at(weights, found["control"].to_numpy(), share)
    controls = frame["unit"].to_numpy()[found["control"]]
    weights *= pd.Series(controls).nunique() / weights.sum()
    weights[found["treated"].to_numpy()] = 1.0
    return weights


def _unmatched(frame: pd.DataFrame, settings: MatchSettings, kind: str) -> dict[str, list[Any]]:
    """Candidates that were not matched, by the reason."""
    treated = frame["treated"].to_numpy(dtype=bool)
    lonely = np.zeros(len(frame), dtype=bool)
    if settings.exact:
        strata = pd.Series(strata_codes(frame, ("cohort", *settings.exact)))
        lonely = (~frame["treated"]).groupby(strata).transform("sum").to_numpy() == 0
    unmatched = treated & (frame["weight"] == 0).to_numpy()
    controls = frame[~treated].groupby("unit", sort=True)["weight"].sum()
    where = " within the caliper" if settings.caliper is not None else ""
    alone = {
        "pairs": f"no comparison firm left{where}",
        "sets": "no comparison firm in its stratum",
        "weights": "given no weight",
    }
    spare = {
        "pairs": "not chosen",
        "sets": "no participant in its stratum",
        "weights": "given no weight",
    }
    reasons = {
        f"participant: {alone[kind]}": list(frame.loc[unmatched & ~lonely, "unit"]),
        f"comparison firm: {spare[kind]}": list(controls.index[controls == 0]),
    }
    if (unmatched & lonely).any():
        name = f"participant: no comparison firm agrees on {' and '.join(settings.exact)}"
        reasons = {name: list(frame.loc[unmatched & lonely, "unit"]), **reasons}
    return reasons


def _reuse_notes(pairs: pd.DataFrame, settings: MatchSettings) -> list[str]:
    notes = []
    short = int((pairs.groupby("pair")["control"].size() < settings.ratio).sum())
    if short:
        notes.append(f"{short:,} matched participants have fewer than {settings.ratio} controls.")
    uses = pairs["control"].value_counts()
    if settings.replace and uses.max() > 1:
        notes.append(
            f"{int((uses > 1).sum()):,} of {len(uses):,} controls serve more than once, one of them "
            f"{int(uses.max())} times."
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
