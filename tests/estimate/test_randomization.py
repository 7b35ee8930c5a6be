"""Randomisation inference: exact by enumeration, right size, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError
from impact.simulate.programme import programme


def small(seed: int = 1, size: float = 0.0, firms: int = 8) -> pd.DataFrame:
    effect = "constant" if size else "none"
    return programme(
        firms=firms, periods=4, cohorts=(3,), seed=seed, effect=effect, size=size or 0.15
    )[0]


def as_panel(frame: pd.DataFrame) -> impact.Panel:
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


def test_equals_all_ways_to_choose_four_of_eight_by_hand() -> None:
    frame = small(size=0.8)
    wide = frame.pivot(index="firm", columns="year", values="exports")
    joined = frame.drop_duplicates("firm").set_index("firm")["joined"].notna()
    change = (wide[[3, 4]].mean(axis=1) - wide[2]).to_numpy()

    def difference(who: np.ndarray) -> float:
        return float(change[who].mean() - change[~who].mean())

    every = []
    for four in itertools.combinations(range(8), 4):
        who = np.isin(np.arange(8), four)
        every.append(difference(who))
    found = difference(joined.to_numpy())
    table = impact.randomization_test(
        as_panel(frame), "exports", method="group_time", statistic="estimate"
    ).tidy()
    assert table["n_draws"].item() == 70
    assert table["estimate"].item() == pytest.approx(found, rel=1e-12)
    assert table["p_value"].item() == np.mean(np.abs(every) >= abs(found) * (1 - 1e-9))


def test_strata_and_clusters_are_permuted_as_they_were_drawn() -> None:
    frame = small()
    number = frame["firm"].rank(method="dense").astype(int) - 1
    joined = frame["joined"].notna()
    frame["block"] = number // 4
    one = impact.randomization_test(as_panel(frame), "exports", method="group_time", strata="block")
    by_block = (
        frame.drop_duplicates("firm").groupby("block")["joined"].agg(lambda j: int(j.notna().sum()))
    )
    ways = np.prod([len(list(itertools.combinations(range(4), k))) for k in by_block])
    assert one.tidy()["n_draws"].item() == ways
    frame["chamber"] = number // 4 + 10 * joined  # four chambers of two firms, each in one arm
    two = impact.randomization_test(
        as_panel(frame), "exports", method="group_time", cluster="chamber"
    )
    assert two.tidy()["n_draws"].item() == 6
    assert "clusters by chamber" in two.summary()


def test_staggered_cohorts_keep_their_sizes() -> None:
    frame, _ = programme(firms=30, periods=6, cohorts=(3, 5), seed=3)
    found = impact.randomization_test(
        as_panel(frame), "exports", method="group_time", aggregate="event", draws=40
    )
    assert found.draws.shape == (40, len(found.estimates))
    assert found.estimates["p_value"].between(1 / 41, 1).all()
    again = impact.randomization_test(
        as_panel(frame.sample(frac=1.0, random_state=1)),
        "exports",
        method="group_time",
        aggregate="event",
        draws=40,
    )
    pd.testing.assert_frame_equal(found.estimates, again.estimates, check_exact=True)


def test_size_and_power() -> None:
    null = [
        impact.randomization_test(
            as_panel(small(seed, firms=6)), "exports", method="group_time", draws=99
        )
        .tidy()["p_value"]
        .item()
        for seed in range(16)
    ]
    assert np.mean(np.array(null) <= 0.1) <= 0.25
    assert 0.25 < np.mean(null) < 0.75
    large = impact.randomization_test(
        as_panel(small(5, size=9.0)), "exports", method="group_time", draws=99
    )
    assert large.tidy()["p_value"].item() == pytest.approx(2 / 70)


def test_refusals() -> None:
    frame = small()
    with pytest.raises(EstimationError, match="whole number from 19"):
        impact.randomization_test(as_panel(frame), "exports", method="group_time", draws=5)
    with pytest.raises(EstimationError, match="choose from 'statistic'"):
        impact.randomization_test(as_panel(frame), "exports", method="group_time", statistic="t")
    with pytest.raises(EstimationError, match="joined in different years"):
        impact.randomization_test(
            as_panel(frame.assign(c=1)), "exports", method="group_time", cluster="c"
        )
    frame["arm"] = frame["joined"].notna().astype(int)
    with pytest.raises(EstimationError, match="only one way"):
        impact.randomization_test(as_panel(frame), "exports", method="group_time", strata="arm")
    with pytest.raises(DataError):
        impact.randomization_test(frame, "exports", method="group_time")
