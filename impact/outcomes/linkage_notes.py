"""How far the firms of a panel and those of the shipments are the same; what is not linked is not known, and said."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from impact.core.errors import DataError
from impact.core.panel import Panel
from impact.outcomes.panel_states import panel_states
from impact.outcomes.shipments import Shipments

REFUSE_ABOVE = 0.5
"""Share of a panel's exporter firm-years without shipments from which on nothing is computed."""


def linkage_notes(
    source: Shipments,
    panel: Panel | None,
    *,
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    whole_years: bool = True,
) -> tuple[str, ...]:
    """Say which firms of the shipments are not in the panel, which exporters of the panel have no shipment, which states shipments overrule, and
    whether the last year is whole.

    Parameters
    ----------
    source : Shipments
    panel : Panel or None
    exports, alive, minimum
        As in `panel_states`.
    whole_years : bool
        Whether the outcome takes calendar years as whole, so that a last year that ends early must be said.

    Returns
    -------
    tuple of str
        Empty where all is linked, or there is no panel.

    Raises
    ------
    DataError
        If more than half of the exporter firm-years of the panel have no shipment: the identifiers do not agree.
    """
    early = unfinished_year(year_that_is_not_whole(source)) if whole_years else ()
    if panel is None:
        return early
    states = panel_states(panel, exports=exports, alive=alive, minimum=minimum, need_exports=False)
    notes = [*early]
    inside = pd.Index(source.firms).isin(states["unit"])
    if not inside.all():
        notes.append(
            f"{int((~inside).sum()):,} of {len(inside):,} firms of the shipments are not in the panel, such as '{source.firms[~inside][0]}'; "
            "they are left out."
        )
    told = states[(states["exporter"] == 1) & states["year"].isin(source.years)]
    sold = source.cells.loc[source.cells["cents"] > 0, ["firm", "year"]].drop_duplicates()
    pairs = pd.MultiIndex.from_arrays([source.firms[sold["firm"].to_numpy() - 1], sold["year"]])
    blind = states[~states["observed"]]
    blind = blind[pd.MultiIndex.from_frame(blind[["unit", "year"]]).isin(pairs)]
    if len(blind):
        first = blind.sort_values(["unit", "year"], key=lambda c: c.astype("str")).iloc[0]
        is_one = len(blind) == 1
        notes.append(
            f"{len(blind):,} firm-year{' that the panel calls unobserved has' if is_one else 's that the panel calls unobserved have'} shipments, such as "
            f"'{first['unit']}' in {first['year']}: {'it counts' if is_one else 'they count'} as observed, with what was shipped."
        )
    lacking = told[~pd.MultiIndex.from_frame(told[["unit", "year"]]).isin(pairs)]
    if len(lacking):
        first = lacking.sort_values(["unit", "year"], key=lambda c: c.astype("str")).iloc[0]
        said = (
            f"{len(lacking):,} of {len(told):,} exporter firm-years of the panel have no shipment, such as '{first['unit']}' in "
            f"{first['year']}"
        )
        if len(lacking) > REFUSE_ABOVE * len(told):
            raise DataError(f"{said}. Are the firms written in the same way in both tables?")
        notes.append(f"{said}: what they exported is not known, and is missing, not 0.")
    return tuple(notes)


_ENDS = "The last year, "


def unfinished_year(part: tuple[int, int] | None) -> tuple[str, ...]:
    """Say that a last year is not whole, in one way for all outcomes; empty where it is whole.

    Examples
    --------
    >>> unfinished_year((2014, 6))[0].split(":")[0]
    'The last year, 2014, ends in month 6'
    """
    if part is None:
        return ()
    return (
        f"{_ENDS}{part[0]}, ends in month {part[1]}: its exports are those of a part of a year, and a firm or line without any in it may only "
        "not have come yet.",
    )


def unfinished_flags(notes: Sequence[str]) -> list[str]:
    """The same for the flags of a count, from the notes of a panel or an outcome.

    Examples
    --------
    >>> unfinished_flags(["Another note.", *unfinished_year((2014, 6))])
    ['the last year, 2014, ends in month 6']
    """
    return [n.split(":")[0].replace("The", "the", 1) for n in notes if n.startswith(_ENDS)]


def year_that_is_not_whole(given: Shipments) -> tuple[int, int] | None:
    """The last year of dated shipments and its last month, where that is not December; None where months are not known."""
    if not given.dated:
        return None
    last = given.months[["year", "month"]].drop_duplicates().sort_values(["year", "month"]).iloc[-1]
    year, month = int(last["year"]), int(last["month"])
    # Later years that have no months are yearly sums, and are taken as whole.
    return (year, month) if month < 12 and year == given.years[-1] else None
