"""`impact.match` as a verb: weights, ledger, refusals, invariances, panels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

import impact
from impact.core.errors import DataError, DesignError
from impact.design.propensity import fit_propensity


def firms(n: int = 80, seed: int = 1) -> pd.DataFrame:
    """Firms with two covariates on which joining depends; identifiers in no order."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    joined = rng.random(n) < special.expit(-1 + 0.8 * x[:, 0] - 0.4 * x[:, 1])
    index = [f"F{i:03d}" for i in rng.permutation(n)]
    return pd.DataFrame(
        {
            "joined": joined.astype(int),
            "size": 10 + 3 * x[:, 0],
            "wage": np.exp(x[:, 1]),
            "sector": rng.integers(0, 3, n).astype(str),
            "exports": rng.normal(size=n),
        },
        index=index,
    )


def firm_years(n: int = 60, seed: int = 1, cohorts: tuple[int, ...] = (3, 4)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, len(cohorts) + 2, n)
    joined = np.array([*cohorts, np.nan, np.nan])[group]
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:03d}" for i in range(n)], 5),
            "year": np.tile(np.arange(1, 6), n),
            "joined": np.repeat(joined, 5),
        }
    )
    return frame.assign(
        size=rng.normal(size=5 * n) + np.repeat(rng.normal(size=n), 5),
        wage=rng.normal(size=5 * n),
        sector=np.repeat(rng.integers(0, 2, n).astype(str), 5),
        exports=rng.normal(size=5 * n),
    )


def as_panel(frame: pd.DataFrame) -> impact.Panel:
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


ON = ["size", "wage"]


# ---- what comes out ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"caliper": 0.1}, {"ratio": 2}, {"ratio": 2, "replace": True}]
)
def test_weights_are_scaled_as_documented(options: dict[str, object]) -> None:
    data = firms()
    matched = impact.match(data, treatment="joined", on=ON, **options)
    pairs, weights = matched.pairs, matched.weights
    assert (weights[pairs["treated"].unique()] == 1).all()
    controls = pairs["control"].unique()
    assert weights[controls].sum() == pytest.approx(len(controls))
    assert (weights.drop([*pairs["treated"].unique(), *controls]) == 0).all()
    assert list(weights.index) == list(data.index)
    # The weighted mean of the controls is the mean over participants of their controls' mean.
    by_set = data["exports"].reindex(pairs["control"]).groupby(pairs["pair"].to_numpy()).mean()
    weighted = np.average(data.loc[controls, "exports"], weights=weights[controls])
    assert weighted == pytest.approx(by_set.mean())


def test_without_replacement_a_control_serves_once() -> None:
    pairs = impact.match(firms(), treatment="joined", on=ON).pairs
    assert pairs["control"].is_unique
    assert pairs["treated"].is_unique
    reused = impact.match(firms(), treatment="joined", on=ON, replace=True).pairs
    assert not reused["control"].is_unique


def test_distances_of_pairs_are_those_of_the_scores() -> None:
    matched = impact.match(firms(), treatment="joined", on=ON, distance="linear_logit")
    score, pairs = matched.distance, matched.pairs
    apart = (score[pairs["treated"]].to_numpy() - score[pairs["control"]].to_numpy()).__abs__()
    np.testing.assert_allclose(pairs["distance"], apart)


def test_caliper_counts_standard_deviations_of_the_score_over_all_firms() -> None:
    data = firms()
    wide = impact.match(data, treatment="joined", on=ON, caliper=0.1)
    limit = 0.1 * wide.distance.std()
    assert wide.pairs["distance"].max() <= limit
    raw = impact.match(data, treatment="joined", on=ON, caliper=limit, caliper_scale="raw")
    pd.testing.assert_frame_equal(wide.pairs, raw.pairs)
    assert len(wide.pairs) < int(data["joined"].sum())


def test_exact_pairs_agree_and_lonely_participants_are_named() -> None:
    data = firms()
    data.loc[data.index[data["joined"] == 1][0], "sector"] = "alone"
    matched = impact.match(data, treatment="joined", on=ON, exact=["sector"])
    of = data["sector"]
    assert (
        of[matched.pairs["treated"]].to_numpy() == of[matched.pairs["control"]].to_numpy()
    ).all()
    lines = {line.reason: line.rows for line in matched.ledger.lines}
    assert lines["participant: no comparison firm agrees on sector"] == 1


def test_ledger_names_who_left_and_why() -> None:
    data = firms()
    data.iloc[[0, 1, 2], data.columns.get_loc("wage")] = np.nan
    data.iloc[[2, 3], data.columns.get_loc("size")] = np.nan
    matched = impact.match(data, treatment="joined", on=ON, caliper=0.05)
    lines = {line.reason: line.rows for line in matched.ledger.lines}
    missing = {r: n for r, n in lines.items() if "is missing" in r}
    assert sum(n for r, n in missing.items() if "size" in r) == 2
    assert (
        sum(n for r, n in missing.items() if "wage" in r) == 2
    )  # firm 2 left for its size already
    lost = int(data["joined"].iloc[:4].sum())
    assert sum(n for r, n in missing.items() if r.startswith("participant")) == lost
    assert matched.ledger.rows_used == len(matched.pairs) * 2
    assert matched.ledger.rows_in == len(data)


def test_summary_says_what_was_done() -> None:
    matched = impact.match(firms(), treatment="joined", on=ON, exact=["sector"], caliper=0.2)
    text = matched.summary()
    worst = matched.balance().query("covariate != 'distance'")["smd_after"].abs().max()
    for words in ("logit", "size, wage", "exactly on sector", "caliper of 0.2", f"{worst:.3f}"):
        assert words in text
    assert f"{len(matched.pairs)} of" in text


# ---- invariances ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(st.randoms(use_true_random=False))
def test_row_and_column_order_do_not_matter(random) -> None:
    data = firms(40)
    data["size"] = data["size"].round()  # ties
    rows, columns = list(data.index), list(data.columns)
    random.shuffle(rows)
    random.shuffle(columns)
    for options in ({"caliper": 0.3}, {"distance": "mahalanobis"}, {"order": "random", "seed": 3}):
        one = impact.match(data, treatment="joined", on=["size"], **options)
        two = impact.match(data.loc[rows, columns], treatment="joined", on=["size"], **options)
        pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)
        pd.testing.assert_series_equal(one.weights, two.weights[data.index], check_exact=True)


@settings(deadline=None, max_examples=20)
@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.booleans())
def test_origin_and_unit_of_a_covariate_do_not_matter(shift, scale, negative) -> None:
    data = firms(60)
    other = data.assign(size=shift + (-scale if negative else scale) * data["size"])
    for distance in ("logit", "probit", "mahalanobis"):
        one = impact.match(data, treatment="joined", on=ON, distance=distance)
        two = impact.match(other, treatment="joined", on=ON, distance=distance)
        pd.testing.assert_frame_equal(
            one.pairs[["treated", "control"]], two.pairs[["treated", "control"]]
        )
        np.testing.assert_allclose(one.distance, two.distance, atol=1e-8)


def test_names_of_firms_do_not_matter_without_ties() -> None:
    data = firms()
    names = dict(
        zip(data.index, np.random.default_rng(0).permutation(10_000)[: len(data)], strict=True)
    )
    one = impact.match(data, treatment="joined", on=ON, caliper=0.2).pairs
    two = impact.match(data.rename(index=names), treatment="joined", on=ON, caliper=0.2).pairs
    renamed = {(names[t], names[c]) for t, c in zip(one["treated"], one["control"], strict=True)}
    assert renamed == set(zip(two["treated"], two["control"], strict=True))


def test_data_are_untouched_and_the_outcome_is_not_looked_at() -> None:
    data = firms()
    kept = data.copy(deep=True)
    matched = impact.match(data, treatment="joined", on=ON)
    pd.testing.assert_frame_equal(data, kept)
    other = impact.match(data.assign(exports=0.0), treatment="joined", on=ON)
    pd.testing.assert_frame_equal(matched.pairs, other.pairs)
    data.iloc[:, 1] = 0.0
    pd.testing.assert_frame_equal(matched.data, kept)


def test_controls_far_off_the_support_change_nothing_within_a_caliper() -> None:
    data = firms().assign(score=lambda d: d["size"])
    far = pd.DataFrame(
        {"joined": 0, "size": [500.0, -500.0], "wage": 1.0, "score": [500.0, -500.0]},
        index=["F900", "A000"],
    )
    options = {"distance": "score", "caliper": 0.3, "caliper_scale": "raw"}
    one = impact.match(data, treatment="joined", on=ON, **options)
    two = impact.match(pd.concat([far, data]), treatment="joined", on=ON, **options)
    pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)


def test_a_constant_and_a_collinear_covariate_are_named_and_change_nothing() -> None:
    data = firms().assign(same=7.0, double=lambda d: 2 * d["size"] - 3)
    one = impact.match(data, treatment="joined", on=ON)
    two = impact.match(data, treatment="joined", on=[*ON, "same", "double"])
    pd.testing.assert_frame_equal(
        one.pairs[["treated", "control"]], two.pairs[["treated", "control"]]
    )
    notes = " ".join(two.notes)
    assert "'same' is constant" in notes
    assert "'double' is a combination" in notes


# ---- the score --------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_score_is_the_maximum_of_the_likelihood(link: str) -> None:
    data = firms(150)
    x, y = data[ON].to_numpy(), data["joined"].to_numpy() == 1
    fit = fit_propensity(x, ON, y, link)
    design = np.column_stack([np.ones(len(x)), x])
    b = fit.model["estimate"].to_numpy()
    below = special.log_expit if link == "logit" else special.log_ndtr

    def loss(beta: np.ndarray) -> float:
        eta = design @ beta
        return -float(below(eta[y]).sum() + below(-eta[~y]).sum())

    found = optimize.minimize(loss, b + 0.1, method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(b, found.x, atol=1e-5)
    probability = special.expit(design @ b) if link == "logit" else stats.norm.cdf(design @ b)
    np.testing.assert_allclose(fit.probability, probability, atol=1e-12)
    if link == "logit":
        np.testing.assert_allclose(design.T @ (y - fit.probability), 0, atol=1e-8)


def test_equal_firms_have_equal_scores_to_the_last_bit() -> None:
    data = firms(50)
    twice = pd.concat([data, data.set_axis([f"Z{i}" for i in data.index])])
    score = impact.match(twice, treatment="joined", on=ON).distance
    assert (score[data.index].to_numpy() == score[[f"Z{i}" for i in data.index]].to_numpy()).all()


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (lambda d: d["joined"] * 2.0 + d["size"] / 1e3, "without a single error"),
        (lambda d: ((d["joined"] == 1) & (d["size"] > 11)).astype(float), "of 80 firms"),
    ],
    ids=["complete", "quasi-complete"],
)
def test_separation_is_found_and_said(column, found: str) -> None:
    data = firms().assign(telling=column)
    with pytest.raises(DesignError, match=found) as error:
        impact.match(data, treatment="joined", on=["wage", "telling"])
    assert "telling does so alone" in str(error.value)


# ---- refusals ---------------------------------------------------------------------------------


def bad(**columns: object) -> pd.DataFrame:
    return firms().assign(**columns)


@pytest.mark.parametrize(
    ("data", "options", "error", "words"),
    [
        (firms(), {"treatment": None}, DesignError, "treatment is missing"),
        (firms(), {"on": []}, DesignError, "`on` is empty"),
        (firms(), {"on": ["sise"]}, DataError, "did you mean 'size'"),
        (firms(), {"on": ["size", "size"]}, DesignError, "twice"),
        (firms(), {"on": ["joined"]}, DesignError, "is the treatment"),
        (firms(), {"on": ["sector"]}, DesignError, "must be a number"),
        (bad(size=np.inf), {}, DesignError, "must be finite"),
        (bad(joined=2), {}, DesignError, "0 or 1"),
        (bad(joined=np.nan), {}, DesignError, "0 or 1"),
        (bad(joined=0), {}, DesignError, "no participant"),
        (bad(joined=1), {}, DesignError, "no comparison firm"),
        (bad(size=1.0, wage=2.0), {}, DesignError, "No covariate varies"),
        (bad(size=np.nan), {}, DesignError, "size is missing"),
        (bad(weight=1.0), {"on": ["weight"]}, DesignError, "Rename"),
        (bad(s=lambda d: d["joined"] + 0.1), {"distance": "s"}, DesignError, "do not overlap"),
        (firms(), {"caliper": 1e-12}, DesignError, "widen the caliper"),
        (firms(), {"caliper": -1.0}, DesignError, "positive"),
        (firms(), {"distance": "mahalanobis", "caliper": 1.0}, DesignError, "raw"),
        (firms(), {"ratio": 0}, DesignError, "whole number"),
        (firms(), {"order": "closest"}, DesignError, "'largest'"),
        (firms(), {"estimand": "ATE"}, DesignError, "'ATT'"),
        (firms(), {"method": "kernel"}, impact.ImpactError, "'nearest'"),
        (firms().set_axis([0] * 80), {}, DesignError, "more than once"),
        (firms().set_axis([0, *map(str, range(79))]), {}, DesignError, "no order"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_refusals(data, options, error, words: str) -> None:
    with pytest.raises(error, match=words):
        impact.match(data, **{"treatment": "joined", "on": ON, **options})


def test_every_bad_cell_is_named_in_one_pass() -> None:
    data = firms().astype({"size": object})
    data.iloc[3, 1], data.iloc[5, 1] = "twelve", "many"
    with pytest.raises(DesignError) as error:
        impact.match(data, treatment="joined", on=ON)
    assert "twelve" in str(error.value)
    assert "many" in str(error.value)


def test_no_overlap_is_left_to_the_caliper_where_there_is_one() -> None:
    data = firms().assign(score=lambda d: d["joined"] + d["size"] / 1e4)
    with pytest.raises(DesignError, match="set a caliper"):
        impact.match(data, treatment="joined", on=ON, distance="score")
    options = {"distance": "score", "caliper_scale": "raw"}
    with pytest.raises(DesignError, match="widen the caliper"):
        impact.match(data, treatment="joined", on=ON, caliper=0.5, **options)
    matched = impact.match(data, treatment="joined", on=ON, caliper=1.5, **options)
    n = int(data["joined"].sum())
    assert f"{n} of {n} participants have a score outside" in " ".join(matched.notes)


def test_more_participants_than_controls_leaves_some_unmatched() -> None:
    data = firms()
    data = data[(data["joined"] == 1) | (np.arange(len(data)) % 8 == 0)]
    controls = int((data["joined"] == 0).sum())
    matched = impact.match(data, treatment="joined", on=ON)
    assert len(matched.pairs) == controls < int(data["joined"].sum())
    lines = {line.reason: line.rows for line in matched.ledger.lines}
    assert lines["participant: no comparison firm left"] == data["joined"].sum() - controls


# ---- panels -----------------------------------------------------------------------------------


def test_one_cohort_is_the_cross_section_of_the_year_before() -> None:
    frame = firm_years(cohorts=(4,))
    panel_pairs = impact.match(as_panel(frame), on=ON, caliper=0.5).pairs
    section = frame[frame["year"] == 3].set_index("firm")
    section["treated"] = section["joined"].notna().astype(int)
    pairs = impact.match(
        section.rename(columns={"treated": "in"}), treatment="in", on=ON, caliper=0.5
    ).pairs
    pd.testing.assert_frame_equal(panel_pairs.drop(columns="cohort"), pairs)


def test_what_is_dated_at_or_after_joining_is_not_seen() -> None:
    frame = firm_years(cohorts=(4,))
    later = frame["year"] >= 4
    scrambled = frame.assign(size=frame["size"].where(~later, -99.0 * frame["size"] + 5))
    one = impact.match(as_panel(frame), on=ON)
    two = impact.match(as_panel(scrambled), on=ON)
    pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)
    before = frame.assign(size=frame["size"].where(frame["year"] != 3, frame["wage"] ** 2))
    assert not impact.match(as_panel(before), on=ON).pairs.equals(one.pairs)


def test_a_control_serves_once_over_all_cohorts() -> None:
    matched = impact.match(as_panel(firm_years()), on=ON, caliper=0.5)
    assert matched.pairs["cohort"].nunique() == 2
    assert matched.pairs["control"].is_unique
    weight = matched.weights.groupby(matched.data.data["firm"]).unique()
    assert all(len(values) == 1 for values in weight)
    assert matched.weights.groupby(matched.data.data["firm"]).first().sum() == 2 * len(
        matched.pairs
    )


def test_rows_of_a_panel_in_any_order() -> None:
    frame = firm_years()
    one = impact.match(as_panel(frame), on=ON, caliper=0.5)
    two = impact.match(as_panel(frame.sample(frac=1.0, random_state=2)), on=ON, caliper=0.5)
    pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)
    pd.testing.assert_frame_equal(one.balance(), two.balance(), check_exact=True)
    pd.testing.assert_series_equal(one.weights, two.weights.sort_index(), check_exact=True)


def test_panel_ledger_counts_firms_and_their_rows() -> None:
    frame = firm_years()
    who = frame.drop_duplicates("firm").set_index("firm")["joined"]
    early, late = who.index[who == 3][0], who.index[who == 4][0]
    frame.loc[frame["firm"] == early, "joined"] = 1.0
    frame = frame[~((frame["firm"] == late) & (frame["year"] == 3))]
    never = who.index[who.isna()][0]
    frame.loc[(frame["firm"] == never) & (frame["year"] == 2), "size"] = np.nan
    matched = impact.match(as_panel(frame), on=ON)
    lines = {line.reason: (line.rows, line.units) for line in matched.ledger.lines}
    assert lines["participant: the year before joining is not in the panel"] == (5, 1)
    assert lines["participant: no row in the year before joining"] == (4, 1)
    assert not any("size is missing" in reason for reason in lines)  # it serves the cohort of 4
    assert never in set(matched.candidates.query("cohort == 4")["unit"])
    assert never not in set(matched.candidates.query("cohort == 3")["unit"])


def test_firms_that_join_after_the_panel_are_controls_only_where_asked() -> None:
    frame = firm_years()
    who = frame.drop_duplicates("firm").set_index("firm")["joined"]
    later = list(who.index[who.isna()][:10])
    frame.loc[frame["firm"].isin(later), "joined"] = 9.0
    strict = impact.match(as_panel(frame), on=ON)
    assert not set(strict.candidates["unit"]) & set(later)
    lines = {line.reason: line.units for line in strict.ledger.lines}
    assert lines["joined after 5, the last year: neither participant nor comparison firm"] == 10
    wide = impact.match(as_panel(frame), on=ON, control="not_yet")
    assert set(later) <= set(wide.candidates.query("~treated")["unit"])
    assert any("10 firms that joined after 5" in note for note in wide.notes)


def test_balance_before_compares_within_the_year() -> None:
    """A covariate that only grows with the calendar differs between cohorts, not between arms."""
    frame = firm_years(n=200)
    frame["trend"] = 10.0 * frame["year"]
    matched = impact.match(as_panel(frame), on=[*ON, "trend"])
    row = matched.balance().set_index("covariate").loc["trend"]
    assert row["mean_treated_before"] == pytest.approx(row["mean_control_before"])
    assert row["smd_after"] == pytest.approx(0.0)


def test_balance_by_cohort_shows_what_cancels_in_the_pool() -> None:
    frame = firm_years(n=300)
    shift = frame["joined"].map({3.0: 1.0, 4.0: -1.0}).fillna(0.0)
    matched = impact.match(as_panel(frame.assign(size=frame["size"] + shift)), on=["size"])
    pooled = matched.balance().set_index("covariate").loc["size", "smd_before"]
    cohorts = matched.balance(by_cohort=True).query("covariate == 'size'").set_index("cohort")
    assert cohorts.loc[3, "smd_before"] > 0.4 > 0.2 > abs(pooled)
    assert cohorts.loc[4, "smd_before"] < -0.4
    worst = cohorts["smd_before"].abs().max()
    assert f"Within a single cohort it was {worst:.3f} before" in matched.summary()
    one = impact.match(as_panel(firm_years(cohorts=(4,))), on=ON)
    pd.testing.assert_frame_equal(one.balance(by_cohort=True).drop(columns="cohort"), one.balance())
    with pytest.raises(DesignError, match="no cohorts"):
        impact.match(firms(), treatment="joined", on=ON).balance(by_cohort=True)


def test_panel_refusals() -> None:
    frame = firm_years()
    panel = as_panel(frame)
    with pytest.raises(DesignError, match="leave `treatment` out"):
        impact.match(panel, on=ON, treatment="joined")
    with pytest.raises(DesignError, match="Participation itself"):
        impact.match(panel, on=["joined"])
    weighted = impact.panel(
        frame.assign(w=1.0), unit="firm", time="year", cohort="joined", weights="w"
    )
    with pytest.raises(DesignError, match="sampling weights"):
        impact.match(weighted, on=ON)
    with pytest.raises(DesignError, match="no cohort joined between"):
        impact.match(as_panel(frame.assign(joined=1.0)), on=ON)
    telling = as_panel(frame.assign(telling=frame["joined"].eq(4) + 0.001 * frame["size"]))
    with pytest.raises(DesignError, match="cohort of 4"):
        impact.match(telling, on=["telling"])
