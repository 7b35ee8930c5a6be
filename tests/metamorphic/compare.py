"""Whether two answers stand to one another as a relation says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.estimate.effect import Aggregation, EffectResult
from tests.metamorphic.subjects import Answers

CELLS = {"cohort", "time", "event_time"}


KINDS: tuple[Aggregation, ...] = ("overall", "event", "cohort", "calendar")


def has_cells(effect: EffectResult) -> bool:
    return effect.aggregation is None and set(effect.estimates) >= CELLS


def overall(effect: EffectResult) -> EffectResult:
    """The effect, or its average where it is one of cells."""
    return effect.aggregate("overall") if has_cells(effect) else effect


@dataclass(frozen=True)
class Judge:
    """Compares the answers of some units, and their averages, to a tolerance."""

    units: tuple[str, ...]
    tolerance: float
    averages: tuple[Aggregation, ...] = KINDS

    def whole(self, effect: EffectResult) -> list[EffectResult]:
        """The effect, and its averages where it has any."""
        kinds = self.averages if has_cells(effect) else ()
        return [effect, *(effect.aggregate(kind) for kind in kinds)]

    def pairs(self, one: Answers, two: Answers) -> list[tuple[str, EffectResult, EffectResult]]:
        """Of each unit, the effect and its averages, before and after."""
        found = []
        for unit in self.units:
            both = zip(self.whole(one[unit]), self.whole(two[unit]), strict=True)
            found += [(unit, a, b) for a, b in both]
        assert found, "nothing was compared"
        return found

    def bytes(self, one: Answers, two: Answers, columns: Sequence[str] | None = None) -> None:
        """The same to the last bit."""
        for unit, a, b in self.pairs(one, two):
            x, y = a.estimates, b.estimates
            assert list(x["term"]) == list(y["term"]), unit
            some = list(x.columns if columns is None else columns)
            pd.testing.assert_frame_equal(x[some], y[some], check_exact=True, obj=unit)

    def same(
        self,
        one: Answers,
        two: Answers,
        *,
        scale: float = 1.0,
        error: float | None = None,
        firms: int | None = 1,
        terms: Sequence[str] = (),
        without: Sequence[str] = (),
        minus: Sequence[str] = (),
        estimate_only: bool = False,
        p_value: bool = True,
        by_place: bool = False,
    ) -> None:
        """Estimates differ by the factor `scale`, standard errors by `error`, statistics by both, counts of firms by `firms`.

        `terms` names the rows that are compared, `without` those that are not, `minus` those whose sign changes, the others keeping theirs; `by_place` takes
        rows for the same whatever their terms are called.
        """
        spread = abs(scale) if error is None else error
        for unit, a, b in self.pairs(one, two):
            x, y = a.estimates.set_index("term"), b.estimates.set_index("term")
            if by_place:
                y = y.set_index(x.index)
            kept = [t for t in x.index if (not terms or t in terms) and t not in without]
            assert kept and set(kept) <= set(y.index), f"{unit}: {list(x.index)}, {list(y.index)}"
            x, y = x.loc[kept], y.loc[kept]
            factor = np.where(x.index.isin(list(minus)), -scale, scale)
            if estimate_only:
                self._near(unit, "estimate", x, y, factor)
                continue
            self._near(unit, "estimate", x, y, factor)
            self._near(unit, "std_error", x, y, np.full(len(x), spread))
            self._statistics(unit, x, y, factor / spread, keeps=p_value and spread == abs(scale))
            for count in ("n_treated", "n_control"):
                if firms is not None and count in x:
                    assert (firms * x[count] == y[count]).all(), f"{unit}: {count}"

    def _near(
        self, unit: str, column: str, x: pd.DataFrame, y: pd.DataFrame, factor: np.ndarray
    ) -> None:
        """To the tolerance, in parts of the number or, where that is near 0, of the outcome's unit."""
        want, got = factor * x[column].to_numpy(float), y[column].to_numpy(float)
        unit_of_outcome = np.maximum(1.0, np.abs(factor))
        off = np.abs(got - want) / np.maximum(np.abs(want), unit_of_outcome)
        assert (np.isnan(want) == np.isnan(got)).all(), f"{unit}: {column} is missing in one"
        worst = np.nanmax(off, initial=0.0)
        assert worst <= self.tolerance, f"{unit}: {column} is off by {worst:.2g}: {want}, {got}"

    def _statistics(
        self, unit: str, x: pd.DataFrame, y: pd.DataFrame, factor: np.ndarray, *, keeps: bool
    ) -> None:
        """As near as estimate and error let them be."""
        want, got = factor * x["statistic"].to_numpy(float), y["statistic"].to_numpy(float)
        room = self.tolerance * (2 * np.abs(want) + 2 / np.minimum(1, x["std_error"]))
        assert (np.isnan(want) == np.isnan(got)).all(), f"{unit}: statistic is missing in one"
        known = ~np.isnan(want)
        assert (np.abs(got - want) <= room)[known].all(), f"{unit}: statistic {want}, {got}"
        if keeps:
            p, q = x["p_value"].to_numpy(float), y["p_value"].to_numpy(float)
            assert (np.abs(p - q) <= room)[known].all(), f"{unit}: p_value {p}, {q}"

    def said(self, answers: Answers, *words: str) -> None:
        """The notes name each of some columns."""
        for unit in self.units:
            match = getattr(answers[unit].source, "notes", ())  # of the match, or of the panel
            notes = " ".join([*answers[unit].notes, *match])
            for word in words:
                assert word in notes, f"{unit}: the notes do not name {word}: {notes}"
