"""Comparison firms that join later: compared until they join, one cluster where they tie sets together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DesignError, EstimationError
from impact.simulate.programme import programme


def as_panel(frame: pd.DataFrame) -> impact.Panel:
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


def long(rows: list[tuple[str, float | None, float, list[float]]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"firm": firm, "year": t, "joined": joined, "size": size, "exports": y}
            for firm, joined, size, series in rows
            for t, y in enumerate(series, start=1)
        ]
    )


def by_hand() -> pd.DataFrame:
    """a joins in 2 and is like b, which joins in 4 and is like n, which never joins; f is far from all."""
    return long(
        [
            ("a", 2.0, 1.0, [10.0, 14.0, 16.0, 19.0]),
            ("b", 4.0, 1.1, [20.0, 21.0, 22.0, 30.0]),
            ("n", None, 1.3, [5.0, 6.0, 6.5, 8.0]),
            ("f", None, -9.0, [0.0, 0.0, 0.0, 0.0]),
        ]
    )


def by_firm(firms: int, seed: int, **more: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A programme with a covariate that says nothing, so that every firm is like some other."""
    frame, truth = programme(firms=firms, periods=8, cohorts=(4, 6), seed=seed, **more)
    size = pd.Series(np.random.default_rng(seed).normal(size=firms))
    return frame.assign(
        size=frame["firm"].map(dict(zip(frame["firm"].unique(), size, strict=True)))
    ), truth


def test_a_later_participant_serves_until_it_joins() -> None:
    matched = impact.match(as_panel(by_hand()), on=["size"], distance="size", control="not_yet")
    assert matched.pairs[["treated", "control", "cohort"]].values.tolist() == [
        ["a", "b", 2],
        ["b", "n", 4],
    ]
    table = (
        impact.att(matched, "exports", method="matched_did").tidy().set_index("term")["estimate"]
    )
    assert table["ATT(2,2)"] == (14 - 10) - (21 - 20)
    assert table["ATT(2,3)"] == (16 - 10) - (22 - 20)
    assert np.isnan(table["ATT(2,4)"])  # b has joined
    assert table["ATT(4,4)"] == (30 - 22) - (8 - 6.5)
    assert table["ATT(4,1)"] == (20 - 22) - (5 - 6.5)


def test_years_after_keep_the_comparison_for_so_long() -> None:
    matched = impact.match(
        as_panel(by_hand()),
        on=["size"],
        distance="size",
        control="not_yet",
        years_after=2,
        order="smallest",
    )
    assert matched.pairs[["treated", "control"]].values.tolist() == [["a", "n"], ["b", "f"]]
    assert "had not joined within 2 years after it" in matched.summary()
    # b joins two years after a: one year after, it has not.
    one = impact.match(
        as_panel(by_hand()), on=["size"], distance="size", control="not_yet", years_after=1
    )
    assert one.pairs[["treated", "control"]].values.tolist()[0] == ["a", "b"]
    for wrong in (-1, 1.5, True):
        with pytest.raises(DesignError, match="whole number from 0"):
            impact.match(as_panel(by_hand()), on=["size"], control="not_yet", years_after=wrong)
    with pytest.raises(DesignError, match="goes with control='not_yet'"):
        impact.match(as_panel(by_hand()), on=["size"], years_after=1)


def test_sets_that_share_a_firm_are_one_cluster() -> None:
    frame, _ = by_firm(150, 3)
    matched = impact.match(as_panel(frame), on=["size"], distance="size", control="not_yet")
    effect = impact.att(matched, "exports", method="matched_did")
    pairs = matched.pairs
    tied = {u: {u} for u in {*pairs["treated"], *pairs["control"]}}
    for t, c in zip(pairs["treated"], pairs["control"], strict=True):  # a plain union
        both = tied[t] | tied[c]
        for u in both:
            tied[u] = both
    assert set(pairs["treated"]) & set(pairs["control"])
    assert effect.firms is not None and effect.firms.index.is_unique
    for own in {frozenset(s) for s in tied.values()}:
        assert effect.firms.loc[effect.firms.index.isin(own), "cluster"].nunique() == 1
    assert effect.firms["cluster"].nunique() == len({frozenset(s) for s in tied.values()})
    # The variance of one cell, from the gains of its pairs: those tied together are summed.
    wide = frame.pivot(index="firm", columns="year", values="exports")
    cell = pairs[pairs["cohort"] == 6]
    gain = (wide[7] - wide[5])[cell["treated"]].to_numpy() - (wide[7] - wide[5])[
        cell["control"]
    ].to_numpy()
    moved = pd.Series(gain - gain.mean()).groupby([min(tied[u]) for u in cell["treated"]]).sum()
    row = effect.tidy().set_index("term").loc["ATT(6,7)"]
    assert row["estimate"] == pytest.approx(gain.mean(), rel=1e-12)
    assert row["std_error"] == pytest.approx(np.sqrt((moved**2).sum()) / len(gain), rel=1e-12)


METHODS = {
    "nearest": {"distance": "size"},
    "nearest 2": {"distance": "size", "ratio": 2},
    "mahalanobis": {"method": "mahalanobis"},
    "optimal": {"method": "optimal"},
    "full": {"method": "full"},
    "coarsened": {"method": "coarsened"},
    "subclass": {"method": "subclass"},
    "entropy": {"method": "entropy"},
    "ipw": {"method": "ipw"},
    "cbps": {"method": "cbps"},
}


@pytest.mark.parametrize("name", METHODS)
def test_growing_effects_of_later_participants_do_not_enter(name: str) -> None:
    """Without noise every method finds the truth in every cell; with joined firms left in it would not."""
    frame, truth = by_firm(120, 5, noise=0.0)
    matched = impact.match(as_panel(frame), on=["size"], control="not_yet", **METHODS[name])
    table = impact.att(matched, "exports", method="matched_did").tidy()
    both = table.merge(truth, on=["cohort", "time"]).dropna(subset=["estimate"])
    assert len(both) >= 5
    np.testing.assert_allclose(both["estimate"], both["att"], atol=1e-10)
    before = table[table["event_time"] < -1]["estimate"].dropna()
    np.testing.assert_allclose(before, 0.0, atol=1e-10)


def test_joined_comparisons_left_in_would_be_wrong() -> None:
    """What the mask is for: the same pairs, compared after their control joined."""
    frame, truth = by_firm(120, 5, noise=0.0)
    pairs = impact.match(as_panel(frame), on=["size"], distance="size", control="not_yet").pairs
    wide = frame.pivot(index="firm", columns="year", values="exports")
    cell = pairs[pairs["cohort"] == 4]
    change = wide[8] - wide[3]
    naive = (change[cell["treated"]].to_numpy() - change[cell["control"]].to_numpy()).mean()
    att = truth.query("cohort == 4 and time == 8")["att"].item()
    assert naive < att - 0.05


def test_every_firm_leaves_the_ledger_once() -> None:
    frame, _ = by_firm(90, 7)
    frame.loc[(frame["firm"] == frame["firm"].iloc[0]) & (frame["year"] == 3), "size"] = np.nan
    late = frame.loc[frame["joined"] == 6, "firm"].iloc[0]
    frame.loc[(frame["firm"] == late) & (frame["year"] == 5), "size"] = np.nan
    # The late firm is no participant then, and still a comparison of cohort 4.
    matched = impact.match(
        as_panel(frame), on=["size"], distance="size", control="not_yet", caliper=0.05
    )
    used = matched.candidates.loc[matched.candidates["weight"] > 0, "unit"].nunique()
    assert matched.ledger.units_in == 90
    assert matched.ledger.units_used == used
    assert late in set(matched.candidates.query("cohort == 4 and not treated")["unit"])
    assert "size is missing in the year before joining" in matched.unmatched().attrs["reasons"]


def test_outcomes_that_look_ahead_take_firms_that_join_late_enough() -> None:
    frame = by_hand().assign(export_survival_1=[1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    matched = impact.match(as_panel(frame), on=["size"], distance="size", control="not_yet")
    table = impact.att(matched, "export_survival_1", method="at_joining").tidy().set_index("cohort")
    assert table.loc[2, "estimate"] == 1.0 - 0.0  # year 2 sees year 3, b joins in 4
    early = frame.assign(joined=frame["joined"].replace(4.0, 3.0))
    matched = impact.match(as_panel(early), on=["size"], distance="size", control="not_yet")
    table = impact.att(matched, "export_survival_1", method="at_joining").tidy().set_index("cohort")
    assert np.isnan(table.loc[2, "estimate"])  # year 2 sees year 3, in which b joins


def test_one_weight_a_firm_is_refused() -> None:
    matched = impact.match(as_panel(by_hand()), on=["size"], distance="size", control="not_yet")
    with pytest.raises(EstimationError, match="comparison first and a participant later"):
        impact.att(matched, "exports", method="group_time")


def test_order_of_rows_does_not_matter() -> None:
    frame, _ = by_firm(120, 9)
    tables = [
        impact.att(
            impact.match(as_panel(rows), on=["size"], distance="size", control="not_yet"), "exports", method="matched_did"
        ).aggregate("overall").tidy()
        for rows in (frame, frame.sample(frac=1.0, random_state=2))
    ]  # fmt: skip
    pd.testing.assert_frame_equal(*tables, check_exact=True)
