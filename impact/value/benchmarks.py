"""Published figures of programmes that help firms to trade, each with its definition; no yardstick for another definition.

Left out, because their wording could not be checked: export survival (Belgium, Peru), gross exports per dollar of budget (which
come under definitions that do not agree).
"""

from __future__ import annotations

import math

import pandas as pd

from impact.core.errors import EstimationError

COLUMNS = ["benchmark", "quantity", "low", "high", "unit", "definition", "source"]

_ROWS = (
    {
        "benchmark": "meta-analysis of export promotion, after publication bias",
        "quantity": "effect on exports of participants",
        "low": 1.0,
        "high": 9.0,
        "unit": "per cent",
        "definition": "firm-level exports of participants against others, intensive margin, 951 estimates, corrected for publication bias",
        "source": "Demena (2024), Journal of Asian Business and Economic Studies 31 (4)",
    },
    {
        "benchmark": "Denmark, small firms",
        "quantity": "value added per unit of cost",
        "low": 3.0,
        "high": 3.0,
        "unit": "per unit of cost",
        "definition": "gain in value added of small firms against direct costs with subsidies and tax distortions; roughly three",
        "source": "Munch and Schaur (2018), American Economic Journal: Economic Policy 10 (1)",
    },
    {
        "benchmark": "Croatia",
        "quantity": "value added per unit of cost",
        "low": 1.395,
        "high": 1.395,
        "unit": "per unit of cost",
        "definition": "present value of net value added against that of cost; horizon, firms and programme are not said where it was read",
        "source": "read in a published evaluation whose title the design of this tool does not give",
    },
    {
        "benchmark": "Tunisia, FAMEX",
        "quantity": "profit per unit of cost",
        "low": 2.0,
        "high": 2.0,
        "unit": "per unit of cost",
        "definition": "private profits per dinar of programme expenditure; effects had faded three years after",
        "source": "Cadot, Fernandes, Gourdon and Mattoo (2015), Journal of International Economics 97 (2)",
    },
    {
        "benchmark": "Tunisia, FAMEX",
        "quantity": "tax per unit of cost",
        "low": 1.0,
        "high": 1.0,
        "unit": "per unit of cost",
        "definition": "additional corporate tax just covered the public cost of the programme",
        "source": "Cadot, Fernandes, Gourdon and Mattoo (2015), Journal of International Economics 97 (2)",
    },
)

COMPARABLE = {
    "value added per unit of cost": "value added of participants, net of the counterfactual, against programme cost",
    "profit per unit of cost": "profit of participants, net of the counterfactual, against programme cost",
    "tax per unit of cost": "tax of participants, net of the counterfactual, against public cost",
    "effect on exports of participants": "exports of participants that export anyway, against others, in per cent",
}
"""What an estimate must be for a published figure of the quantity to stand beside it."""


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
    """
    table = pd.DataFrame([row for row in _ROWS if row["quantity"] == quantity], columns=COLUMNS)
    same = definition is not None and definition == COMPARABLE.get(quantity)
    wanted = COMPARABLE.get(quantity, "nothing was published of it")
    words = "yes, if horizon and costs are alike" if same else f"not comparable: it is of {wanted}"
    places = [
        _place(estimate, low, high) if same else ""
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    return table.assign(estimate=estimate, place=places, comparable=words)


def _place(estimate: float, low: float, high: float) -> str:
    if math.isnan(estimate):
        return ""
    return "below" if estimate < low else "above" if estimate > high else "inside"
