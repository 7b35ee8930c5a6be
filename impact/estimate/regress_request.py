"""What a call of `impact.regress` asks for, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import REGRESSION_FACTORS
from impact.core.panel import Panel
from impact.engines.formula import effect_names
from impact.estimate.regress_variance import VARIANCES

FAMILIES = ("gaussian", "poisson", "logit")
_DEFAULT = {"gaussian": "iid", "poisson": "hetero", "logit": "iid"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The settings of a call."""

    family: Literal["gaussian", "poisson", "logit"]
    clusters: tuple[str, ...]
    weights: str | None
    variance: str
    small_sample: str
    singletons: str
    conf_level: float


def cluster_names(cluster: str | Sequence[str] | None, frame: pd.DataFrame) -> tuple[str, ...]:
    """Ways of clustering, one for each name: a column, or the pairs of several.

    Examples
    --------
    >>> cluster_names("firm + sector ^ year", pd.DataFrame(columns=["firm", "sector", "year"]))
    ('firm', 'sector^year')
    """
    given = [cluster] if isinstance(cluster, str) else list(cluster or ())
    found: list[str] = []
    for name in given:
        # A column may be called so itself.
        found += (
            [name] if name in frame else effect_names(name) if isinstance(name, str) else [name]
        )
    if given and not found:
        raise EstimationError(f"cluster={cluster!r} names no column.")
    return tuple(dict.fromkeys(found))


def asked_of(
    family: str,
    cluster: str | Sequence[str] | None,
    weights: str | None,
    variance: str | None,
    small_sample: str,
    singletons: str,
    conf_level: float,
    data: pd.DataFrame | Panel,
) -> Asked:
    """Check the settings of a call.

    Raises
    ------
    EstimationError
        With the first setting that is none.
    """

    def one_of(what: str, value: str, known: Sequence[str]) -> None:
        if value not in known:
            raise EstimationError(f"There is no {what} {value!r}: {', '.join(map(repr, known))}.")

    one_of("family", family, FAMILIES)
    one_of("small-sample factor", small_sample, list(REGRESSION_FACTORS))
    one_of("way with singletons", singletons, ("keep", "drop"))
    clusters = cluster_names(cluster, data.data if isinstance(data, Panel) else data)
    if variance is not None:
        one_of("variance", variance, VARIANCES)
        if clusters:
            raise EstimationError(
                f"variance={variance!r} and cluster were both given; a clustered variance is robust by itself: leave `variance` out."
            )
    if weights is None and isinstance(data, Panel):
        weights = data.weights
    kind = variance or _DEFAULT[family]
    return Asked(family, clusters, weights, kind, small_sample, singletons, conf_level)  # type: ignore[arg-type]
