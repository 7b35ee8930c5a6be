"""Overlap: the common support and what trimming would drop, worked by hand, in firms and in euros."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, DesignError
from impact.design.ipw import crump_limit
from impact.design.match import MatchResult


def by_hand(score: list[float], *, scale: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "joined": [1, 1, 1, 0, 0, 0, 0],
            "p": np.array(score) * scale,
            "size": [3.0, 1.0, 2.0, 5.0, 4.0, 1.0, 2.0],
            "exports_eur": [100.0, 20.0, 5.0, 7.0, np.nan, 30.0, 1000.0],
        },
        index=list("abcdefg"),
    )


SCORES = [0.995, 0.5, 0.3, 0.6, 0.2, 0.05, 0.4]


def matched(data: pd.DataFrame, **words: object) -> MatchResult:
    asked = {"on": ["size"], "distance": "p", **words}
    return impact.match(data, treatment="joined", **asked)  # type: ignore[arg-type]


def rows(table: pd.DataFrame, rule: str) -> tuple[pd.Series, pd.Series]:
    found = table[table["rule"] == rule]
    assert found["arm"].tolist() == ["participants", "comparison firms"]
    return found.iloc[0], found.iloc[1]


def test_common_support_by_hand() -> None:
    table = matched(by_hand(SCORES)).overlap("exports_eur")
    ins, outs = rows(table, "common support")
    assert (ins["low"], ins["high"]) == (0.3, 0.6)
    assert (ins["score_min"], ins["score_max"]) == (0.3, 0.995)
    assert (ins["n"], ins["n_outside"], ins["share_outside"]) == (3, 1, pytest.approx(1 / 3))
    assert (outs["n"], outs["n_outside"]) == (4, 2)
    assert (ins["exports_eur_all"], ins["exports_eur_dropped"]) == (125.0, 100.0)
    assert ins["exports_eur_share_dropped"] == pytest.approx(0.8)
    assert (outs["exports_eur_all"], outs["exports_eur_dropped"]) == (1037.0, 30.0)
    assert outs["exports_eur_unknown"] == 1


def test_usual_limits_by_hand() -> None:
    table = matched(by_hand(SCORES)).overlap("exports_eur", limits=(0.25, 0.55))
    ins, outs = rows(table, "[0.01, 0.99]")
    assert (ins["n_outside"], outs["n_outside"]) == (1, 0)
    assert (outs["exports_eur_dropped"], outs["exports_eur_share_dropped"]) == (0.0, 0.0)
    ins, outs = rows(table, "[0.1, 0.9]")
    assert (ins["n_outside"], outs["n_outside"]) == (1, 1)
    ins, outs = rows(table, "[0.25, 0.55]")
    assert (ins["n_outside"], outs["n_outside"]) == (1, 3)
    ins, _ = rows(table, "Crump optimal")
    low = crump_limit(np.array(SCORES))
    assert (ins["low"], ins["high"]) == (pytest.approx(low), pytest.approx(1 - low))


def test_an_amount_that_nobody_knows_is_missing_and_not_zero() -> None:
    data = by_hand(SCORES).assign(exports_eur=np.nan)
    ins, outs = rows(matched(data).overlap("exports_eur"), "common support")
    for row in (ins, outs):
        assert np.isnan(row["exports_eur_all"])
        assert np.isnan(row["exports_eur_dropped"])
        assert np.isnan(row["exports_eur_share_dropped"])


def test_rules_for_probabilities_are_missing_for_other_scores() -> None:
    table = matched(by_hand(SCORES, scale=10)).overlap()
    assert table.attrs["scale"] == "score"
    ins, _ = rows(table, "common support")
    assert ins["n_outside"] == 1
    for rule in ("[0.01, 0.99]", "[0.1, 0.9]", "Crump optimal"):
        for row in rows(table, rule):
            assert row["n_outside"] is pd.NA
            assert np.isnan(row["share_outside"])
    assert "exports_eur_all" not in table


def firms(n: int = 300, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    joined = rng.random(n) < 1 / (1 + np.exp(1 - 1.5 * x))
    return pd.DataFrame({"joined": joined.astype(int), "x": x, "y": rng.normal(size=n)})


def test_the_linear_predictor_is_shown_as_a_probability() -> None:
    tables = [
        impact.match(firms(), treatment="joined", on=["x", "y"], distance=d).overlap()
        for d in ("logit", "linear_logit")
    ]
    pd.testing.assert_frame_equal(*tables, rtol=1e-9)
    assert tables[1].attrs["scale"] == "probability"


@pytest.mark.parametrize("trim", [(0.01, 0.99), (0.1, 0.9), "crump"])
def test_it_foretells_what_trimming_drops(trim: object) -> None:
    data = firms()
    plain = impact.match(data, treatment="joined", on=["x", "y"], method="ipw")
    trimmed = impact.match(data, treatment="joined", on=["x", "y"], method="ipw", trim=trim)
    rule = "Crump optimal" if trim == "crump" else f"[{trim[0]:g}, {trim[1]:g}]"  # type: ignore[index]
    ins, outs = rows(plain.overlap(), rule)
    sizes = trimmed.sizes()
    gone = sizes.loc["before"] - sizes.loc["after"]
    assert (ins["n_outside"], outs["n_outside"]) == (gone["n_treated"], gone["n_control"])
    assert outs["n_outside"] > 0 or trim == (0.01, 0.99)


def panel() -> impact.Panel:
    rng = np.random.default_rng(5)
    joined = np.repeat([3.0, 4.0, np.nan, np.nan], 10)
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:02d}" for i in range(40)], 5),
            "year": np.tile(np.arange(1, 6), 40),
            "joined": np.repeat(joined, 5),
            "size": rng.normal(size=200),
            "exports_eur": rng.integers(1, 100, 200).astype(float),
        }
    )
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


def test_amounts_of_a_panel_are_those_of_the_year_before_joining() -> None:
    data = panel()
    got = impact.match(data, on=["size"]).overlap("exports_eur", by_cohort=True)
    assert got["cohort"].unique().tolist() == [3, 4]
    frame = data.data
    for g in (3, 4):
        table = got[got["cohort"] == g].drop(columns="cohort")
        at = frame[frame["year"] == g - 1].set_index("firm")
        ins, outs = rows(table, "common support")
        assert ins["exports_eur_all"] == at.loc[at["joined"] == g, "exports_eur"].sum()
        assert outs["exports_eur_all"] == at.loc[at["joined"].isna(), "exports_eur"].sum()


def test_over_cohorts_firms_are_counted_once() -> None:
    data = panel()
    matched = impact.match(data, on=["size"])
    table = matched.overlap("exports_eur")
    ins, outs = rows(table, "common support")
    assert (ins["n"], outs["n"]) == (20, 20)
    assert np.isnan(ins["low"])  # it differs by cohort
    assert rows(table, "[0.1, 0.9]")[0]["low"] == 0.1
    frame = matched.candidates
    out = {}
    for g, part in frame.groupby("cohort"):
        arms = part.loc[part["treated"], "distance"], part.loc[~part["treated"], "distance"]
        low, high = max(a.min() for a in arms), min(a.max() for a in arms)
        out[g] = part.set_index("unit")["distance"].lt(low) | part.set_index("unit")["distance"].gt(
            high
        )
    never = frame.loc[~frame["treated"], "unit"].unique()
    assert outs["n_outside"] == (out[3.0][never] & out[4.0][never]).sum()
    rows_of = data.data[data.data["year"].isin([2, 3]) & data.data["joined"].isna()]
    mean = rows_of.groupby("firm")["exports_eur"].mean()
    assert outs["exports_eur_all"] == pytest.approx(mean.sum())


def test_refusals() -> None:
    data = firms()
    without = impact.match(data, treatment="joined", on=["x"], distance="mahalanobis")
    with pytest.raises(DesignError, match="made no score"):
        without.overlap()
    with pytest.raises(DesignError, match="made no score"):
        without.plot("overlap")
    assert "common support" not in without.summary()
    found = matched(by_hand(SCORES))
    with pytest.raises(DesignError, match="lower one stands first"):
        found.overlap(limits=(0.9, 0.1))
    with pytest.raises(DesignError, match="pair"):
        found.overlap(limits=0.1)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="no cohorts"):
        found.overlap(by_cohort=True)
    with pytest.raises(DataError, match="column that is needed is missing"):
        found.overlap("export_eur")
    texts = matched(by_hand(SCORES).assign(name="x"))
    with pytest.raises(DesignError, match="does not hold numbers"):
        texts.overlap("name")


def test_summary_says_the_common_support() -> None:
    text = matched(by_hand(SCORES)).summary()
    assert (
        "Outside the common support of the score [0.3, 0.6]: 1 of 3 participants and 2 of 4 comparison firms."
        in text
    )
