"""Fixed effects taken out, against explicit dummies: both solvers, every shape of panel, with and without weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import EstimationError
from impact.engines import fixed_effects_schur as schur
from impact.engines.fixed_effects import DenseProjection, Effects, effects_of
from impact.engines.fixed_effects_iterative import IterativeProjection, projection
from impact.engines.normal_equations import (
    CollinearTerms,
    Spanned,
    gram,
    independent,
    refuse_collinear,
    solved,
    spreads,
)

SOLVERS = (DenseProjection, IterativeProjection)


def drawn(
    seed: int, deep: int, firms: int = 9, *, nested: bool = False
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Codes sorted by the first, weights, and columns; some levels may be spanned, some firms have one row."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 7, firms)
    main = np.repeat(np.arange(firms), counts)
    n = len(main)
    codes = [main]
    for _ in range(deep):
        code = rng.integers(0, 4, n) if not nested else (main % 3)
        codes.append(np.unique(code, return_inverse=True)[1].astype(np.int64))
    return codes, rng.uniform(0.1, 3.0, n), rng.normal(size=(3, n)) + 0.5 * main % 3


def dummies(codes: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.eye(code.max() + 1)[code] for code in codes], axis=1)


def dense_residuals(codes: list[np.ndarray], w: np.ndarray | None, z: np.ndarray) -> np.ndarray:
    """Least squares on dummies, of least norm."""
    root = np.ones(z.shape[1]) if w is None else np.sqrt(w)
    d = dummies(codes)
    b, *_ = np.linalg.lstsq(d * root[:, None], (z * root).T, rcond=None)
    return z - (d @ b).T


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
    st.sampled_from(SOLVERS),
)
def test_residuals_are_those_of_dummies(
    seed: int, deep: int, weighted: bool, nested: bool, solver: type
) -> None:
    codes, w, z = drawn(seed, deep, nested=nested)
    if solver is IterativeProjection and not deep:
        return
    own = w if weighted else None
    left = z.copy()
    levels = solver(effects_of(codes), own).residuals(left)
    np.testing.assert_allclose(left, dense_residuals(codes, own, z), atol=1e-9)
    # What is given of the levels, with means over firms, is what was taken out.
    effects = effects_of(codes)
    taken = z - left
    for j in range(len(z)):
        for code in effects.others:
            taken[j] -= levels[code, j]
    for column in taken:
        for firm in range(codes[0].max() + 1):
            assert np.ptp(column[codes[0] == firm]) < 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2), st.booleans())
def test_leverage_is_the_diagonal_of_the_hat_matrix(seed: int, deep: int, weighted: bool) -> None:
    codes, w, _ = drawn(seed, deep)
    root = np.sqrt(w) if weighted else np.ones(len(w))
    d = dummies(codes) * root[:, None]
    hat = np.diag(d @ np.linalg.pinv(d.T @ d) @ d.T)
    got = DenseProjection(effects_of(codes), w if weighted else None).leverage()
    np.testing.assert_allclose(got, hat, atol=1e-9)


def test_the_iterative_path_knows_no_leverage() -> None:
    with pytest.raises(EstimationError, match="HC2 and HC3"):
        IterativeProjection(effects_of(drawn(1, 1)[0])).leverage()


def balanced(firms: int = 40, years: int = 6) -> list[np.ndarray]:
    """Firms of four sectors, all years: four patterns."""
    firm = np.repeat(np.arange(firms), years)
    return [
        firm,
        firm % 4 * years + np.tile(np.arange(years), firms),
        np.tile(np.arange(years), firms) // 2,
    ]


@pytest.mark.parametrize("deep", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_three_ways_to_the_same_complement(
    deep: int, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = balanced()[: deep + 1]
    effects = effects_of(codes)
    w = np.random.default_rng(1).uniform(0.5, 2, effects.rows) if weighted else None
    totals = effects.counts.astype(float) if w is None else effects.sums(w)
    monkeypatch.setattr(schur, "_PATTERN", 0.0)
    assert effects.patterns is not None
    assert len(effects.patterns.first) == 4
    ways = [schur.schur_complement(effects, w, totals)]
    monkeypatch.setattr(schur, "_PATTERN", 1e9)
    for speed in (1e-3, 1e30):  # the sparse product, then the dense one
        monkeypatch.setitem(schur._PER_SECOND, "dense", speed)
        again = effects_of(codes)
        assert again.patterns is None
        ways.append(schur.schur_complement(again, w, totals))
    d = dummies(codes[1:])
    firm = dummies(codes[:1])
    own = np.ones(effects.rows) if w is None else w
    middle = np.diag(own) - (firm * own[:, None]) @ np.diag(1 / totals) @ (firm * own[:, None]).T
    for found in ways:
        np.testing.assert_allclose(found, d.T @ middle @ d, atol=1e-10)


def test_firms_with_the_same_levels_in_another_order_are_no_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schur, "_PATTERN", 0.0)
    firm = np.repeat(np.arange(30), 2)
    level = np.tile([0, 1], 30)
    assert effects_of([firm, level]).patterns is not None
    level[:2] = [1, 0]
    assert effects_of([firm, level]).patterns is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_some_of_the_rows(seed: int) -> None:
    codes, w, _z = drawn(seed, 2)
    keep = np.random.default_rng(seed).random(len(w)) < 0.6
    keep[0] = True
    few, before = effects_of(codes).kept(keep)
    again = [np.unique(code[keep], return_inverse=True)[1] for code in codes]
    other = effects_of(again)
    assert few.starts.tolist() == other.starts.tolist()
    for mine, theirs in zip(few.others, other.others, strict=True):
        assert mine.tolist() == theirs.tolist()
    for mine, code in zip(few.others, effects_of(codes).others, strict=True):
        assert before[mine].tolist() == code[keep].tolist()


def test_blocks_hold_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from impact.engines import fixed_effects

    monkeypatch.setattr(fixed_effects, "_BLOCK", 10)
    codes, w, z = drawn(4, 1, firms=30)
    effects = effects_of(codes)
    assert len(effects.blocks) > 2
    at = [r for block in effects.blocks for r in range(block.rows.start, block.rows.stop)]
    assert at == list(range(effects.rows))
    left = z.copy()
    DenseProjection(effects, w).residuals(left)
    np.testing.assert_allclose(left, dense_residuals(codes, w, z), atol=1e-9)


def test_the_solver_is_chosen_by_the_number_of_levels() -> None:
    effects = effects_of(drawn(1, 2)[0])
    assert isinstance(projection(effects), DenseProjection)
    assert isinstance(projection(effects, dense=3), IterativeProjection)


def test_weights_that_are_all_but_zero_leave_a_solution() -> None:
    """As in a Poisson regression on its way: the rows that count are fitted."""
    codes, w, z = drawn(7, 1)
    w = np.where(np.arange(len(w)) % 5 == 0, 1e-200, w)
    left = z.copy()
    DenseProjection(effects_of(codes), w).residuals(left)
    assert np.isfinite(left).all()
    wanted = dense_residuals(codes, w, z)
    np.testing.assert_allclose(left[:, w > 1e-100], wanted[:, w > 1e-100], atol=1e-8)


def test_one_huge_level_and_many_single_ones() -> None:
    main = np.concatenate([np.zeros(500, int), np.arange(1, 40)])
    other = np.arange(len(main)) % 7
    z = np.random.default_rng(0).normal(size=(2, len(main)))
    for solver in SOLVERS:
        left = z.copy()
        solver(effects_of([main, other])).residuals(left)
        np.testing.assert_allclose(left, dense_residuals([main, other], None, z), atol=1e-9)


def test_effects_are_never_written_to() -> None:
    codes, w, z = drawn(3, 2)
    before = [code.copy() for code in codes]
    effects: Effects = effects_of(codes)
    DenseProjection(effects, w).residuals(z)
    assert all((a == b).all() for a, b in zip(codes, before, strict=True))


def test_normal_equations_of_columns_of_any_size() -> None:
    rng = np.random.default_rng(2)
    x, y, size = rng.normal(size=(3, 50)), rng.normal(size=50), np.array([1e-8, 1.0, 1e9])
    b, *_ = np.linalg.lstsq(x.T, y, rcond=None)
    big = x * size[:, None]
    np.testing.assert_allclose(solved(gram(big), big @ y), b / size, rtol=1e-12)


def test_columns_that_are_spanned_are_named() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 50))
    x[2] = x[0] - 2 * x[1]
    with pytest.raises(CollinearTerms) as error:
        refuse_collinear(gram(x), spreads(x))
    assert error.value.columns == (2,)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 5))
def test_independent_columns_are_those_that_raise_the_rank(seed: int, rank: int, more: int) -> None:
    """Combinations stand anywhere among the columns; their units differ by orders of magnitude."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(rank, 60))
    mixed = rng.integers(-2, 3, (more, rank)).astype(float) @ basis
    x = np.concatenate([basis, mixed])[rng.permutation(rank + more)]
    x *= 10.0 ** rng.integers(-6, 7, len(x))[:, None]
    scaled = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)
    before, wanted = 0, []
    for j in range(len(x)):
        own = np.linalg.matrix_rank(scaled[: j + 1], tol=1e-7)
        wanted += [j] if own > before else []
        before = own
    kept, spanned = independent(gram(x), spreads(x))
    assert kept == wanted
    for one in spanned:
        at = list(one.others)
        left = scaled[one.column] - (
            np.linalg.lstsq(scaled[at].T, scaled[one.column])[0] @ scaled[at] if at else 0.0
        )
        assert np.linalg.norm(left) < 1e-6
        assert all(j < one.column for j in at)


def test_the_tolerance_of_a_pivot_is_that_of_fixest() -> None:
    """A share of the square above 1e-9 is variation, one below is rounding."""
    rng = np.random.default_rng(5)
    x, noise = rng.normal(size=(2, 500))
    for share, spanned in ((3e-5, []), (3e-6, [Spanned(1, (0,))])):
        columns = np.stack([x, x + np.sqrt(1.2) * share / 3e-5 * 4e-5 * noise])
        assert independent(gram(columns), spreads(columns))[1] == spanned


def test_squares_that_are_not_about_means_are_seen_to_fail() -> None:
    """Beside a constant, a column far from 0 would look like it; `impact.regress` takes the means off first."""
    x = np.random.default_rng(5).normal(size=500)
    raw = np.stack([np.ones(500), x + 1e6])
    assert independent(gram(raw), spreads(raw))[0] == [0]
    own = np.stack([raw[0], raw[1] - raw[1].mean()])
    assert independent(gram(own), spreads(raw))[0] == [0, 1]


def test_a_column_of_large_numbers_that_the_effects_take_is_rounding() -> None:
    """A year within firms of one year: what is left is rounding of 2,000, not variation."""
    main = np.repeat(np.arange(50), 3)
    z = np.stack([np.repeat(2000.1 + np.arange(50), 3), np.random.default_rng(0).normal(size=150)])
    spread = spreads(z)
    DenseProjection(effects_of([main])).residuals(z)
    with pytest.raises(CollinearTerms) as error:
        refuse_collinear(gram(z), spread)
    assert error.value.columns == (0,)


def test_little_variation_within_firms_is_variation() -> None:
    rng = np.random.default_rng(0)
    main = np.repeat(np.arange(50), 3)
    z = np.stack([1e4 * rng.normal(size=50)[main] + 1e-2 * rng.normal(size=150)])
    spread = spreads(z)
    DenseProjection(effects_of([main])).residuals(z)
    refuse_collinear(gram(z), spread)
