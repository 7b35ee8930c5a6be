"""What each method can do, as a table: checks, messages, docs and tests are derived from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from impact.core.errors import ImpactError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Method:
    """One registered method and its abilities.

    Parameters
    ----------
    verb : str
        The public verb that runs it: `match`, `att`, `check`, `audit`.
    name : str
        What a person writes as `method=`.
    summary : str
        One line: what it does.
    takes : tuple of str
        What it works on: `panel`, `matched`, `cross_section`, `claims`, ...
    estimands : tuple of str
        For example `("ATT",)`.
    families : tuple of str
        Outcome families.
    covariates, weights : bool
        Whether it uses covariates and weights; a method that cannot must refuse them.
    needs : tuple of str
        What the data must have, in words.
    options : tuple of str
        Names of the further keyword arguments it accepts.
    reference : str
        Paper and equation.
    reads : str
        What tells it who took part, where that is not the year of joining.
    earlier : str
        The option that shows years before joining, where they are not shown unasked.
    function : callable
        The implementation.
    """

    verb: str
    name: str
    summary: str
    takes: tuple[str, ...]
    estimands: tuple[str, ...]
    families: tuple[str, ...]
    covariates: bool
    weights: bool
    needs: tuple[str, ...]
    options: tuple[str, ...]
    reference: str
    reads: str
    earlier: str
    function: Callable[..., Any]


class Registry:
    """A collection of methods, found by verb and name."""

    def __init__(self) -> None:
        self._methods: dict[tuple[str, str], Method] = {}

    def register(
        self,
        verb: str,
        name: str,
        *,
        summary: str,
        reference: str,
        takes: tuple[str, ...] = (),
        estimands: tuple[str, ...] = (),
        families: tuple[str, ...] = (),
        covariates: bool = False,
        weights: bool = False,
        needs: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
        reads: str = "",
        earlier: str = "",
    ) -> Callable[[F], F]:
        """Register the decorated function as method `name` of `verb`."""

        def decorator(function: F) -> F:
            key = (verb, name)
            if key in self._methods:
                raise ImpactError(f"The method {name!r} of {verb!r} is registered twice.")
            self._methods[key] = Method(
                verb,
                name,
                summary,
                takes,
                estimands,
                families,
                covariates,
                weights,
                needs,
                options,
                reference,
                reads,
                earlier,
                function,
            )
            return function

        return decorator

    def find(self, verb: str, name: str) -> Method:
        """Return one method, or say which exist.

        Raises
        ------
        ImpactError
            If no method of that name is registered for the verb.
        """
        try:
            return self._methods[verb, name]
        except KeyError:
            known = ", ".join(repr(m.name) for m in self.of(verb)) or "none"
            message = f"There is no method {name!r} for {verb!r}; choose from {known}."
            raise ImpactError(message) from None

    def of(self, verb: str) -> Iterator[Method]:
        """All methods of a verb, by name."""
        return iter(
            sorted((m for m in self._methods.values() if m.verb == verb), key=lambda m: m.name)
        )

    def table(self) -> pd.DataFrame:
        """Every registered method with its abilities, one row each."""
        rows = [
            {
                "verb": m.verb,
                "method": m.name,
                "summary": m.summary,
                "takes": ", ".join(m.takes),
                "estimands": ", ".join(m.estimands),
                "families": ", ".join(m.families),
                "covariates": m.covariates,
                "weights": m.weights,
                "needs": "; ".join(m.needs),
                "options": ", ".join(m.options),
                "reference": m.reference,
            }
            for m in sorted(self._methods.values(), key=lambda m: (m.verb, m.name))
        ]
        return pd.DataFrame(rows)


METHODS = Registry()
"""The registry that `impact.methods()` prints."""
