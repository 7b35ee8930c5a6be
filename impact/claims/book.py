"""The claims as the rules see them: typed, and found by name and by subject."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import pandas as pd

from impact.claims.text import Part, Text, computed, percent, quantity, say
from impact.value.windows import Window, exactly, product, stated_window

PERCENTAGES = ("per_cent_of_target", "per_cent_above_target", "per_cent_of")


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of a claims file; see `impact.read.claims` for its columns."""

    claim_id: str
    source: str
    publisher: str
    phrase: str
    subject: str
    indicator: str
    unit: str
    period: str
    geography: str
    programme: str
    kind: str
    qualifier: str
    target: float
    achieved: float
    stated_ratio: float
    stated_as: str
    stated_decimals: float
    part_of: str
    numerator: str
    listed: str
    basis: str
    price_base: str
    stage: float
    estimate: str

    @property
    def teller(self) -> str:
        """Who says it."""
        return self.publisher or self.source

    @property
    def planned(self) -> bool:
        """Whether the claim says what should be, not what was."""
        return self.kind == "plan"

    @property
    def has_pair(self) -> bool:
        """Whether the claim holds a target against an achievement."""
        return not (math.isnan(self.target) or math.isnan(self.achieved))

    @property
    def amount(self) -> float:
        """The plain figure of the claim: the target of a plan, what was achieved of any other."""
        return self.target if self.planned else self.achieved

    def amount_window(self) -> Window:
        """What the words allow the plain figure to be."""
        return stated_window(self.amount, self.qualifier)

    def ratio_window(self) -> Window:
        """What the printed digits allow the stated ratio to be."""
        return stated_window(self.stated_ratio, "exact", self.stated_decimals)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that a claim gives for its subject, comparable with those of other claims.

    Parameters
    ----------
    claim : Claim
        Who says it.
    side : {"achievement", "target"}
        What was, or what should be.
    unit : str
        Unit of the number.
    window : Window
        The number, with what its words and digits allow.
    text : Part
        How the claim puts it.
    """

    claim: Claim
    side: str
    unit: str
    window: Window
    text: Part


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """All claims of an audit.

    Parameters
    ----------
    claims : tuple of Claim
        In the order of the file.
    results : DataFrame or None
        A study's own estimates: `subject, estimate, conf_low, conf_high`.
    by_name : dict
        The claims by `claim_id`.
    by_subject : dict
        The claims of each subject, in the order of the file.
    """

    claims: tuple[Claim, ...]
    results: pd.DataFrame | None
    by_name: dict[str, Claim]
    by_subject: dict[str, list[Claim]]

    @classmethod
    def of(cls, frame: pd.DataFrame, results: pd.DataFrame | None = None) -> Book:
        """Make the book of a table that `impact.read.claims` has checked."""
        names = [field.name for field in fields(Claim)]
        records = frame[names].to_dict("records")
        claims = tuple(Claim(**record) for record in records)
        by_subject: dict[str, list[Claim]] = {}
        for claim in claims:
            by_subject.setdefault(claim.subject, []).append(claim)
        return cls(claims, results, {claim.claim_id: claim for claim in claims}, by_subject)

    def find(self, claim_id: str) -> Claim | None:
        """The claim of that name, if there is one."""
        return self.by_name.get(claim_id)

    def figures(self, claim: Claim) -> Iterator[Figure]:
        """The numbers that a claim gives for its subject, at most one on each side."""
        side = "target" if claim.planned else "achievement"
        if not math.isnan(claim.amount):
            text = quantity(claim.amount, claim.unit, claim.qualifier)
            yield Figure(claim, side, claim.unit, claim.amount_window(), text)
        elif not math.isnan(claim.stated_ratio):
            yield self._figure_of_ratio(claim, side)
        if claim.has_pair:
            text = quantity(claim.target, claim.unit)
            yield Figure(claim, "target", claim.unit, exactly(claim.target), text)

    def _figure_of_ratio(self, claim: Claim, side: str) -> Figure:
        """A percentage gives a number too, if it is of a whole that is stated."""
        share = stated_window(claim.stated_ratio, claim.qualifier, claim.stated_decimals)
        decimals = 0 if math.isnan(claim.stated_decimals) else int(claim.stated_decimals)
        whole = self.find(claim.part_of)
        if claim.stated_as != "per_cent_of" or whole is None or math.isnan(whole.amount):
            text = quantity(claim.stated_ratio, claim.unit, claim.qualifier)
            return Figure(claim, side, claim.unit, share, text)
        part = product(share, whole.amount_window())
        part = Window(part.value / 100, part.low / 100, part.high / 100,
                      part.low_open, part.high_open)  # fmt: skip
        text = say(
            Text(*["{share} × {whole} = {part}"] * 3),
            share=percent(claim.stated_ratio, decimals),
            whole=quantity(whole.amount, whole.unit, whole.qualifier),
            part=computed(part, whole.unit),
        )
        return Figure(claim, side, whole.unit, part, text)

    def rivals(self, figure: Figure) -> tuple[Figure, ...]:
        """The numbers that other claims give for the same subject, on the same side."""
        return tuple(
            other
            for claim in self.by_subject[figure.claim.subject]
            if claim.claim_id != figure.claim.claim_id
            for other in self.figures(claim)
            if other.side == figure.side
        )
