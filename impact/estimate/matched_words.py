"""What must be said beside an effect on a matched sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.whole_numbers import by_number, counted
from impact.design.candidates import NOT_CANDIDATES
from impact.design.match import MatchResult
from impact.estimate.arms import Cell, MatchedSets, WeightedArms
from impact.estimate.request import AttRequest

_SHOWN_TERMS = 6
FEW_SETS = 30


def refuse_replacement(matched: MatchResult) -> None:
    """Refuse controls that serve several participants, where no variance for that is at hand."""
    if matched.settings.replace:
        raise EstimationError(
            "These firms were matched with replacement: controls that serve several participants tie "
            "the pairs together, and the standard errors for that (Abadie and Imbens 2006, 2016) are "
            "those of method='difference' on a cross-section. Match with replace=False."
        )


def counts_of(cells: Sequence[Cell]) -> pd.DataFrame:
    """Firms of each arm in each cell."""
    return pd.DataFrame(
        {
            "n_treated": [len(cell.treated) for cell in cells],
            "n_control": [len(np.unique(cell.control)) for cell in cells],
        }
    )


def variance_words(request: AttRequest, arms: MatchedSets | WeightedArms, coarser: bool) -> str:
    """How the variance was computed, for a table note."""
    by = request.cluster if coarser else arms.by
    return f"standard errors from influence functions, clustered by {by}"


def matched_note(matched: MatchResult) -> tuple[str, ...]:
    """Who was not matched, and so has no part in the effect."""
    sizes = matched.sizes()["n_treated"].astype(int)
    left, lost = int(sizes["after"]), int(sizes["before"] - sizes["after"])
    never = never_candidates(matched)
    if not lost:
        return never
    on = f"{left:,} of {counted(int(sizes['before']), 'participant')} that {by_number(left, 'was', 'were')}"
    other, none = by_number(lost, "other", "others"), by_number(lost, "it", "them")
    if matched.kind == "weights":
        return (*never, f"The effect is on the {on} given weight; nothing is said on the {other}.")
    return (
        *never,
        f"The effect is on the {on} matched; the {other} found no comparison firm (none was left, or none like {none}), and nothing is said on {none}.",
    )


def never_candidates(matched: MatchResult) -> tuple[str, ...]:
    """The note of the match on participants that never came to be compared."""
    return tuple(note for note in matched.notes if note.startswith(NOT_CANDIDATES))


def score_note(matched: MatchResult) -> tuple[str, ...]:
    """Where pairs and sets were made by an estimated score, whose estimation the variance does not count."""
    if matched.kind == "weights" or matched.score_model is None:
        return ()
    return (
        "The score is taken as known: that it was estimated can make these standard errors too large or too small (Abadie and Imbens 2016).",
    )


def lost_note(cell: Cell, request: AttRequest, what: str) -> tuple[str, ...]:
    """Pairs or firms whose outcome is not known."""
    if not cell.lost:
        return ()
    if what == "firms":
        return (
            f"{counted(cell.lost, 'firm')} with weight left out: '{request.outcome}' or a covariate is missing"
            + (
                f", or it is for the other arm of {by_number(cell.lost, 'its', 'their')} set."
                if cell.in_sets
                else "."
            ),
        )
    return (
        f"{cell.lost:,} of {counted(cell.lost + len(cell.treated), 'pair')} {by_number(cell.lost, 'is', 'are')} left out: '{request.outcome}' or "
        "a covariate is missing for the participant or for all of its controls.",
    )


def panel_notes(
    request: AttRequest,
    arms: MatchedSets | WeightedArms,
    cells: Sequence[Cell],
    terms: Sequence[str],
    reasons: Sequence[str],
    firms: pd.DataFrame,
    events: Sequence[int],
) -> list[str]:
    """Pairs that no cell observes, cells that lost some, cells without a standard error."""
    notes = []
    who, both = ("pair", " for both firms") if arms.what == "pairs" else ("participant", "")
    never = arms.size - int(firms["cohort"].notna().sum())
    if never:
        notes.append(
            f"{never:,} of {counted(arms.size, who)} {by_number(never, 'is', 'are')} in no cell: '{request.outcome}' is not "
            f"observed{both} in the years that are compared."
        )
    lost = [f"{t} {c.lost:,}" for t, c in zip(terms, cells, strict=True) if c.lost]
    if lost:
        assert isinstance(request.data, MatchResult)
        later = (
            " or with a comparison that has joined"
            if request.data.settings.control == "not_yet"
            else ""
        )
        notes.append(
            f"{arms.what.capitalize()} without '{request.outcome}'{later} in the years that are compared: {_some(lost)}."
        )
    for reason in dict.fromkeys(r for r in reasons if r):
        which = [t for t, r in zip(terms, reasons, strict=True) if r == reason]
        notes.append(f"{_some(which)}: {reason}.")
    return [*notes, *(few_clusters(firms, cells) or few_at(cells, events))]


def _some(items: Sequence[str]) -> str:
    more = len(items) - _SHOWN_TERMS
    return ", ".join(items[:_SHOWN_TERMS]) + (f" and {more} more" if more > 0 else "")


def few_at(cells: Sequence[Cell], events: Sequence[int]) -> list[str]:
    """A warning where there are few participants some years after joining, however many there are in all."""
    counts = {}
    for e in sorted({e for e in events if e >= 0}):
        own = [c.treated for c, at in zip(cells, events, strict=True) if at == e]
        counts[e] = len(np.unique(np.concatenate(own)))
    few = [f"event time {e}: {count:,}" for e, count in counts.items() if 0 < count < FEW_SETS]
    if not few:
        return []
    return [
        f"Some years after joining are of fewer than {FEW_SETS} participants ({_some(few)}): normal critical values may make intervals there too short."
    ]


def few_clusters(firms: pd.DataFrame, cells: Sequence[Cell]) -> list[str]:
    """A warning where normal critical values may not hold: few clusters in all, or few firms of an arm, however many the other has."""
    clusters = int(firms["cluster"].nunique())
    arms = [
        (len(np.unique(np.concatenate([getattr(cell, arm) for cell in cells]))), one)
        for arm, one in (("treated", "participant"), ("control", "comparison firm"))
    ]
    few, one = min([(clusters, "cluster"), *arms])
    if few >= FEW_SETS:
        return []
    return [
        f"Only {counted(few, one)} (fewer than {FEW_SETS}): normal critical values may make the intervals too short. "
        "impact.wild_bootstrap(effect) asks less of large numbers."
    ]
