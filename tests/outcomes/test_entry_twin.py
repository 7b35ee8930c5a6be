"""Entry, spells and new lines against loops over years, on panels that are drawn at random."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact

FIRST = 2001


def product(values: list[float]) -> float:
    """Missing if any factor is, as nothing is said of what was not observed."""
    return np.nan if any(np.isnan(v) for v in values) else float(np.prod(values))


def at(e: list[float], t: int) -> float:
    return e[t] if 0 <= t < len(e) else np.nan


def entry_by_loops(
    e: list[float], alive: list[float], t: int, look_back: int, h: int, m: int
) -> dict[str, float]:
    """The formulas of one firm-year; `e` is 1, 0 or missing by year."""
    past = [at(e, t - k) for k in range(1, look_back + 1)]
    known_past = not any(np.isnan(v) for v in past)
    ever = [at(e, s) for s in range(t)]
    entrant = product([at(e, t), 1 - at(e, t - 1)])
    first = product([at(e, t), *(1 - v for v in ever)]) if t else np.nan
    found = {"entrant": entrant, "new_entrant": product([at(e, t), *(1 - v for v in past)]), "first_time_exporter": first,
             "re_entrant": np.nan if np.isnan(first) else entrant - first}  # fmt: skip
    dead_before = at(alive, t - 1) == 0
    risk = known_past and not any(past) and not dead_before
    found["new_entry_at_risk"] = float(risk) if known_past else np.nan
    could = at(e, t - 1) == 0 and not dead_before
    for name, former in (("first_entry_at_risk", False), ("re_entry_at_risk", True)):
        told = t > 0 and not any(np.isnan(v) for v in ever)
        found[name] = float(could and any(ever) == former) if told else np.nan
    window = [at(e, s) for s in range(t, t + h + 1)]
    whole = not any(np.isnan(v) for v in window)
    found[f"entry_within_{h}"] = float(any(window)) if risk and whole else np.nan
    runs = any(all(window[s : s + m]) for s in range(h - m + 2))
    found[f"sustained_entry_within_{h}"] = float(runs) if risk and whole else np.nan
    later = [at(e, s) for s in range(t + 1, t + h + 1)]
    stays = at(e, t - 1) == 1 and not any(np.isnan(v) for v in later)
    found[f"export_survival_{h}"] = float(all(later)) if stays else np.nan
    return found


def spells_by_loops(
    e: list[float], alive: list[float], gap: int
) -> list[tuple[int, int, bool, bool, str]]:
    """Start, end, whether it may have begun earlier, whether it may have gone on, and what comes after.

    With a gap rule, what was not seen may hold an export of the same spell as far away as the gap reaches.
    """
    active = [t for t, v in enumerate(e) if v == 1]
    runs: list[list[int]] = []
    for t in active:
        if runs and t - runs[-1][-1] <= gap + 1:
            runs[-1].append(t)
        else:
            runs.append([t])
    found = []
    for run in runs:
        start, end = run[0], run[-1]
        left = any(np.isnan(at(e, start - step)) for step in range(1, gap + 2))
        right = any(np.isnan(at(e, end + step)) for step in range(1, gap + 2))
        if end == len(e) - 1:
            how = "end of data"
        elif np.isnan(e[end + 1]):
            how = "unobserved"
        else:
            how = "firm death" if alive[end + 1] == 0 else "exit"
        found.append((FIRST + start, FIRST + end, left, right, how))
    return found


STATE = {"e": "active_exporter", "n": "active_nonexporter", "x": "inactive", "?": "unobserved"}
histories = st.lists(st.text(alphabet="eennx?", min_size=7, max_size=7), min_size=2, max_size=30)


def panel_of(drawn: list[str]) -> impact.Panel:
    rows = [(f"f{i:03d}", FIRST + t, STATE[s], {"e": 5.0, "n": 0.0}.get(s, np.nan))
            for i, history in enumerate(drawn) for t, s in enumerate(history)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["firm", "year", "state", "exports_eur"])
    return impact.panel(frame.sample(frac=1, random_state=1), unit="firm", time="year")


@settings(max_examples=25)
@given(histories, st.integers(1, 3), st.integers(1, 3), st.integers(2, 3))
def test_entry_and_survival(drawn: list[str], look_back: int, h: int, m: int) -> None:
    drawn = [*drawn, "nnnnnnn"]  # one that never exports, so that there is a rate of entry
    panel = panel_of(drawn)
    made = impact.entry(panel, look_back=look_back, horizons=(h,), sustained=m)
    made = (
        impact.export_survival(made, horizons=(h,)) if any("e" in d[:-1] for d in drawn) else made
    )
    got = made.data.set_index(["firm", "year"])
    for (i, history), t in itertools.product(enumerate(drawn), range(7)):
        e = [{"e": 1.0, "n": 0.0, "x": 0.0, "?": np.nan}[s] for s in history]
        alive = [{"e": 1.0, "n": 1.0, "x": 0.0, "?": np.nan}[s] for s in history]
        for name, value in entry_by_loops(e, alive, t, look_back, h, m).items():
            if name in got:
                assert got.loc[(f"f{i:03d}", FIRST + t), name] == pytest.approx(
                    value, nan_ok=True
                ), (history, t, name)


@settings(max_examples=25)
@given(histories, st.integers(0, 2))
def test_spells(drawn: list[str], gap: int) -> None:
    drawn = [*drawn, "eeeeeee"]
    data = impact.spells(panel_of(drawn), gap=gap).data
    for i, history in enumerate(drawn):
        e = [{"e": 1.0, "n": 0.0, "x": 0.0, "?": np.nan}[s] for s in history]
        alive = [{"e": 1.0, "n": 1.0, "x": 0.0, "?": np.nan}[s] for s in history]
        rows = data[data["firm"] == f"f{i:03d}"]
        columns = ["start", "end", "left_cens", "right_cens", "status"]
        got = list(zip(*(rows[c] for c in columns), strict=True))
        assert got == spells_by_loops(e, alive, gap), history
    periods = impact.spells(panel_of(drawn), gap=gap).person_period(left_censored=True)
    assert len(periods) == data["length"].sum() and periods["event"].sum() == data["event"].sum()


cell = st.tuples(st.sampled_from("abcd"), st.integers(FIRST, FIRST + 5), st.sampled_from("xyz"), st.sampled_from(["DE", "FR"]),
                 st.integers(1, 99))  # fmt: skip


@settings(max_examples=8)
@given(st.lists(cell, min_size=1, max_size=60), st.integers(1, 3))
def test_new_lines_and_what_became_of_them(
    drawn: list[tuple[str, int, str, str, int]], look_back: int
) -> None:
    rows = pd.DataFrame(drawn, columns=["firm_id", "year", "product", "destination", "value"])
    years = set(rows["year"])
    span = range(min(years), max(years) + 1)
    for level, keys in (("product", ["product"]), ("pair", ["product", "destination"])):
        sums: dict[tuple[str, int], dict[tuple[str, ...], float]] = {}
        for firm, year, *line, value in drawn:
            key = tuple(line[: len(keys)])
            held = sums.setdefault((firm, year), {})
            held[key] = held.get(key, 0) + value
        got = impact.entry(rows, level=level, look_back=look_back).data.set_index(
            ["firm_id", "year"]
        )
        word = {"product": "products", "pair": "pairs"}[level]
        fate = impact.diversification(rows, over=level, look_back=look_back).data.set_index(
            ["firm_id", "year"]
        )
        for firm, year in itertools.product(sorted(set(rows["firm_id"])), span):
            now = sums.get((firm, year), {})
            past = [sums.get((firm, year - k), {}) for k in range(1, look_back + 1)]
            known = year in years and all(year - k in years for k in range(1, look_back + 1))
            new = {k: v for k, v in now.items() if not any(k in p for p in past)}
            expected = len(new) if known else np.nan
            assert got.loc[(firm, year), f"new_{word}"] == pytest.approx(expected, nan_ok=True)
            share = sum(new.values()) / sum(now.values()) if known and now else np.nan
            assert got.loc[(firm, year), f"new_{level}_value_share"] == pytest.approx(
                share, nan_ok=True
            )
            later = sums.get((firm, year + 2), {})
            alive = len(new.keys() & later.keys()) if known and year + 2 in years else np.nan
            grown = (
                sum(later[k] >= v for k, v in new.items() if k in later)
                if known and year + 2 in years
                else np.nan
            )
            assert fate.loc[(firm, year), "new_lines_alive_2"] == pytest.approx(alive, nan_ok=True)
            assert fate.loc[(firm, year), "new_lines_grown_2"] == pytest.approx(grown, nan_ok=True)
        served = [
            len({k for back in range(1, look_back + 1) for k in sums.get((firm, year - back), {})})
            for firm, year in itertools.product(set(rows["firm_id"]), span)
            if year in years and all(year - k in years for k in range(1, look_back + 1))
        ]
        counts = impact.entry(rows, level=level, look_back=look_back).counts().iloc[0]
        potential = len(rows[keys].drop_duplicates())
        assert counts["n_at_risk"] == sum(potential - n for n in served)
