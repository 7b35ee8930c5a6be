"""How far the firms of a panel and those of the shipments are the same; what is not linked is not known, and said."""

from __future__ import annotations

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
) -> tuple[str, ...]:
    """Say which firms of the shipments are not in the panel, and which exporters of the panel have no shipment.

    Parameters
    ----------
    source : Shipments
    panel : Panel or None
    exports, alive, minimum
        As in `panel_states`.

    Returns
    -------
    tuple of str
        Empty where all is linked, or there is no panel.

    Raises
    ------
    DataError
        If more than half of the exporter firm-years of the panel have no shipment: the identifiers do not agree.
    """
    if panel is None:
        return ()
    states = panel_states(panel, exports=exports, alive=alive, minimum=minimum, need_exports=False)
    notes = []
    inside = pd.Index(source.firms).isin(states["unit"])
    if not inside.all():
        notes.append(
            f"{int((~inside).sum()):,} of {len(inside):,} firms of the shipments are not in the panel, such as '{source.firms[~inside][0]}'; "
            "they are left out."
        )
    told = states[(states["exporter"] == 1) & states["year"].isin(source.years)]
    sold = source.cells.loc[source.cells["cents"] > 0, ["firm", "year"]].drop_duplicates()
    pairs = pd.MultiIndex.from_arrays([source.firms[sold["firm"].to_numpy() - 1], sold["year"]])
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
