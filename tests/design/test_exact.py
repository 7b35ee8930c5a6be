"""Exact matching: agreement with MatchIt, a slow twin, panels, refusals, and what every method of sets offers."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DesignError
from tests.reference.matchit_strata import reader


def firms(n: int = 200, seed: int = 1) -> pd.DataFrame:
    """Firms with few distinct values; identifiers in no order."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 6, n)
    return pd.DataFrame(
        {
            "joined": (rng.random(n) < 0.1 + 0.08 * size).astype(int),
            "size": size.astype(float),
            "wage": rng.normal(10 + size, 2, n),
            "sector": rng.choice(["food", "wood", "metal"], n),
        },
        index=[f"F{i:03d}" for i in rng.permutation(n)],
    )


def panel(n: int = 150, seed: int = 1) -> impact.Panel:
    """Firm-years of two cohorts and of firms that never join."""
    rng = np.random.default_rng(seed)
    joined = rng.choice([3.0, 4.0, np.nan, np.nan], n)
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:03d}" for i in range(n)], 5),
            "year": np.tile(np.arange(1, 6), n),
            "joined": np.repeat(joined, 5),
            "size": rng.integers(1, 6, 5 * n).astype(float),
            "wage": rng.normal(size=5 * n),
            "sector": np.repeat(rng.choice(["food", "wood"], n), 5),
        }
    )
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


CALLS = {
    "exact": {"method": "exact", "on": ["size"], "exact": ["sector"]},
    "exact_ate": {"method": "exact", "exact": ["sector"], "estimand": "ATE"},
    "coarsened": {"method": "coarsened", "on": ["size", "wage"], "exact": ["sector"]},
    "coarsened_ate": {"method": "coarsened", "on": ["wage"], "cutpoints": 3, "estimand": "ATE"},
    "k2k": {"method": "coarsened", "on": ["size", "wage"], "exact": ["sector"], "k2k": True},
    "subclass": {"method": "subclass", "on": ["size", "wage"]},
    "subclass_ate": {"method": "subclass", "on": ["size", "wage"], "estimand": "ATE"},
}
"""One call of each kind; the tests below run all of them, on both kinds of data."""


def agree(case: str) -> None:
    """Weights, sets and balance of one case of the reference."""
    data = reader.ll() if "_ll" in case else reader.lalonde()
    if data is None:
        pytest.skip("the data are not here")
    result = impact.match(data, treatment="treat", **reader.CALLS[case])
    raw = reader.expected()
    raw = raw[raw["case"] == case]
    rows = raw[raw["what"] == "weight"]
    place = rows["row"].to_numpy(dtype=int) - 1
    weights, sets = np.zeros(len(data)), np.zeros(len(data), dtype=int)
    weights[place], sets[place] = rows["value"], rows["set"]
    found = result.candidates["pair"].fillna(0).to_numpy(dtype=int)
    smd = raw[raw["what"].str.startswith("smd")]
    smd = pd.Series(smd["value"].to_numpy(), index=smd["what"].str.removeprefix("smd "))
    smd.index = smd.index.str.replace(r"^race(?=[a-z])", "race: ", regex=True)
    table = result.balance().set_index("covariate")["smd_after"]
    assert set(smd.index) == set(table.index)
    if case == "subclass_hundred":  # rows with equal scores change places, and nobody else
        score = result.distance.to_numpy()
        by_score = pd.DataFrame({"score": score, "here": result.weights, "there": weights})
        together = by_score.groupby("score").agg(lambda w: tuple(sorted(np.round(w, 8))))
        assert (together["here"] == together["there"]).all()
        assert (result.weights.to_numpy() - weights != 0).sum() > 0
        return
    assert np.abs(result.weights.to_numpy() - weights).max() < 1e-10
    assert len({*zip(sets, found, strict=True)}) == len({*sets}) == len({*found})
    gap = (table[smd.index] - smd).abs()
    assert gap.drop("distance", errors="ignore").max() < 1e-10
    assert gap.max() < 1e-7  # R stops fitting the score earlier


@pytest.mark.parametrize("case", [c for c in reader.CALLS if c.startswith("exact")])
def test_agrees_with_matchit(case: str) -> None:
    agree(case)


def slow_weights(
    treated: list[bool], cells: list[object], estimand: str
) -> tuple[list[float], dict[object, list[int]]]:
    """Weights of sets by their definition, firm by firm."""
    members: dict[object, list[int]] = defaultdict(list)
    for i, cell in enumerate(cells):
        members[cell].append(i)
    members = {
        cell: who
        for cell, who in members.items()
        if any(treated[i] for i in who) and not all(treated[i] for i in who)
    }
    weights = [0.0] * len(cells)
    for who in members.values():
        for i in who:
            target = [j for j in who if treated[j] or estimand == "ATE"]
            weights[i] = len(target) / sum(treated[j] == treated[i] for j in who)
    for arm in (True, False):
        mine = [i for i in range(len(cells)) if treated[i] == arm and weights[i] > 0]
        total = sum(weights[i] for i in mine)
        for i in mine:
            weights[i] *= len(mine) / total
    return weights, members


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from("abc")), min_size=4, max_size=30
    ),
    st.sampled_from(["ATT", "ATE"]),
)
def test_slow_twin(rows: list[tuple[bool, int, str]], estimand: str) -> None:
    frame = pd.DataFrame(rows, columns=["joined", "size", "sector"])
    treated = frame["joined"].tolist()
    cells = list(zip(frame["size"], frame["sector"], strict=True))
    weights, members = slow_weights(treated, cells, estimand)
    call = {"treatment": "joined", "method": "exact", "on": ["size"], "exact": ["sector"]}
    if not members or len(set(cells)) == 1:
        with pytest.raises(DesignError):
            impact.match(frame, **call, estimand=estimand)
        return
    result = impact.match(frame, **call, estimand=estimand)
    assert np.allclose(result.weights, weights, rtol=0, atol=1e-12)
    sets = result.candidates.groupby("pair").groups.values()
    assert sorted(map(list, sets)) == sorted(members.values())


def test_agreeing_firms_are_equal_on_every_column_and_the_others_are_counted() -> None:
    data = firms()
    result = impact.match(data, treatment="joined", **CALLS["exact"])
    inside = result.candidates.dropna(subset="pair").groupby("pair")
    assert (inside[["size", "sector", "treated"]].nunique() == [1, 1, 2]).all().all()
    after = result.balance()
    assert np.abs(after["smd_after"]).max() < 1e-12
    cells = data.groupby(["size", "sector"])["joined"].agg(["sum", "size"])
    alone = cells["sum"].eq(0) | cells["sum"].eq(cells["size"])
    assert result.ledger.rows_used == len(data) - int(cells.loc[alone, "size"].sum())


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("make", [firms, panel])
def test_what_a_result_offers(name: str, make) -> None:
    data = make()
    call = CALLS[name] | ({"treatment": "joined"} if make is firms else {})
    result = impact.match(data, **call)
    frame = result.candidates
    assert result.kind == ("pairs" if name == "k2k" else "sets")
    matched = frame[frame["pair"].notna()]
    assert (matched["weight"] > 0).all()
    assert (frame.loc[frame["pair"].isna(), "weight"] == 0).all()
    assert sorted(matched["pair"].unique()) == list(range(1, matched["pair"].nunique() + 1))
    assert (matched.groupby("pair")["treated"].nunique() == 2).all()
    assert (matched.groupby("pair")["cohort"].nunique(dropna=False) == 1).all()
    for arm in (True, False):  # weighted arms have the size of their members
        mine = matched[matched["treated"] == arm]
        assert mine["weight"].sum() == pytest.approx(len(mine))
    assert result.sizes().loc["after", "n_treated"] == matched["treated"].sum()
    assert result.balance()["smd_after"].notna().all()
    said = result.summary()
    assert "participants with known covariates were " in said
    assert ("grouped with" in said) == (name != "k2k")
    if make is panel:
        assert "in the year before joining" in said
        assert set(result.balance(by_cohort=True)["cohort"]) == {3, 4}
        assert set(result.weights.index) == set(data.data.index)
    assert result.plot().axes
    if name == "k2k":  # a firm serves once over all cohorts
        assert result.pairs["control"].is_unique
        assert result.pairs["treated"].is_unique


@pytest.mark.parametrize("name", CALLS)
def test_order_of_rows_and_identifiers_do_not_matter(name: str) -> None:
    data = firms()
    call = CALLS[name] | {"treatment": "joined"}
    result = impact.match(data, **call)
    again = impact.match(data.sample(frac=1, random_state=3), **call)
    pd.testing.assert_frame_equal(result.candidates, again.candidates)
    renamed = data.set_axis([f"X{v}" for v in data.index])  # keeps the order
    assert impact.match(renamed, **call).weights.tolist() == result.weights.tolist()
    if name != "k2k":  # where equal distances go to the first identifier
        reversed_ = data.set_axis([f"F{999 - int(v[1:])}" for v in data.index])
        weights = impact.match(reversed_, **call).weights
        assert np.allclose(weights, result.weights, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", CALLS)
def test_units_of_measurement_do_not_matter(name: str) -> None:
    data = firms()
    other = data.assign(size=1000 * data["size"] + 7, wage=3 - data["wage"] / 1.1)
    call = CALLS[name] | {"treatment": "joined"}
    result, again = impact.match(data, **call), impact.match(other, **call)
    assert np.allclose(result.weights, again.weights, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", CALLS)
def test_the_callers_data_are_not_changed(name: str) -> None:
    data = firms()
    before = data.copy()
    impact.match(data, treatment="joined", **CALLS[name])
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize("name", ["exact", "coarsened", "subclass"])
def test_a_cohort_of_a_panel_is_matched_as_if_it_were_alone(name: str) -> None:
    data = panel()
    result = impact.match(data, **CALLS[name])
    for g in (3, 4):
        others = data.unit_cohort() == 7 - g
        alone = data.data[~data.data["firm"].isin(others.index[others])]
        alone = impact.panel(alone, unit="firm", time="year", cohort="joined")
        frame = impact.match(alone, **CALLS[name]).candidates
        mine = result.candidates[result.candidates["cohort"] == g]
        assert mine["unit"].tolist() == frame["unit"].tolist()
        together = pd.DataFrame({"a": mine["pair"].tolist(), "b": frame["pair"].tolist()})
        assert len(together.drop_duplicates()) == together["a"].nunique(dropna=False)
        assert (together["a"].isna() == together["b"].isna()).all()


def test_text_in_on_agrees_as_in_exact() -> None:
    for data, who in ((firms(), {"treatment": "joined"}), (panel(), {})):
        call = {"method": "exact", **who}
        for estimand in ("ATT", "ATE"):
            one = impact.match(data, on=["sector", "size"], estimand=estimand, **call)
            two = impact.match(data, on=["size"], exact=["sector"], estimand=estimand, **call)
            assert one.settings == two.settings
            pd.testing.assert_frame_equal(one.candidates, two.candidates)
            assert one.summary() == two.summary()
        alone = impact.match(data, on=["sector"], **call)
        assert alone.settings == impact.match(data, exact=["sector"], **call).settings
        again = impact.match(data, on=["sector"], exact=["sector"], **call)
        assert again.settings == alone.settings


def test_text_in_on_of_any_kind_and_with_missing_values() -> None:
    data = firms().assign(since=lambda f: pd.Timestamp("2001-01-01"))
    data["kind"] = data["sector"].astype("category")
    data.iloc[0, data.columns.get_loc("sector")] = None
    got = impact.match(data, treatment="joined", on=["sector", "kind", "since"], method="exact")
    assert got.settings.exact == ("sector", "kind", "since") and got.settings.on == ()
    assert data.index[0] not in set(got.candidates["unit"])
    with pytest.raises(DesignError, match="must be a number"):  # a path is one of numbers
        impact.match(panel(), on=["sector"], method="exact", lags={"sector": 2})
    with pytest.raises(DesignError, match="must be a number"):
        impact.match(data, treatment="joined", on=["kind"], method="coarsened")


def test_an_effect_after_text_in_on_needs_no_covariates() -> None:
    data = firms()
    got = impact.match(data, treatment="joined", on=["sector"], method="exact")
    one = impact.att(got, "wage", method="difference").tidy()
    two = impact.att(got, "wage", method="g_computation").tidy()
    assert np.isclose(one["estimate"][0], two["estimate"][0], rtol=1e-12)


def test_bad_input_is_refused() -> None:
    data = firms(30)
    call = {"treatment": "joined", "method": "exact"}
    with pytest.raises(DesignError, match=r"match exactly on fewer columns"):
        impact.match(data, on=["wage"], **call)
    with pytest.raises(DesignError, match="No covariate varies"):
        impact.match(data.assign(size=1.0), on=["size"], **call)
    with pytest.raises(DesignError, match="does not use caliper"):
        impact.match(data, on=["size"], caliper=0.2, **call)
    with pytest.raises(DesignError, match="estimands 'ATT', 'ATE'"):
        impact.match(data, on=["size"], estimand="ATO", **call)
    with pytest.raises(DesignError, match="There is no participant"):
        impact.match(data.assign(joined=0), on=["size"], **call)


def test_a_missing_value_is_no_value_to_agree_on() -> None:
    data = firms()
    data.loc[data.index[:3], "sector"] = None
    result = impact.match(data, treatment="joined", **CALLS["exact"])
    assert (result.weights.iloc[:3] == 0).all()
    assert any("sector is missing" in str(line) for line in str(result.ledger).splitlines())
