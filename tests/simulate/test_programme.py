"""The simulated programme: its truth, its reproducibility, its noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from impact.core.errors import ImpactError
from impact.simulate.programme import programme


def test_the_panel_of_the_validation_plan() -> None:
    data, truth = programme(seed=1)
    assert len(data) == 240 * 8
    joined = data.drop_duplicates("firm")["joined"].fillna(0)
    assert joined.value_counts().to_dict() == {0: 80, 4: 80, 6: 80}
    att = truth.set_index(["cohort", "time"])["att"]
    assert att[4, 4] == pytest.approx(0.15)
    assert att[4, 8] == pytest.approx(0.75)
    assert att[6, 8] == pytest.approx(0.3)
    assert truth["att"].mean() == pytest.approx(0.35625)
    assert truth["event_time"].min() == 0


def test_the_effect_is_the_only_difference_between_programmes() -> None:
    with_effect, truth = programme(seed=[5, 1])
    without, nothing = programme(seed=[5, 1], effect="none")
    assert (nothing["att"] == 0).all()
    added = with_effect.assign(added=with_effect["exports"] - without["exports"])
    both = added.merge(truth, left_on=["joined", "year"], right_on=["cohort", "time"], how="left")
    np.testing.assert_allclose(both["added"], both["att"].fillna(0.0), atol=1e-12)
    assert (programme(seed=1, effect="constant", size=0.2)[1]["att"] == 0.2).all()


def test_a_replication_depends_on_its_seed_alone() -> None:
    first, _ = programme(seed=[7, 3])
    programme(seed=[7, 2])
    again, _ = programme(seed=[7, 3])
    other, _ = programme(seed=[7, 4])
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first["exports"], other["exports"])


def test_noise_is_a_stationary_autoregression() -> None:
    data, _ = programme(firms=30_000, periods=4, cohorts=(3,), seed=2, effect="none")
    wide = data.pivot(index="firm", columns="year", values="exports").to_numpy()
    level = np.cov(wide[:, 0], wide[:, 3])[0, 1]  # firm effect and 0.5^3 of the noise
    variance = 0.6**2 / (1 - 0.5**2)
    for t in range(4):
        assert wide[:, t].var() == pytest.approx(1 + 0.3**2 / 4 + variance, rel=0.03)
    assert level == pytest.approx(1 + 0.3**2 / 4 + variance * 0.125, rel=0.04)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cohorts": (1,)}, "Cohorts must lie in 2 to 8"),
        ({"cohorts": (9,)}, "Cohorts must lie in 2 to 8"),
        ({"cohorts": ()}, "Cohorts must lie"),
        ({"firms": 4}, "too few"),
        ({"autocorrelation": 1.0}, "between -1 and 1"),
        ({"effect": "large"}, "There is no effect 'large'"),
    ],
)
def test_what_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ImpactError, match=message):
        programme(seed=1, **asked)
