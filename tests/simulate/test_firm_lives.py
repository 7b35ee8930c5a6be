"""Simulated lives of firms: the programme moves what it should, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from impact.core.errors import ImpactError
from impact.simulate.firm_lives import FirmLives, firm_lives, normals

YEARS = list(range(2008, 2016))


def lives(seed: int = 1, **changed: Any) -> FirmLives:
    asked: dict[str, Any] = {
        "firms": 3_000,
        "years": YEARS,
        "programme_years": (2010, 2011, 2012),
        "share": 0.15,
        "effect": 0.3,
        "entry_effect": 0.1,
    }
    return firm_lives(**asked | changed, rng=np.random.default_rng(seed))


def test_equally_many_firms_join_in_each_year_and_stood_two_years_before() -> None:
    got = lives()
    for g in (2010, 2011, 2012):
        here = got.joined == g
        assert here.sum() == 150
        assert got.alive[here, g - 2008].all()
        assert (got.born[here] <= g - 2).all()
    assert (got.joined == 0).sum() == 3_000 - 450


def test_participants_are_better_firms_before_they_join() -> None:
    got = lives()
    before = got.staff[:, 1] * got.alive[:, 1]
    joins = got.joined > 0
    assert before[joins].mean() > 1.2 * before[~joins & got.alive[:, 1]].mean()


def test_the_effect_is_the_only_difference_between_programmes() -> None:
    with_effect, without = lives(), lives(effect=0.0)
    year = np.asarray(YEARS)[None, :]
    treated = (with_effect.joined[:, None] > 0) & (year >= with_effect.joined[:, None])
    added = np.log(with_effect.exports) - np.log(without.exports)
    expected = np.where(treated & with_effect.alive, 0.3, 0.0)
    np.testing.assert_allclose(added, expected, atol=1e-12)
    np.testing.assert_array_equal(with_effect.effect, expected)
    np.testing.assert_array_equal(with_effect.exporter, without.exporter)
    np.testing.assert_array_equal(with_effect.staff, without.staff)


def test_a_programme_that_does_nothing_moves_nobody() -> None:
    got = lives(entry_effect=0.0)
    np.testing.assert_array_equal(got.exporter, got.exporter_without)
    assert not got.exporter[~got.alive].any()


def test_the_entry_effect_is_the_rise_of_the_probability_of_entry() -> None:
    """Over the same draws, a tenth of the idle participants begin who would not have begun."""
    got = lives(firms=40_000, share=0.5)
    g = got.joined - 2008
    rows = np.flatnonzero(got.joined > 0)
    idle = ~got.exporter[rows, g[rows] - 1]
    assert (got.exporter[rows, g[rows] - 1] == got.exporter_without[rows, g[rows] - 1]).all()
    moved = got.exporter[rows, g[rows]].astype(int) - got.exporter_without[rows, g[rows]]
    assert (moved >= 0).all()
    assert moved[idle].mean() == pytest.approx(0.1, abs=0.006)  # 3 standard errors at 13,000 firms
    assert moved[~idle].sum() == 0


def test_only_participants_are_moved() -> None:
    got = lives()
    others = got.joined == 0
    np.testing.assert_array_equal(got.exporter[others], got.exporter_without[others])
    assert (got.effect[others] == 0).all()


def test_firms_are_born_and_die_once() -> None:
    got = lives()
    steps = np.diff(got.alive.astype(int), axis=1)
    assert ((steps == 1).sum(axis=1) <= 1).all()
    assert ((steps == -1).sum(axis=1) <= 1).all()
    assert (steps == 1).any() and (steps == -1).any()
    assert got.alive.any(axis=1).all()
    assert got.staff.min() == 1 and got.staff.max() == 60


def test_most_exporters_go_on_and_few_firms_begin() -> None:
    got = lives(entry_effect=0.0)
    before, now = got.exporter[:, :-1], got.exporter[:, 1:]
    both = got.alive[:, :-1] & got.alive[:, 1:]
    assert 0.8 < now[before & both].mean() < 0.92
    assert 0.03 < now[~before & both].mean() < 0.1


def test_normals_are_standard() -> None:
    draws = normals(np.random.default_rng(1), 100_000)
    assert draws.mean() == pytest.approx(0, abs=0.01)
    assert draws.var() == pytest.approx(1, abs=0.015)
    assert np.mean(draws**3) == pytest.approx(0, abs=0.03)


def test_too_few_firms_that_could_join_are_refused() -> None:
    with pytest.raises(ImpactError, match=r"\d+ of 30 firms should join in 2012 and \d+ can"):
        lives(firms=30, share=0.95)
