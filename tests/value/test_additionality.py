"""Gross to net: the guide's example, priors with their moments, and a deadweight that is not removed twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact import Additionality, AdditionalityResult, additionality
from impact.core.errors import DataError, EstimationError
from impact.core.inference import quantile_interval
from impact.estimate.effect import EffectResult
from impact.value.additionality import as_additionality
from impact.value.amounts import Amount, after

DRAWN = [0.6718531136758095, 0.6581018266715777, 0.7566510503672597]


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
    assert table.loc["leakage", "sd"] == pytest.approx(math.sqrt(2 * 8 / (100 * 11)))
    assert table.loc["displacement", "sd"] == pytest.approx(0.1)
    assert table.loc["multiplier", "prior"] == "lognormal"
    assert np.array_equal(one.draws(10, 3), one.draws(10, 3))
    assert not np.array_equal(one.draws(10, 3), one.draws(10, 4))
    # The middle 95 % is that of the draws.
    displacement = Additionality(displacement=(0.3, 0.1)).draws(400_000, 7)
    assert quantile_interval(1 - displacement) == pytest.approx(table.loc["displacement", ["low", "high"]].tolist(), abs=2e-3)  # fmt: skip


def test_draws_are_the_same_numbers_on_each_machine():
    one = Additionality(leakage=("beta", 2.0, 8.0), displacement=(0.3, 0.1), multiplier=(1.2, 0.15))
    assert one.draws(3, 20160516) == pytest.approx(DRAWN, rel=1e-12)
    # A prior more does not move the draws of the others.
    more = Additionality(displacement=(0.3, 0.1), substitution=0.5).draws(3, 1)
    assert more == pytest.approx(0.5 * Additionality(displacement=(0.3, 0.1)).draws(3, 1))


def test_the_variance_of_the_factor_by_hand():
    one = Additionality(leakage=(0.2, 0.05), multiplier=("lognormal", 0.1, 0.2))
    mean = math.exp(0.1 + 0.02)
    second = math.exp(0.2 + 0.08)
    assert one.factor == pytest.approx(0.8 * mean, rel=1e-14)
    expected = (0.8**2 + 0.05**2) * second - (0.8 * mean) ** 2
    assert one.variance == pytest.approx(expected, rel=1e-12)


def test_a_standard_deviation_of_zero_is_a_number():
    one = Additionality(displacement=(0.25, 0.0), multiplier=(1.1, 0))
    assert not one.uncertain
    assert one.factor == Additionality(displacement=0.25, multiplier=1.1).factor
    assert one.tidy().set_index("component").loc["displacement", "prior"] == "point"


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
    assert table.loc["displacement", "sd"] == pytest.approx(sd)
    assert table.loc["multiplier", "mean"] == pytest.approx(factor)
    assert table.loc["multiplier", "sd"] == pytest.approx(spread)


def test_every_fault_of_a_prior_comes_in_one_pass():
    with pytest.raises(DataError) as caught:
        Additionality(leakage=1.2, displacement=(0.5, 0.6), substitution="a", multiplier=0)  # type: ignore[arg-type]
    assert [f.column for f in caught.value.faults] == [
        "leakage",
        "displacement",
        "substitution",
        "multiplier",
    ]


@pytest.mark.parametrize(
    ("prior", "problem"),
    [
        ({"leakage": -0.1}, "a share lies between 0 and 1"),
        ({"leakage": math.nan}, "no number and no prior"),
        ({"leakage": True}, "no number and no prior"),
        ({"leakage": 10**400}, "no number and no prior"),
        ({"leakage": (1.2, 0.1)}, "a share lies between 0 and 1"),
        ({"leakage": (0.2, -0.1)}, "an sd is not below 0"),
        ({"leakage": (0.5, 0.5)}, "give an sd below 0.5"),
        ({"leakage": (1.0, 0.1)}, "give the number alone"),
        ({"leakage": ("beta", 0.0, 1.0)}, "not above 0"),
        ({"leakage": ("beta", 1e308, 1e308)}, "too large for a number"),
        ({"leakage": ("lognormal", 0.0, 1.0)}, "'beta', a, b"),
        ({"leakage": (0.1, 0.2, 0.3, 0.4)}, "no number and no prior"),
        ({"multiplier": -1.0}, "a multiplier is above 0"),
        ({"multiplier": ("lognormal", 800.0, 1.0)}, "too large for a number"),
        ({"multiplier": ("lognormal", 0.0, 60.0)}, "too large for a number"),
        ({"multiplier": (1e-200, 1e200)}, "too large for a number"),
        ({"multiplier": ("gamma", 2.0, 1.0)}, "'lognormal', mu, sigma"),
    ],
)  # fmt: skip
def test_what_is_no_prior_is_named(prior, problem):
    with pytest.raises(DataError, match=problem):
        Additionality(**prior)


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


def test_all_that_cannot_be_comes_in_one_pass():
    with pytest.raises(DataError) as caught:
        additionality(
            -5, deadweight=1.4, leakage=2.0, reference_multiplier=0, conf_level=95, draws=3, seed=-1
        )
    assert [f.column for f in caught.value.faults] == [
        "gross", "deadweight", "leakage", "reference_multiplier", "conf_level", "draws", "seed",
    ]  # fmt: skip
    for wrong in ("many", None, (1.0, -1.0), (1.0, 2.0, 3.0), math.inf):
        with pytest.raises(DataError, match="gross"):
            additionality(wrong, deadweight=0.4)  # type: ignore[arg-type]


def test_spread_of_assumptions_gives_an_interval():
    got = additionality(
        (20_000, 500), deadweight=(0.4, 0.1), displacement=(0.25, 0.1), draws=40_000
    )
    table = got.tidy().set_index("term")
    row = table.loc["net"]
    # gross x (1 - dw) x (1 - dp), independent: the variance of a product.
    moments = [(20_000, 500), (0.6, 0.1), (0.75, 0.1)]
    variance = math.prod(m**2 + s**2 for m, s in moments) - math.prod(m**2 for m, _ in moments)
    assert row["estimate"] == pytest.approx(9_000)
    assert row["std_error"] == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert row["conf_low"] < 9_000 < row["conf_high"]
    assert table.loc["gross", "std_error"] == pytest.approx(
        math.sqrt((20_000**2 + 500**2) * (0.75**2 + 0.1**2) - 15_000**2), rel=1e-12
    )
    assert "95 % of draws lie between" in got.sentence
    again = additionality((20_000, 500), deadweight=(0.4, 0.1), displacement=(0.25, 0.1), draws=40_000)  # fmt: skip
    assert got.tidy().equals(again.tidy())


@pytest.mark.parametrize(
    "arguments",
    [
        {"deadweight": 0.4, "displacement": (0.25, 0.1)},
        {"deadweight": (0.4, 0.1), "leakage": (0.1, 0.05), "reference_leakage": (0.3, 0.1)},
        {"deadweight": 0.4, "multiplier": (1.1, 0.2), "reference_displacement": (0.5, 0.2)},
        {"reference": (8_000, 900), "displacement": (0.25, 0.1), "reference_multiplier": 1.0},
        {"reference": 8_000, "substitution": ("beta", 2, 6)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("error", [0, 700])
def test_exact_errors_are_those_of_the_draws(arguments, error):
    got = additionality((20_000, error), **arguments, draws=200_000)
    for row in got.tidy().itertuples():
        if math.isnan(row.std_error):  # nothing in this row is uncertain
            assert math.isnan(row.conf_low)
            continue
        # Percentiles of something near normal are about 1.96 errors off.
        assert row.conf_low < row.estimate < row.conf_high
        assert (row.conf_high - row.conf_low) / (2 * 1.96) == pytest.approx(row.std_error, rel=0.06)


def test_a_prior_of_both_cases_is_one_world():
    """Displacement that takes from both cases alike widens the net figure by less than two separate ones."""
    shared = additionality(20_000, deadweight=0.4, displacement=(0.25, 0.1)).tidy()
    mixed = additionality(20_000, deadweight=0.4, displacement=(0.25, 0.1), reference_leakage=0.0, leakage=0.05).tidy()  # fmt: skip
    apart = additionality(20_000, deadweight=0.4, displacement=(0.25, 0.1), reference_displacement=(0.25, 0.0999)).tidy()  # fmt: skip
    errors = [t.set_index("term").loc["net", "std_error"] for t in (shared, mixed, apart)]
    assert errors[0] == pytest.approx(20_000 * 0.6 * 0.1)
    assert errors[1] == pytest.approx(20_000 * (0.95 - 0.4) * 0.1)
    assert errors[2] == pytest.approx(20_000 * math.hypot(0.1, 0.4 * 0.0999))


@given(
    st.floats(1, 1e6), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 5), st.floats(0.001, 1000)
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_units_scale_and_shares_multiply(gross, dw, a, b, c, m, k):
    one = additionality(gross, deadweight=dw, leakage=a, displacement=b, substitution=c, multiplier=m)  # fmt: skip
    assert one.estimate == pytest.approx(gross * (1 - dw) * (1 - a) * (1 - b) * (1 - c) * m, rel=1e-9, abs=1e-9 * gross)  # fmt: skip
    other = additionality(k * gross, deadweight=dw, leakage=c, displacement=a, substitution=b, multiplier=m)  # fmt: skip
    assert other.estimate == pytest.approx(k * one.estimate, rel=1e-9, abs=1e-9 * k * gross)
    by_amount = additionality(gross, reference=dw * gross, leakage=a, displacement=b, substitution=c, multiplier=m)  # fmt: skip
    assert by_amount.estimate == pytest.approx(one.estimate, rel=1e-9, abs=1e-9 * gross)


def test_a_reference_case_above_the_gross_figure_is_said():
    got = additionality(1_000, reference=1_200, unit="jobs")
    assert got.estimate == -200
    assert "more would have happened without the programme" in got.summary()
    assert "leave −200 net" in got.sentence


# --- coverage with a known truth -------------------------------------------------------------------

PRIORS = {"leakage": (0.1, 0.05), "displacement": (0.25, 0.1), "multiplier": (1.1, 0.1)}


def covered(replications: int, draws: int) -> tuple[float, float]:
    """Share of worlds whose net total lies in the interval of effect x priors, and in that of the effect alone."""
    total, error, prior = 1_200.0, 300.0, Additionality(**PRIORS)
    factors = prior.draws(replications, 99)
    held, wrong = [], []
    for r, factor in enumerate(factors):
        estimate = total + error * np.random.default_rng([20160516, r]).standard_normal()
        drawn = after(Amount(estimate, error), prior, draws=draws, seed=r).draws
        assert drawn is not None
        low, high = quantile_interval(drawn)
        held.append(low <= total * factor <= high)
        wrong.append(abs(estimate * prior.factor - total * factor) <= 1.96 * error * prior.factor)
    return float(np.mean(held)), float(np.mean(wrong))


def covered_by_assumption(replications: int, draws: int) -> tuple[float, float]:
    """The same of a gross figure of a survey with a deadweight; and with the priors' means alone."""
    gross, error, dead = 5_000.0, 250.0, (0.4, 0.1)
    prior = Additionality(**PRIORS)
    factors = prior.draws(replications, 98)
    held, wrong = [], []
    for r, factor in enumerate(factors):
        rng = np.random.default_rng([20160517, r])
        seen, deadweight = gross + error * rng.standard_normal(), rng.beta(0.4 * 23, 0.6 * 23)
        truth = gross * (1 - deadweight) * factor
        means: dict[str, float] = {k: m for k, (m, _) in PRIORS.items()}
        got = additionality((seen, error), deadweight=dead, draws=draws, seed=r, **PRIORS)  # type: ignore[arg-type]
        bare = additionality((seen, error), deadweight=0.4, draws=draws, seed=r, **means)  # type: ignore[arg-type]
        held.append(_holds(got, truth))
        wrong.append(_holds(bare, truth))
    return float(np.mean(held)), float(np.mean(wrong))


def _holds(got: AdditionalityResult, truth: float) -> bool:
    row = got.tidy().set_index("term").loc["net"]
    return bool(row["conf_low"] <= truth <= row["conf_high"])


def test_intervals_hold_the_net_total():
    held, wrong = covered(300, 1_000)
    assert 0.90 <= held <= 0.985
    assert wrong < held - 0.02  # must be seen to fail
    held, wrong = covered_by_assumption(60, 1_000)
    assert held >= 0.88
    assert wrong < 0.7


@pytest.mark.proof
def test_coverage_of_net_totals_over_2000_draws():
    held, wrong = covered(2_000, 10_000)
    print(f"effect x priors {held:.4f}, effect alone {wrong:.4f}")
    assert 0.935 <= held <= 0.965
    assert wrong < 0.93
    held, wrong = covered_by_assumption(2_000, 4_000)
    print(f"by assumption {held:.4f}, without the priors' spread {wrong:.4f}")
    assert 0.935 <= held <= 0.965
    assert wrong < 0.6
