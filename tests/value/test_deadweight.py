"""The deadweight that an effect implies: one minus a ratio, with its set turned, and words for what lies outside 0 to 1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact import implied_deadweight, ratio
from impact.core.errors import DataError
from impact.core.inference import critical_value

Z = critical_value(0.95)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_known_report_by_hand():
    got = implied_deadweight((300.0, 50.0), 1_000.0)
    assert got.estimate == 0.7
    assert (got.conf_low, got.conf_high) == pytest.approx((0.7 - Z * 0.05, 0.7 + Z * 0.05))
    assert plain(got.summary()) == "70 % of what participants reported would have happened anyway (95 % interval 60.2 % to 79.8 %)."  # fmt: skip
    row = got.tidy().iloc[0]
    assert (row["term"], row["estimate"], row["std_error"]) == ("implied_deadweight", pytest.approx(0.7), pytest.approx(0.05))  # fmt: skip
    assert math.isnan(row["p_value"])
    assert got.contains(0.65)
    assert not got.contains(0.5)
    wider = implied_deadweight((300.0, 50.0), 1_000.0, df=5)
    assert wider.conf_high == pytest.approx(0.7 + critical_value(0.95, 5) * 0.05)


def test_below_zero_is_not_cut_and_named():
    got = implied_deadweight((1_300.0, 50.0), 1_000.0)
    assert got.estimate == pytest.approx(-0.3)
    assert plain(got.summary()).startswith("The programme brought about 130 % of what participants reported")  # fmt: skip
    assert "chance" not in got.summary()
    assert "chance" in implied_deadweight((1_020.0, 50.0), 1_000.0).summary()


def test_above_one_is_not_cut_and_named():
    got = implied_deadweight((-100.0, 20.0), (1_000.0, 20.0))
    assert got.estimate == pytest.approx(1.1)
    assert "Participants did worse" in got.summary()
    assert "in no part" in got.summary()
    noise = implied_deadweight((-10.0, 50.0), 1_000.0).summary()
    assert "may be chance" in noise
    assert "in no part" not in noise


def test_a_report_that_is_noise_has_no_share():
    got = implied_deadweight((300.0, 50.0), (100.0, 80.0))
    assert got.kind == "complement"
    assert got.summary().startswith("No share can be given")
    assert got.tidy()[["estimate", "conf_high"]].isna().all(axis=None)


def test_without_an_error_there_is_no_interval():
    for total in ((300.0, None), (300.0, 0.0)):
        got = implied_deadweight(total, 1_000.0)
        assert got.kind == "undefined"
        assert "(no interval)" in got.summary()
        assert got.estimate == 0.7


def test_messages():
    for gross in (0.0, -5.0, (0.0, 3.0)):
        with pytest.raises(DataError, match="nothing was reported"):
            implied_deadweight((300.0, 50.0), gross)
    with pytest.raises(DataError) as caught:
        implied_deadweight((math.inf, 50.0), "many", conf_level=2)  # type: ignore[arg-type]
    assert [f.column for f in caught.value.faults] == ["total", "gross", "conf_level"]


@given(
    st.floats(-50, 50), st.floats(0.1, 30), st.floats(1, 50), st.floats(0.1, 30), st.floats(-0.9, 0.9), st.floats(-3, 3)
)  # fmt: skip
def test_the_set_is_that_of_the_ratio_turned(a, sa, b, sb, r, theta):
    cov = r * sa * sb
    got, one = implied_deadweight((a, sa), (b, sb), cov=cov), ratio((a, sa), (b, sb), cov=cov)
    assert got.kind == one.kind
    if min(abs(theta - end) for end in (one.conf_low, one.conf_high)) > 1e-9:
        assert got.contains(1 - theta) is one.contains(theta)
