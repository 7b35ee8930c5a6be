"""Gross to net: the guide's example, priors with their moments, and a deadweight that is not removed twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact import Additionality, additionality, implied_deadweight
from impact.core.errors import DataError, EstimationError
from impact.estimate.effect import EffectResult
from impact.value.additionality import as_additionality


def test_the_example_of_the_issue():
    got = additionality(20_000, deadweight=0.4, displacement=0.25, multiplier=1.1, unit="jobs")
    assert got.estimate == 9_900
    assert got.arithmetic == "20,000 x (1 - 0.25) x 1.1 - 8,000 x (1 - 0.25) x 1.1 = 9,900 jobs"
    assert "no counterfactual was estimated" in got.summary()
    table = got.tidy().set_index("term")
    assert table.loc["net", ["std_error", "conf_low", "conf_high"]].isna().all()
    assert set(table["status"]) == {"assumption"}


def test_the_reference_case_may_have_its_own_factors():
    got = additionality(1_000, reference=300, leakage=0.1, displacement=0.2, reference_leakage=0.5)
    assert got.estimate == pytest.approx(1_000 * 0.9 * 0.8 - 300 * 0.5 * 0.8)


def test_all_four_by_hand():
    one = Additionality(leakage=0.1, displacement=0.25, substitution=0.05, multiplier=1.2)
    assert one.factor == pytest.approx(0.9 * 0.75 * 0.95 * 1.2)
    assert not one.uncertain
    assert one.variance == 0
    assert (one.draws(5, 1) == pytest.approx(one.factor)) is True
    assert (
        one.label().replace("\u00a0", " ")
        == "after leakage 10 %, displacement 25 %, substitution 5 %, multiplier 1.2"
    )


def test_priors_have_the_moments_that_were_declared():
    one = Additionality(displacement=(0.3, 0.1), leakage=("beta", 2.0, 8.0), multiplier=(1.2, 0.15))
    drawn = one.draws(400_000, 7)
    assert drawn.mean() == pytest.approx(one.factor, rel=3e-3)
    assert drawn.var() == pytest.approx(one.variance, rel=2e-2)
    table = one.tidy().set_index("component")
    assert table.loc["leakage", "mean"] == pytest.approx(0.2)
    assert table.loc["leakage", "std_dev"] == pytest.approx(math.sqrt(2 * 8 / (100 * 11)))
    assert table.loc["displacement", "std_dev"] == pytest.approx(0.1)
    assert table.loc["multiplier", "prior"] == "lognormal"
    assert np.array_equal(one.draws(10, 3), one.draws(10, 3))
    assert not np.array_equal(one.draws(10, 3), one.draws(10, 4))


@given(st.floats(0.05, 0.95), st.floats(0.01, 0.9), st.floats(0.5, 3.0), st.floats(0.01, 0.9))
@settings(max_examples=40, deadline=None)
def test_moments_are_kept_for_any_prior(mean, part, factor, spread):
    sd = part * math.sqrt(mean * (1 - mean)) * 0.99
    table = (
        Additionality(displacement=(mean, sd), multiplier=(factor, spread))
        .tidy()
        .set_index("component")
    )
    assert table.loc["displacement", "mean"] == pytest.approx(mean)
    assert table.loc["displacement", "std_dev"] == pytest.approx(sd)
    assert table.loc["multiplier", "mean"] == pytest.approx(factor)
    assert table.loc["multiplier", "std_dev"] == pytest.approx(spread)


def test_every_fault_of_a_prior_comes_in_one_pass():
    with pytest.raises(DataError) as caught:
        Additionality(leakage=1.2, displacement=(0.5, 0.6), substitution="a", multiplier=0)  # type: ignore[arg-type]
    assert [f.column for f in caught.value.faults] == [
        "leakage",
        "displacement",
        "substitution",
        "multiplier",
    ]


def test_a_deadweight_is_not_removed_twice():
    for name in ("deadweight", "reference", "counterfactual"):
        with pytest.raises(EstimationError, match="double counting"):
            as_additionality({name: 0.4, "displacement": 0.2})
    with pytest.raises(DataError, match="additionality"):
        as_additionality({"displacment": 0.2})
    assert as_additionality(None) == Additionality()
    assert as_additionality({"displacement": [0.2, 0.1]}).displacement == (0.2, 0.1)


def test_an_estimated_effect_is_no_gross_figure():
    with pytest.raises(EstimationError, match="net of what would have happened"):
        additionality(object.__new__(EffectResult), deadweight=0.4)  # type: ignore[arg-type]


def test_what_would_have_happened_anyway_is_said_once():
    for arguments in ({}, {"deadweight": 0.4, "reference": 5.0}):
        with pytest.raises(EstimationError, match="say once"):
            additionality(20_000, **arguments)
    assert additionality(100.0, deadweight=0).estimate == 100
    with pytest.raises(DataError, match="deadweight"):
        additionality(100.0, deadweight=1.4)


def test_spread_of_assumptions_gives_an_interval():
    got = additionality(
        (20_000, 500), deadweight=(0.4, 0.1), displacement=(0.25, 0.1), draws=40_000
    )
    row = got.tidy().set_index("term").loc["net"]
    # gross x (1 - dw) x (1 - dp), independent: the variance of a product.
    moments = [(20_000, 500), (0.6, 0.1), (0.75, 0.1)]
    variance = math.prod(m**2 + s**2 for m, s in moments) - math.prod(m**2 for m, _ in moments)
    assert row["estimate"] == pytest.approx(9_000)
    assert row["std_error"] == pytest.approx(math.sqrt(variance), rel=0.02)
    assert row["conf_low"] < 9_000 < row["conf_high"]


def test_the_deadweight_that_an_effect_implies():
    row = implied_deadweight((300.0, 50.0), 1_000.0).iloc[0]
    assert row["estimate"] == pytest.approx(0.7)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((0.7 - 0.0979982, 0.7 + 0.0979982))
    assert "70" in row["sentence"]
    above = implied_deadweight((1_300.0, 50.0), 1_000.0).iloc[0]
    assert above["estimate"] == pytest.approx(-0.3)
    assert above["sentence"].startswith("More was brought about than was reported")
    below = implied_deadweight((-100.0, 50.0), (1_000.0, 20.0)).iloc[0]
    assert below["estimate"] == pytest.approx(1.1)
    assert "nothing of what was reported" in below["sentence"]
    with pytest.raises(DataError, match="deadweight"):
        implied_deadweight((300.0, 50.0), 0.0)
