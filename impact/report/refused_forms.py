"""asinh(x) and log(1 + x) under `[derive]`: a fault that shows how their effect depends on the unit, and the alternative."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from impact.core.errors import Fault, ImpactError
from impact.core.panel import Panel
from impact.outcomes.functional_form import functional_form
from impact.outcomes.zero_transforms import TRANSFORMS, unit_words, why_not
from impact.report.study import Study


def refused_forms(
    study: Study, frame: pd.DataFrame | None = None, make: Callable[[], Panel] | None = None
) -> list[Fault]:
    """One fault for each asinh or log1p that `[derive]` asks for.

    Parameters
    ----------
    study : Study
    frame : DataFrame, optional
        The columns that there are.
    make : callable, optional
        Makes the study's panel of them; with it the numbers are the study's own. Without it, or where the panel cannot be
        compared, the reason is given in words.
    """
    faults = []
    for name, rule in study.derive.items():
        transform = rule.zero_logarithm
        if transform is None or len(rule.given) != 1:
            continue
        numbers, instead = None, None
        if frame is not None and make is not None and rule.source in frame:
            numbers, instead = _of_the_study(make, rule.source, transform)
        problem = why_not(transform, rule.source)
        if numbers is not None:
            problem += f". In this study it is {numbers}, for the same firms"
        remedy = (
            f"take this line out and name '{rule.source}' itself as the outcome. Then "
            f"{instead or _IN_WORDS}"
        )
        faults.append(Fault(problem, remedy, file="study.toml", column=f"derive.{name}",
                            value=f'{transform} = "{rule.source}"'))  # fmt: skip
    return faults


_IN_WORDS = (
    "estimate the effect on its level as a Poisson regression does, in % and the same in every unit, and the effect on being "
    "above 0; impact.functional_form computes both"
)


def _of_the_study(
    make: Callable[[], Panel], column: str, transform: str
) -> tuple[str | None, str | None]:
    try:
        form = functional_form(make(), column, transform=transform)
    except ImpactError:  # what is wrong with the panel is said elsewhere
        return None, None
    written = TRANSFORMS[transform].replace("x", column)
    return f"{unit_words(form.by_unit())} of '{column}' (effect on {written})", form.recommended
