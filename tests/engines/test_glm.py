"""Separation in a binary regression: exactly the rows that can be told without error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.engines.glm import fit_binary, separated_rows


def design(*columns: list[float]) -> np.ndarray:
    return np.column_stack([np.ones(len(columns[0])), *columns])


def test_overlapping_arms_are_not_separated() -> None:
    y = np.array([0.0, 1.0, 0.0, 1.0])
    assert not separated_rows(y, design([1.0, 2.0, 3.0, 4.0])).any()
    assert fit_binary(y, design([1.0, 2.0, 3.0, 4.0]), "logit").converged


def test_complete_separation_flags_every_row() -> None:
    y = np.array([0.0, 0.0, 1.0, 1.0])
    x = design([1.0, 2.0, 3.0, 4.0])
    assert separated_rows(y, x).all()
    for link in ("logit", "probit"):
        assert fit_binary(y, x, link).separated.all()


def test_quasi_separation_flags_the_rows_off_the_boundary() -> None:
    # At 3 both happen; below it nobody, above it everybody.
    y = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    assert separated_rows(y, design([1.0, 2.0, 3.0, 3.0, 4.0])).tolist() == [
        True,
        True,
        False,
        False,
        True,
    ]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=10).filter(
        lambda rows: len({y for y, _ in rows}) == 2
    )
)
def test_one_covariate_against_a_look_at_both_arms(rows: list[tuple[bool, int]]) -> None:
    """With one covariate the arms are separated where one lies at or beyond the edge of the other."""
    y = np.array([float(a) for a, _ in rows])
    x = np.array([float(b) for _, b in rows])
    got = separated_rows(y, design(x.tolist()))
    ins, outs = x[y == 1], x[y == 0]
    wanted = np.zeros(len(y), dtype=bool)
    for edge, above in ((outs.max(), True), (outs.min(), False)):
        beyond = ins.min() >= edge if above else ins.max() <= edge
        if not beyond:
            continue
        shared = ins.min() if above else ins.max()
        wanted |= (x != edge) if shared == edge else True
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_equal_rows_get_equal_predictors(link: str) -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(37, 5))
    x = np.vstack([half, half])
    y = (rng.random(74) < 0.4).astype(float)
    fit = fit_binary(y, x, link)
    assert (fit.linear_predictor[:37] == fit.linear_predictor[37:]).all()
    assert (fit.fitted[:37] == fit.fitted[37:]).all()
