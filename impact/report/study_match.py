"""`[match]` of study.toml: how comparison firms are found, and what a study cannot ask of `impact.match`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from impact.core.errors import DesignError
from impact.core.registry import METHODS, Method
from impact.design.candidates import RESERVED
from impact.design.coarsened import RULES
from impact.design.full import read_bounds

# Imported for the methods that it registers.
from impact.design.match import match as _match  # noqa: F401
from impact.design.request import SCORES, MatchSettings, lag_name
from impact.report.study_files import Section

Add = Callable[..., None]
"""Notes a fault: place of the key, problem, remedy, value."""

_DISTANCES = (*SCORES, "mahalanobis")
_MOST_YEARS = 100  # more than any period has, and few enough to be listed
_ANY_METHOD = ("method", "on", "lags", "control", "years_after", "estimand")
_REUSE = ("replace", "max_uses")


class MatchSection(Section):
    """`[match]`: who is comparable to whom. The keys are the arguments of `impact.match`, those of its methods included.

    What a key may hold beyond its type is said by `match_faults`, with all other faults of the section.
    """

    on: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    method: str = "nearest"
    lags: Any = Field(default_factory=dict)
    control: Literal["never", "not_yet"] = "never"
    years_after: int = Field(default=0, ge=0)
    estimand: str = "ATT"
    distance: str = "logit"
    caliper: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    caliper_scale: Literal["sd", "raw"] = "sd"
    ratio: int = Field(default=1, ge=1, le=50)
    order: Literal["largest", "smallest", "data", "random"] = "largest"
    replace: bool = False
    max_uses: int | None = None
    robust: bool = False
    min_controls: float | None = Field(default=None, ge=0)
    max_controls: float | None = Field(default=None, gt=0)
    n_subclasses: int | None = Field(default=None, ge=2)
    min_n: int | None = Field(default=None, ge=0)
    cutpoints: Any = None
    k2k: bool = False
    moments: Literal[1, 2, 3] | None = None
    base_weights: str | None = None
    stabilized: bool = False
    trim: Any = None

    def arguments(self, seed: int) -> dict[str, Any]:
        """What `impact.match` is called with: the keys that were written, and the seed where chance has a part."""
        given = {
            k: getattr(self, k) for k in MatchSection.model_fields if k in self.model_fields_set
        }
        asked = {
            k: list(v) if k in ("on", "exact") else v
            for k, v in given.items()
            if v not in (None, (), {})
        }
        for key in ("robust", "replace", "k2k", "stabilized"):  # false is the same as left out
            if not asked.get(key, True):
                del asked[key]
        if "seed" in METHODS.find("match", self.method).options:
            asked["seed"] = seed
        return asked

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns that must hold numbers, as they are named in the data."""
        base = () if self.base_weights is None else (self.base_weights,)
        return tuple(dict.fromkeys((*self.on, *self.paths, *base)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the data that the section may name; a distance may also be none."""
        return tuple(dict.fromkeys((*self.covariates, *self.exact, self.distance)))

    @property
    def paths(self) -> Mapping[str, Any]:
        """`lags`, where it is a table; where it is none, that is a fault of its own."""
        return self.lags if isinstance(self.lags, Mapping) else {}

    @property
    def lagged(self) -> list[str]:
        """Names of the covariates that `lags` makes of earlier years."""
        return [
            lag_name(column, k)
            for column, most in self.paths.items()
            if _whole(most, 1)
            for k in range(2, min(most, _MOST_YEARS) + 1)
        ]


def match_faults(given: Mapping[str, Any], add: Add) -> None:
    """What is wrong with the keys of `[match]` together, whatever the data are.

    Parameters
    ----------
    given : mapping
        The section as it was written, so that a key of a wrong type hides no other fault.
    add : callable
        Notes a fault.
    """
    method = given.get("method", "nearest")
    known = {m.name: m for m in METHODS.of("match")}
    _lag_faults(given.get("lags", {}), add)
    _timing_faults(given, add)
    if not isinstance(method, str):
        return
    if method not in known:
        near = difflib.get_close_matches(method, list(known), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(known)}"
        add(("match", "method"), "there is no such method of matching", hint, method)
        return
    _covariate_faults(given, method, add)
    _reuse_faults(given, add)
    unused = _unused_faults(given, known, known[method], add)
    used = {k: v for k, v in given.items() if k not in unused}
    _distance_faults(used, method, add)
    _option_faults(used, add)


def _covariate_faults(given: Mapping[str, Any], method: str, add: Add) -> None:
    for key in ("on", "exact"):
        names = given.get(key)
        if isinstance(names, (tuple, list)) and len(set(map(str, names))) < len(names):
            add(
                ("match", key),
                "a column stands twice",
                "name each once",
                ", ".join(map(str, names)),
            )
    if (
        given.get("on")
        or given.get("lags")
        or ("on" in given and not isinstance(given["on"], tuple))
    ):
        return
    if method not in ("exact", "coarsened"):
        add(("match", "on"), f"the method '{method}' needs covariates",
            "name columns in on, or the path of one in lags")  # fmt: skip
    elif not given.get("exact"):
        add(("match", "on"), f"the method '{method}' needs columns on which firms agree", "name them in on or exact")  # fmt: skip


def _lag_faults(lags: Any, add: Add) -> None:
    if not isinstance(lags, Mapping):
        add(("match", "lags"), "expected a table of columns and numbers of years",
            "write lags = { exports = 2 }: exports one and two years before joining", lags)  # fmt: skip
        return
    for column, most in lags.items():
        if not _whole(most, 1):
            add(("match", "lags", column), "expected a number of years before joining, from 1",
                f"write {column} = 2 for the two years before joining", most)  # fmt: skip


def _timing_faults(given: Mapping[str, Any], add: Add) -> None:
    if given.get("estimand", "ATT") != "ATT":
        add(("match", "estimand"), "a study estimates effects on participants (ATT), and its matched comparison of changes has no other",
            'leave estimand out; in Python impact.match(..., estimand="ATE") and impact.att on a cross-section have the effect on all firms',
            given["estimand"])  # fmt: skip
    if given.get("years_after") and given.get("control", "never") == "never":
        add(("match", "years_after"), "years_after says how long firms that join later must wait, and only firms that never join are compared with",
            'add control = "not_yet", or leave years_after out', given["years_after"])  # fmt: skip


def _reuse_faults(given: Mapping[str, Any], add: Add) -> None:
    """Controls that serve several participants tie pairs together, and over years there is no variance for that."""
    if given.get("replace"):
        add(("match", "replace"), "effects over years have no standard errors after matching with replacement",
            'leave replace and max_uses out; method = "full" or "entropy" lets a comparison firm stand for several participants',
            given["replace"])  # fmt: skip
    elif given.get("max_uses") is not None:
        add(("match", "max_uses"), "without replacement a comparison firm serves once, and a study does not match with replacement",
            "leave max_uses out", given["max_uses"])  # fmt: skip


def _unused_faults(
    given: Mapping[str, Any], known: Mapping[str, Method], method: Method, add: Add
) -> set[str]:
    """Keys that the method does not use: nothing that was asked for is passed over."""
    unused = {
        key
        for key, value in given.items()
        if key in MatchSection.model_fields
        and key not in (*_ANY_METHOD, *_REUSE, *method.options)
        and value not in (None, (), {}, False)
    }
    takes = (
        ", ".join(o for o in method.options if o not in ("seed", *_ANY_METHOD, *_REUSE))
        or "no keys of its own"
    )
    for key in sorted(unused):
        others = ", ".join(f"'{m.name}'" for m in known.values() if key in m.options)
        add(("match", key), f"the method '{method.name}' does not use this key",
            f"take it out ('{method.name}' takes {takes}), or choose a method that uses it: {others}", given[key])  # fmt: skip
    return unused


def _distance_faults(given: Mapping[str, Any], method: str, add: Add) -> None:
    distance, caliper = given.get("distance", "logit"), given.get("caliper")
    wrong = {"ipw": ("mahalanobis", "linear_logit"), "subclass": ("mahalanobis",)}
    if distance in wrong.get(method, ()):
        needs = {
            "ipw": "weights need a probability of joining",
            "subclass": "subclasses are ranges of a score",
        }
        add(("match", "distance"), f"{needs[method]}, which this distance does not give",
            f"choose from {', '.join(d for d in _DISTANCES if d not in wrong[method])}, or name a column that holds a score", distance)  # fmt: skip
    elif method == "mahalanobis" and caliper is None and distance not in ("logit", "mahalanobis"):
        add(("match", "distance"), "this method uses a score for its caliper alone, and there is no caliper",
            "add caliper, or leave distance out", distance)  # fmt: skip
    elif (
        distance == "mahalanobis"
        and caliper is not None
        and given.get("caliper_scale", "sd") == "sd"
    ):
        add(("match", "caliper"), "a caliper is a bound on a score, and Mahalanobis distance has none",
            'leave caliper out, bound the distance itself by caliper_scale = "raw", or choose another distance', caliper)  # fmt: skip


def _option_faults(given: Mapping[str, Any], add: Add) -> None:
    bounds = {k: given[k] for k in ("min_controls", "max_controls") if _number(given.get(k))}
    if bounds and min(bounds.values()) >= 0:
        try:
            read_bounds(MatchSettings(on=("any",), method="full", options=bounds))
        except DesignError as error:
            key = next(iter(bounds))
            add(("match", key), error.message.rstrip("."), "write min_controls = 1 and max_controls = 3 for one to three comparison firms each",
                bounds[key])  # fmt: skip
    trim = given.get("trim")
    if trim is not None and not _is_trim(trim):
        add(("match", "trim"), "expected limits of the score between 0 and 1, the lower one first",
            'write trim = [0.1, 0.9], trim = 0.1 for the same, or trim = "crump"', trim)  # fmt: skip
    cuts = given.get("cutpoints")
    by_column = cuts if isinstance(cuts, Mapping) else {}
    for column, cut in by_column.items():
        if not (_is_rule(cut) or _is_list_of_numbers(cut)):
            add(("match", "cutpoints", column), "expected cut points, a number of bins or a rule",
                f"write a list of numbers, a number from 1, or one of {', '.join(RULES)}", cut)  # fmt: skip
    if cuts is not None and not isinstance(cuts, Mapping) and not _is_rule(cuts):
        add(("match", "cutpoints"), "expected a number of bins, a rule, or cut points by column",
            f"write a number from 1, one of {', '.join(RULES)}, or a table such as {{ employees = [10, 50] }}", cuts)  # fmt: skip


def _is_trim(trim: Any) -> bool:
    if isinstance(trim, (tuple, list)):
        return len(trim) == 2 and all(map(_number, trim)) and 0 <= trim[0] < trim[1] <= 1
    return trim == "crump" or (_number(trim) and 0 <= trim < 0.5)


def _is_rule(cut: Any) -> bool:
    return cut in RULES if isinstance(cut, str) else _whole(cut, 1)


def _is_list_of_numbers(cut: Any) -> bool:
    return isinstance(cut, (tuple, list)) and len(cut) > 0 and all(map(_number, cut))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def match_column_faults(
    section: MatchSection,
    *,
    columns: Iterable[str],
    text: Iterable[str],
    participation: Iterable[str | None],
    ahead: Iterable[str],
    years: int,
    add: Add,
) -> None:
    """What the columns that `[match]` names cannot be used for; that they are there is looked at elsewhere.

    Parameters
    ----------
    section : MatchSection
    columns, text, ahead : iterable of str
        Columns of the panel; those that hold words; those that look ahead of their year.
    participation : iterable of str or None
        Columns that say who took part, and when.
    years : int
        Years of the declared period.
    add : callable
        Notes a fault.
    """
    there, words = set(columns), set(text)
    joining, ahead = {p for p in participation if p}, set(ahead)
    for key, name in _named(section):
        at = ("match", key, name) if key in ("lags",) else ("match", key)
        if name in joining:
            add(
                at,
                "this column says who took part, which nobody can be matched on",
                "take it out",
                name,
            )
        elif name in ahead:
            add(at, "this column looks ahead of its year, so that the year before joining already holds years of participation",
                "take it out: firms are matched on nothing from the year of joining on", name)  # fmt: skip
        elif name in RESERVED and not (key == "distance" and name == "distance"):
            add(at, "the matched table has a column of this name", "rename the column", name)
        elif name in words and key != "exact" and not (key == "on" and section.method == "exact"):
            add(at, "this column is declared as text", _instead_of_text(section.method, key), name)
    if section.distance not in (*_DISTANCES, *there):
        add(("match", "distance"), "there is no such distance",
            f"choose from {', '.join(_DISTANCES)}, or name a column that holds a score", section.distance)  # fmt: skip
    for name, most in section.paths.items():
        if _whole(most, years):
            add(("match", "lags", name), f"the declared period of {years} years has at most {years - 1} before anybody joined",
                "ask for fewer", most)  # fmt: skip
    for name in section.lagged:
        if name in there:
            add(("match", "lags"), "lags makes a covariate of this name, which is a column already", "rename the column", name)  # fmt: skip
    cut = [c for c in (*section.on, *section.paths, *section.lagged) if c not in section.exact]
    for name in section.cutpoints if isinstance(section.cutpoints, Mapping) else ():
        if name not in cut:
            add(("match", "cutpoints", name), "this column is not among those that are cut into bins",
                f"name one of {', '.join(cut)}" if cut else "name the column in on", name)  # fmt: skip


def _named(section: MatchSection) -> list[tuple[str, str]]:
    """Columns by the key that names them."""
    base = [] if section.base_weights is None else [("base_weights", section.base_weights)]
    score = [] if section.distance in _DISTANCES else [("distance", section.distance)]
    return [
        *(("on", c) for c in section.on),
        *(("exact", c) for c in section.exact),
        *(("lags", c) for c in section.paths),
        *base,
        *score,
    ]


def _instead_of_text(method: str, key: str) -> str:
    if key != "on":
        return "name a number column"
    if "exact" in METHODS.find("match", method).options:
        return "name it in exact, where any kind of value will do"
    with_exact = ", ".join(f"'{m.name}'" for m in METHODS.of("match") if "exact" in m.options)
    return f"take it out, or name it in exact and choose a method that has exact: {with_exact}"
