"""Published figures of programmes that help firms to trade, each with its definition; no yardstick for another definition.

Every figure was checked against the wording of its source (abstract or publisher's page), and the definition keeps to what is said there. Left out: 40
dollars of exports per dollar for the median agency (Lederman, Olarreaga and Payton), because the versions of that paper do not agree (300 in the working
paper of November 2006, 40 in a later one, no figure in the abstract of 2009).
"""

from __future__ import annotations

import math

import pandas as pd

from impact.core.errors import EstimationError

COLUMNS = ["benchmark", "quantity", "low", "high", "unit", "definition", "source"]

EXPORTS = "effect on exports of participants"
SURVIVAL = "effect on export survival of participants"
VALUE_ADDED = "value added per unit of cost"
PROFIT = "profit per unit of cost"
TAX = "tax per unit of cost"
GROSS_EXPORTS = "exports per unit of cost"

_CRISIS = (
    "probability that supported exporters stay in the export market in the recession of 2009, against others; middle of a range of estimates; whether per "
    "cent or points is not said in the abstract"
)
_CRISIS_SOURCE = "Van Biesebroeck, Konings and Volpe Martincus (2016), Economic Policy 31 (88)"
_FAMEX = "Cadot, Fernandes, Gourdon and Mattoo (2015), Journal of International Economics 97 (2)"

_ROWS = [
    (
        "meta-analysis of export promotion, after publication bias", EXPORTS, 1.0, 9.0, "per cent",
        "export intensity (the intensive margin) of supported firms against others, 951 estimates, publication bias filtered out",
        "Demena (2024), Journal of Asian Business and Economic Studies 31 (4)",
    ),
    ("Belgium, recession of 2009", SURVIVAL, 6.0, 6.0, "per cent", _CRISIS, _CRISIS_SOURCE),
    ("Peru, recession of 2009", SURVIVAL, 11.0, 11.0, "per cent", _CRISIS, _CRISIS_SOURCE),
    (
        "Denmark, small firms", VALUE_ADDED, 3.0, 3.0, "per unit of cost",
        "gain in value added of small firms against direct costs of export promotion, with subsidies and tax distortions; roughly three",
        "Munch and Schaur (2018), American Economic Journal: Economic Policy 10 (1)",
    ),
    (
        "Croatia, export-oriented grants", VALUE_ADDED, 1.395, 1.395, "per unit of cost",
        "benefits created in value added against the cost of a grant scheme for exports and technology; 139.5 %",
        "Srhoj and Walde (2020), Structural Change and Economic Dynamics 52",
    ),
    (
        "Tunisia, FAMEX", PROFIT, 2.0, 2.0, "per unit of cost",
        "private profits per dinar of programme expenditure; effects had faded three years after", _FAMEX,
    ),
    (
        "Tunisia, FAMEX", TAX, 1.0, 1.0, "per unit of cost",
        "additional corporate tax just covered the public cost of the programme", _FAMEX,
    ),
    (
        "trade promotion organizations, across countries", GROSS_EXPORTS, 15.0, 15.0, "per unit of cost",
        "exports per dollar spent on export promotion, on average over agencies, preliminary; 95 % interval 11 to 19",
        "Olarreaga, Sperlich and Trachsel (2015), Export promotion: what works?, University of Geneva",
    ),
    (
        "trade promotion organizations, across countries", GROSS_EXPORTS, 87.0, 87.0, "per unit of cost",
        "exports per dollar of export promotion invested in a national trade promotion organization, on average",
        "International Trade Centre (2016), Investing in Trade Promotion Generates Revenue",
    ),
]  # fmt: skip

COMPARABLE = {
    VALUE_ADDED: "value added of participants, net of the counterfactual, against programme cost",
    PROFIT: "profit of participants, net of the counterfactual, against programme cost",
    TAX: "tax of participants, net of the counterfactual, against public cost",
    EXPORTS: "exports of participants that export anyway, against others, in per cent",
}
"""What an estimate must be for a published figure of the quantity to stand beside it; figures of a quantity that is not here compare with none."""


def benchmarks(quantity: str | None = None) -> pd.DataFrame:
    """Published figures, with definition and source.

    Parameters
    ----------
    quantity : str, optional
        One of those in the column `quantity`; all where missing.

    Returns
    -------
    DataFrame
        `benchmark, quantity, low, high, unit, definition, source`; `low` equals `high` where one number was published.

    Raises
    ------
    EstimationError
        If nothing was published of this quantity.

    Examples
    --------
    >>> benchmarks("profit per unit of cost")[["benchmark", "low"]].to_dict("records")
    [{'benchmark': 'Tunisia, FAMEX', 'low': 2.0}]
    """
    table = pd.DataFrame(_ROWS, columns=COLUMNS)
    if quantity is None:
        return table
    found = table[table["quantity"] == quantity].reset_index(drop=True)
    if found.empty:
        there = ", ".join(dict.fromkeys(table["quantity"]))
        raise EstimationError(f"There is no published figure of {quantity!r}; there are {there}.")
    return found


def compared(quantity: str, estimate: float, definition: str | None = None) -> pd.DataFrame:
    """The published figures of a quantity beside an estimate, each with whether it may be compared.

    Parameters
    ----------
    quantity : str
        What was estimated; a quantity of which nothing was published gives no rows.
    estimate : float
    definition : str, optional
        How it was defined, in the words of `COMPARABLE` where it is the same.

    Returns
    -------
    DataFrame
        The columns of `benchmarks`, then `estimate`, `place` (below, inside, above; empty where not comparable) and `comparable` (yes, or why not).

    Examples
    --------
    >>> compared("value added per unit of cost", 2.0, COMPARABLE["value added per unit of cost"])["place"].tolist()
    ['below', 'above']
    >>> compared("exports per unit of cost", 5.0)["comparable"].str[:34].unique().tolist()
    ['not comparable: exports per dollar']
    """
    table = pd.DataFrame([row for row in _ROWS if row[1] == quantity], columns=COLUMNS)
    same = definition is not None and definition == COMPARABLE.get(quantity)
    alike = "yes, if horizon and costs are alike"
    return table.assign(
        estimate=estimate,
        place=[
            _place(estimate, low, high) if same else ""
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
        comparable=[alike if same else f"not comparable: {said}" for said in table["definition"]],
    )


def _place(estimate: float, low: float, high: float) -> str:
    if math.isnan(estimate):
        return ""
    return "below" if estimate < low else "above" if estimate > high else "inside"
