"""Whose results are they: totals in proportion to what each paid, leverage, published figures beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.value.benchmarks import COMPARABLE, compared
from impact.value.costs import funder_shares
from impact.value.funding import leverage
from impact.value.outcome_rows import PER_COST

if TYPE_CHECKING:
    from impact.value.cost_effectiveness import ValueResult

_TOTALS = ("total_at_horizon", "unit_years", "present_value")
_COLUMNS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
_SCALED = ["estimate", "std_error", "conf_low", "conf_high"]

QUANTITIES = {
    ("value_added", PER_COST): "value added per unit of cost",
    ("exports", PER_COST): "exports per unit of cost",
    ("profit", PER_COST): "profit per unit of cost",
    ("tax", PER_COST): "tax per unit of cost",
}
"""Which published quantity a row is compared with."""


def attribution(value: ValueResult) -> pd.DataFrame:
    """Share every total among the sources of funds, in proportion to the present value of what each paid.

    Returns
    -------
    DataFrame
        `term, outcome, source_of_funds, share, estimate` to `conf_high`, `unit, label`; the rows of a total add up to it.
    """
    table = value.table[value.table["term"].isin(_TOTALS)]
    shares = funder_shares(value.costs)
    rows = []
    for line in table.to_dict("records"):
        for source, share in zip(shares["source_of_funds"], shares["share"], strict=True):
            scaled = {c: line[c] * (share if c in _SCALED else 1.0) for c in _COLUMNS}
            said = f"{line['label']}, {100 * share:.1f} % of it: the share of {source} in the cost"
            keys = {
                "term": line["term"],
                "outcome": line["outcome"],
                "source_of_funds": source,
                "share": share,
            }
            rows.append({**keys, **scaled, "unit": line["unit"], "label": said})
    return pd.DataFrame(rows)


def leverage_of_costs(value: ValueResult, contribution: str | None = None) -> pd.DataFrame:
    """Leverage in its three named forms, for one funder's contribution.

    Parameters
    ----------
    value : ValueResult
    contribution : str, optional
        A source of funds, or "public"; the source that paid most where missing.

    Returns
    -------
    DataFrame
        `contribution, form, formula, value, low, high`; amounts in constant prices, not discounted.

    Raises
    ------
    DataError
        If nothing was paid by this source.
    """
    paid = value.costs
    if contribution is None:
        contribution = str(
            funder_shares(paid)
            .sort_values("share", ascending=False, kind="stable")["source_of_funds"]
            .iloc[0]
        )
    counted = (
        paid["public"] if contribution == "public" else paid["source_of_funds"] == contribution
    )
    if not counted.any():
        there = ", ".join(sorted(set(paid["source_of_funds"])))
        fault = Fault(
            "no cost comes from this source of funds",
            f"choose from {there}, public",
            column="contribution",
            value=contribution,
        )
        raise DataError("The leverage cannot be formed.", [fault])
    private = math.fsum(paid.loc[~paid["public"], "amount"])
    forms = leverage(math.fsum(paid.loc[counted, "amount"]), math.fsum(paid["amount"]), private)
    return forms.assign(contribution=contribution)[["contribution", *forms.columns]]


def benchmarks_beside(value: ValueResult) -> pd.DataFrame:
    """Each estimate of money per cost with the published figures of the same quantity, and whether their definition is the same.

    Returns
    -------
    DataFrame
        See `impact.value.benchmarks.compared`, with `outcome` and `label` in front; no rows where no published quantity fits.
    """
    parts = []
    for line in value.table.to_dict("records"):
        quantity = QUANTITIES.get((str(line["outcome"]), str(line["term"])))
        if quantity is not None:
            # Gross figures, and those after displacement, are not what was published.
            same = line["basis"] == "net" and value.arguments["additionality"] is None
            found = compared(
                quantity, float(line["estimate"]), COMPARABLE.get(quantity) if same else None
            )
            parts.append(found.assign(outcome=line["outcome"], label=line["label"]))
    if not parts:
        return pd.DataFrame(
            columns=[
                "outcome",
                "label",
                "benchmark",
                "quantity",
                "low",
                "high",
                "unit",
                "definition",
                "source",
            ]
        )
    together = pd.concat(parts, ignore_index=True)
    return together[
        ["outcome", "label", *[c for c in together.columns if c not in ("outcome", "label")]]
    ]
