"""What a rule says about a claim."""

from __future__ import annotations

import math
from dataclasses import dataclass

from impact.claims.text import NOTHING, Text

VERDICTS = (
    "arithmetic_error",
    "conflict",
    "wording",
    "undefined",
    "implausible",
    "holds",
    "unverifiable",
)
"""Verdicts, gravest first: the verdict of a claim is the gravest that a rule gives it.

`arithmetic_error` the figures of the text give another number · `conflict` two places disagree ·
`wording` the number is right and the words make it another one · `undefined` the number cannot be
formed · `implausible` outside what is known elsewhere · `holds` the rule found it true ·
`unverifiable` nothing in the texts can confirm or refute it.
"""

VERDICT_WORDS = {
    "arithmetic_error": Text("arithmetic error", "error aritmético", "erro aritmético"),
    "conflict": Text("conflict", "contradicción", "contradição"),
    "wording": Text("wording", "redacción", "redação"),
    "undefined": Text("undefined", "no definido", "indefinido"),
    "implausible": Text("implausible", "inverosímil", "implausível"),
    "holds": Text("holds", "se sostiene", "confirma-se"),
    "unverifiable": Text("unverifiable", "no verificable", "não verificável"),
}
"""The verdicts as a reader sees them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one rule on one claim, with the arithmetic behind it.

    Parameters
    ----------
    claim_id, rule, verdict : str
        Which claim, which rule, one of `VERDICTS`.
    quantity, unit : str
        What `value` is: `per cent of target`, `implied whole`, ...
    stated : float
        The figure that the text prints for it; missing if the text prints none.
    value : float
        The figure recomputed, or the one that another place gives.
    low, high : float
        What the printed digits and words of the claim allow `value` to be.
    arithmetic : Text
        The arithmetic, shown.
    reason : Text
        Why this verdict; for `unverifiable`, what would be needed.
    sentence : Text
        The sentence that would be true, where the claim's own is not.
    """

    claim_id: str
    rule: str
    verdict: str
    quantity: str = ""
    unit: str = ""
    stated: float = math.nan
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    arithmetic: Text = NOTHING
    reason: Text = NOTHING
    sentence: Text = NOTHING
