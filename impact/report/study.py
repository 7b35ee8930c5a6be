"""study.toml: what a study declares, held against its contract with every fault in one pass."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from impact.core.amount_names import is_amount
from impact.core.errors import Fault, StudyError
from impact.outcomes.firm_panel import PanelSources, panel_columns
from impact.outcomes.outcome_years import OutcomeRules, outcome_columns
from impact.report.study_files import (
    BudgetSection,
    CustomsSection,
    IdentifierSection,
    LinkageSection,
    MoneySection,
    OutcomesSection,
    RegisterSection,
    RosterSection,
)
from impact.report.study_files import Section as _Section
from impact.report.study_match import MatchSection, match_column_faults, match_faults
from impact.report.study_value import CostSection, ValueSection, value_faults
from impact.validate.country_names import iso_countries
from impact.validate.dates import DATE_FORMATS, known_format


def default_family(column: str) -> Literal["gaussian", "poisson"]:
    """Poisson for values of exports, gaussian for anything else.

    Examples
    --------
    >>> default_family("exports_eur_2015"), default_family("employees"), default_family("exports_growth")
    ('poisson', 'gaussian', 'gaussian')
    """
    return "poisson" if is_amount(column, "exports") else "gaussian"


MEMORY = r"^\s*\d+(\.\d+)?\s*([KMGT]i?B)\s*$"
"""A size of memory, such as 500MB or 2GB."""


class StudySection(_Section):
    """`[study]`: what is evaluated."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    programme: str
    source: str
    question: str = ""
    first_year: int | None = None
    last_year: int | None = None
    engine: Literal["duckdb", "spark"] = "duckdb"
    max_memory: str | None = Field(default=None, pattern=MEMORY)
    seed: int = Field(default=20160516, ge=0)
    conf_level: float = Field(default=0.95, gt=0.5, lt=1.0)


class DataSection(_Section):
    """`[data]`: the firm-year file, and the study's name for each of its columns."""

    file: str | None = None
    package: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    columns: dict[str, str]
    text: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class PanelSection(_Section):
    """`[panel]`: the role of each column."""

    unit: str
    time: str
    treatment: str | None = None
    cohort: str | None = None


class Derivation(_Section):
    """`[derive]`: a column made from a column. `asinh` and `log1p` can be asked for, and are refused with their reason."""

    log: str | None = None
    lag: str | None = None
    asinh: str | None = None
    log1p: str | None = None
    before_first: float | None = None

    @property
    def given(self) -> list[str]:
        """The columns that are named, of which there should be one."""
        return [c for c in (self.log, self.lag, self.asinh, self.log1p) if c is not None]

    @property
    def source(self) -> str:
        """The column it is made from."""
        return next(iter(self.given), "")

    @property
    def zero_logarithm(self) -> str | None:
        """asinh or log1p, where one was asked for."""
        return "asinh" if self.asinh is not None else "log1p" if self.log1p is not None else None


class OutcomeSection(_Section):
    """`[[outcome]]`: what may have changed.

    Values of exports hold zeros, and grow in per cent: their family is poisson unless the study says otherwise.
    """

    name: str
    label: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    controls: tuple[str, ...] = ()
    family: Literal["gaussian", "poisson"] | None = None
    estimators: tuple[Literal["imputation", "etwfe", "interaction_weighted", "stacked"], ...] = ()

    @property
    def model(self) -> Literal["gaussian", "poisson"]:
        """The family that is used."""
        return self.family or default_family(self.name)


class RegressSection(_Section):
    """`[regress]`: the regression with fixed effects."""

    terms: tuple[str, ...] = Field(min_length=1)
    fixed_effects: tuple[str, ...] = Field(min_length=1, max_length=2)
    cluster: str
    small_sample: Literal["fixest", "linearmodels", "none"] = "fixest"


class GroupTimeSection(_Section):
    """`[group_time]`: the group-time effects."""

    control: Literal["never", "not_yet"] = "never"
    base_period: Literal["varying", "universal"] = "varying"
    anticipation: int = Field(default=0, ge=0)
    unbalanced: Literal["pairwise", "balanced"] = "pairwise"


class ClaimsSection(_Section):
    """`[claims]`: published claims to audit, and the amounts that were published with them."""

    file: str
    budget: str | None = None


class Study(_Section):
    """A whole study.toml.

    A study has firms (one firm-year file under `data`, or the files that every evaluation has: `customs`, `roster`,
    `register`, `budget`), or published `claims`, or both.
    """

    study: StudySection
    data: DataSection | None = None
    panel: PanelSection | None = None
    derive: dict[str, Derivation] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    match: MatchSection | None = None
    outcome: tuple[OutcomeSection, ...] = ()
    regress: RegressSection | None = None
    group_time: GroupTimeSection | None = None
    value: ValueSection | None = None
    cost: tuple[CostSection, ...] = ()
    claims: ClaimsSection | None = None
    customs: CustomsSection | None = None
    roster: RosterSection | None = None
    register_: RegisterSection | None = Field(default=None, alias="register")
    budget: BudgetSection | None = None
    money: MoneySection = MoneySection()
    identifiers: IdentifierSection = IdentifierSection()
    linkage: LinkageSection = LinkageSection()
    outcomes: OutcomesSection | None = None

    @property
    def has_deliveries(self) -> bool:
        """Whether the study's firms come as deliveries: customs, register or roster."""
        return any(s is not None for s in (self.customs, self.register_, self.roster))

    @property
    def evaluates(self) -> bool:
        """Whether an effect is asked for."""
        return self.data is not None or bool(
            self.outcome or self.regress or self.match or self.group_time or self.value
        )

    @property
    def roles(self) -> PanelSection | None:
        """Roles of the columns; those of deliveries are known."""
        if self.panel is not None or not self.has_deliveries:
            return self.panel
        return PanelSection(
            unit="firm_id", time="year", cohort="joined" if self.roster is not None else None
        )

    @property
    def amounts_in(self) -> str:
        """Ending of the names of amounts: `eur`, or `eur_2015`."""
        year = self.money.base_year
        return "eur" if year is None else f"eur_{year}"

    def sources(self) -> PanelSources:
        """What the panel of a study with deliveries is made from."""
        first, last = self.study.first_year, self.study.last_year
        assert first is not None and last is not None
        customs, register = self.customs, self.register_
        return PanelSources(
            first_year=first,
            last_year=last,
            customs=customs is not None,
            register=register is not None,
            roster=self.roster is not None,
            absent="unobserved" if register is None else register.absent,
            active_needs="staff_or_sales" if register is None else register.active_needs,
            minimum_cents=0 if customs is None else round(customs.minimum_value_eur * 100),
            suffix=self.amounts_in,
            outcomes=self.outcome_rules(),
        )

    def outcome_rules(self) -> OutcomeRules | None:
        """What `[outcomes]` declares; None where there is no such section."""
        o = self.outcomes
        if o is None:
            return None
        return OutcomeRules(
            look_back=o.look_back,
            horizons=tuple(sorted(set(o.horizons))),
            sustained=o.sustained,
            home=o.home,
            firms=self.register_ is not None,
            lines=self.customs is not None,
            minimum_cents=0
            if self.customs is None
            else round(self.customs.minimum_value_eur * 100),
        )


def read_study(path: Path) -> tuple[Study | None, list[Fault]]:
    """Read study.toml and list what is wrong with it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Study or None
        The study, also where its only faults are unknown keys, so that its data can be checked in
        the same pass; None where it cannot be understood.
    list of Fault
        Every fault, with its line.

    Raises
    ------
    StudyError
        If the file does not exist or is not TOML.
    """
    name = path.name
    try:
        text = path.read_bytes().decode("utf-8-sig")
        raw = tomllib.loads(text)
    except OSError:
        fault = Fault("the file cannot be read", "give the path of a study.toml", file=str(path))
        raise StudyError("There is no such study.", [fault]) from None
    except UnicodeDecodeError:
        fault = Fault("the file is not UTF-8 text", "save it as UTF-8", file=name)
        raise StudyError("The study cannot be read.", [fault]) from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        row = int(found[1]) if found else None
        fault = Fault(f"not valid TOML: {error}", "correct the line", file=name, row=row)
        raise StudyError("The study cannot be read.", [fault]) from None
    study, faults = _validated(raw, text, name)
    if study is not None:
        faults += _cross_faults(study, text, name)
    if isinstance(raw.get("match"), dict):
        match_faults(_tuples(raw["match"]), _noting(faults, text, name))
    faults += _text_faults(raw, text, name)
    return study, sorted(faults, key=lambda f: f.row or 0)


def _text_faults(raw: Any, text: str, name: str, loc: tuple[int | str, ...] = ()) -> list[Fault]:
    """Words that cannot be printed: curly braces mark numbers, and control characters mark nothing."""
    if isinstance(raw, dict):
        return [f for k, v in raw.items() for f in _text_faults(v, text, name, (*loc, k))]
    if isinstance(raw, (list, tuple)):
        return [f for i, v in enumerate(raw) for f in _text_faults(v, text, name, (*loc, i))]
    if (
        not isinstance(raw, str)
        or loc[-1:] == ("delimiter",)
        or not (set(raw) & set("{}") or any(ord(c) < 32 for c in raw))
    ):
        return []
    return [Fault("curly braces and control characters cannot be printed", "write it without them",
                  file=name, row=line_of(text, loc), column=".".join(map(str, loc)), value=raw)]  # fmt: skip


def _validated(raw: dict[str, Any], text: str, name: str) -> tuple[Study | None, list[Fault]]:
    raw = _tuples(raw)
    try:
        return Study.model_validate(raw), []
    except ValidationError as error:
        problems = error.errors()
    faults = [_fault(problem, text, name) for problem in problems]
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            _remove(raw, problem["loc"])
    try:
        return Study.model_validate(raw), faults
    except ValidationError:
        return None, faults


def _tuples(value: Any) -> Any:
    """Arrays as tuples, so that strict validation of frozen sections accepts them."""
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(v) for v in value)
    return value


def _remove(raw: Any, loc: Sequence[int | str]) -> None:
    for part in loc[:-1]:
        raw = raw[part]
    del raw[loc[-1]]


def _fault(problem: Any, text: str, name: str) -> Fault:
    loc = tuple(problem["loc"])
    key = ".".join(str(p) for p in loc)
    row = line_of(text, loc)
    kind = problem["type"]
    if kind == "extra_forbidden":
        known = _known_keys(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"the keys here are {', '.join(known)}"
        return Fault("this key is unknown", hint, file=name, row=row, column=key,
                     value=problem["input"])  # fmt: skip
    if kind == "missing":
        return Fault("this key is missing", "add it", file=name, row=row, column=key)
    if kind in ("tuple_type", "list_type"):
        return Fault("expected a list", f"write it in brackets: [{_shown(problem['input'])}]", file=name, row=row,
                     column=key, value=problem["input"])  # fmt: skip
    expected = _FORMS.get(problem.get("ctx", {}).get("pattern", ""))
    if expected is not None:
        return Fault(f"expected {expected}", "correct the value", file=name, row=row, column=key,
                     value=problem["input"])  # fmt: skip
    return Fault(problem["msg"][0].lower() + problem["msg"][1:], "correct the value", file=name,
                 row=row, column=key, value=problem["input"])  # fmt: skip


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


_FORMS = {
    MEMORY: 'a size of memory, such as "500MB" or "2GB"',
    r"^[A-Z]{3}$": 'the three capital letters of a currency, such as "USD"',
    r"^[A-Z]{2}$": 'the two capital letters of a country, such as "CO"',
    r"^[a-z][a-z0-9_]*$": "small letters, digits and underscores, a letter first",
}
"""Patterns of values -> what a person is told."""


def _known_keys(loc: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = Study
    for part in loc:
        names = {f.alias or name: f for name, f in model.model_fields.items()}
        if isinstance(part, int) or part not in names:
            continue
        found = list(_models(names[part].annotation))
        if found:
            model = found[0]
    return [f.alias or name for name, f in model.model_fields.items()]


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


def line_of(text: str, loc: Sequence[int | str]) -> int | None:
    """Line of a key in a TOML text, counted from 1; the line of its table where the key is absent.

    Examples
    --------
    >>> line_of("[study]\\nname = 'x'\\n[[outcome]]\\n[[outcome]]\\nunit = 1", ("outcome", 1, "unit"))
    5
    """
    tables = [str(p) for p in loc if not isinstance(p, int)]
    index = next((p for p in loc if isinstance(p, int)), 0)
    seen: dict[str, int] = {}
    here: list[str] = []
    current = 0
    best: int | None = None
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        header = re.fullmatch(r"\[(\[)?\s*([\w.\"' -]+?)\s*\]?\]\s*(#.*)?", stripped)
        if header:
            here = [p.strip().strip("\"'") for p in header[2].split(".")]
            if header[1]:
                seen[header[2]] = seen.get(header[2], -1) + 1
                current = seen[header[2]]
            else:
                current = 0
            wanted = tables[: len(here)] == here and current == index
            if wanted and len(here) > depth:
                best, depth = number, len(here)
            continue
        key = re.match(r"([\w.\"'-]+)\s*=", stripped)
        if key:
            full = [*here, *(p.strip("\"'") for p in key[1].split("."))]
            if tables[: len(full)] == full and current == index and len(full) > depth:
                best, depth = number, len(full)
    return best


def _noting(faults: list[Fault], text: str, name: str) -> Callable[..., None]:
    """A function that appends a fault, with the line of its key."""

    def add(loc: Sequence[int | str], problem: str, remedy: str, value: object = None) -> None:
        key = ".".join(str(p) for p in loc)
        faults.append(Fault(problem, remedy, file=name, row=line_of(text, loc), column=key,
                            value=value))  # fmt: skip

    return add


def _cross_faults(study: Study, text: str, name: str) -> list[Fault]:
    """Names that refer to nothing, and sections that need one another."""
    faults: list[Fault] = []
    add = _noting(faults, text, name)
    if study.data is None and study.claims is None and not study.has_deliveries:
        add(("study",), "the study has neither [data] nor [claims], and no deliveries",
            "add [data], or [customs], [register] and [roster], or [claims]")  # fmt: skip
    if study.data is not None or study.has_deliveries:
        _period_faults(study, add)
        _file_faults(study, add)
    if study.outcomes is not None:
        _outcome_faults(study, add)
    if study.data is not None and not study.has_deliveries:
        _data_faults(study, add)
    if study.evaluates and not faults:
        _section_faults(study, add)
        _name_faults(study, add)
    return faults


def _period_faults(study: Study, add: Any) -> None:
    if study.study.first_year is None or study.study.last_year is None:
        add(
            ("study",), "a study of firms needs the declared period", "add first_year and last_year"
        )
    elif study.study.first_year > study.study.last_year:
        add(("study", "last_year"), "the period ends before it begins", "exchange the years",
            study.study.last_year)  # fmt: skip


def _file_faults(study: Study, add: Any) -> None:
    """Sections on deliveries that do not go together."""
    if study.data is not None and study.has_deliveries:
        add(("data",), "[data] is a firm-year file, and the deliveries make one",
            "keep [data], or [customs], [register] and [roster]")  # fmt: skip
    if study.budget is not None and not study.has_deliveries and study.claims is not None:
        add(("budget",), "[budget] is the programme's own budget",
            'amounts that were published with claims are named under [claims]: budget = "budget.csv"')  # fmt: skip
    if study.roster is not None and study.customs is None and study.register_ is None:
        add(
            ("roster",), "a roster alone has nothing to be linked to", "add [register] or [customs]"
        )
    starts, ends = (
        (None, None) if study.roster is None else (study.roster.starts, study.roster.ends)
    )
    if starts is not None and ends is not None and starts > ends:
        add(("roster", "ends"), "the programme ends before it starts", "exchange the years", ends)
    for section, declared in (("customs", study.customs and study.customs.date_format),
                              ("roster", study.roster and study.roster.date_format)):  # fmt: skip
        if isinstance(declared, str) and known_format(declared) is None:
            add((section, "date_format"), "there is no such form of dates",
                f"choose from {', '.join(DATE_FORMATS)}", declared)  # fmt: skip
    money = study.money
    if money.base_year is not None and money.deflators is None:
        add(("money", "base_year"), "constant euros need price levels",
            "add deflators, or leave base_year out", money.base_year)  # fmt: skip
    if money.rates is not None and money.quoted is None:
        add(("money", "rates"), "which way are the rates quoted?",
            'declare quoted = "currency_per_euro" (1.30 dollars to the euro) or "euro_per_currency"',
            money.rates)  # fmt: skip
    if study.linkage.accept_below is not None and not study.linkage.reason.strip():
        add(("linkage", "accept_below"), "a low linkage is accepted without a reason",
            "say why under [linkage]: reason", study.linkage.accept_below)  # fmt: skip


def _outcome_faults(study: Study, add: Any) -> None:
    """`[outcomes]` is made from shipments or from exports in the register."""
    assert study.outcomes is not None
    if study.customs is None and study.register_ is None:
        add(("outcomes",), "outcomes are made from deliveries, and there are none",
            "add [customs] or [register], or leave [outcomes] out")  # fmt: skip
    if study.customs is None and study.outcomes.home:
        add(("outcomes", "home"), "the home region is one of destinations, which only customs files have",
            "add [customs], or leave home out", ", ".join(study.outcomes.home))  # fmt: skip
    countries = iso_countries()
    for code in study.outcomes.home:
        if code not in countries.alpha3:
            close = difflib.get_close_matches(code.upper(), list(countries.alpha3), n=1)
            near = countries.alpha2.get(code.upper()) or next(iter(close), None)
            hint = (
                f"did you mean '{near}'?"
                if near
                else "write three letters of ISO 3166, such as 'COL'"
            )
            add(
                ("outcomes", "home"),
                "this is no country: destinations are codes of three letters",
                hint,
                code,
            )
    longest = max(study.outcomes.horizons, default=0)
    if study.outcomes.horizons and study.outcomes.sustained > longest + 1:
        add(("outcomes", "sustained"), f"a window of {longest} years after a base year holds no {study.outcomes.sustained} years in a row",
            "write a shorter run, or a longer horizon", study.outcomes.sustained)  # fmt: skip
    if any(h < 0 for h in study.outcomes.horizons):
        add(("outcomes", "horizons"), "a horizon is a number of years after a base year",
            "write 0 or more", ", ".join(map(str, study.outcomes.horizons)))  # fmt: skip


def _data_faults(study: Study, add: Any) -> None:
    data = study.data
    assert data is not None
    if (data.file is None) == (data.package is None):
        add(("data",), "give either file or package, one of the two", "keep one of the keys")
    if study.panel is None:
        add(
            ("data",), "[data] needs [panel]", "add [panel] with unit, time and treatment or cohort"
        )
    elif (study.panel.treatment is None) == (study.panel.cohort is None):
        add(("panel",), "give either treatment or cohort", "keep one of the keys")


def _section_faults(study: Study, add: Any) -> None:
    """What an evaluation cannot do without."""
    at = ("data",) if study.data is not None else ("study",)
    if study.data is None and study.roster is None:
        add(at, "an evaluation needs to know who took part", "add [roster]")
    for section, present in (("outcome", study.outcome), ("regress", study.regress),
                             ("match", study.match), ("group_time", study.group_time)):  # fmt: skip
        if not present:
            add(at, f"an evaluation needs [{section}]", f"add [{section}]")
    if study.value is not None:
        logs = {name: rule.log for name, rule in study.derive.items() if rule.log is not None}
        value_faults(
            study.value,
            has_cost=bool(study.cost),
            has_budget=study.budget is not None,
            logs=logs,
            add=add,
        )
    if len({c.currency for c in study.cost}) > 1:
        add(("cost",), "the costs are in several currencies", "give all in one currency")


_WORDS = ("firm_id", "state", "sector", "region", "country", "size_class")


def _text_columns(study: Study) -> set[str]:
    if study.data is None:
        return set(_WORDS)
    return {*study.data.text, *([study.panel.unit] if study.panel else [])}


def declared_columns(study: Study) -> list[str]:
    """Columns that the firm-year file, or the panel made of deliveries, has."""
    return list(study.data.columns) if study.data is not None else panel_columns(study.sources())


def _name_faults(study: Study, add: Any) -> None:
    """Every name that is used must be a declared or derived column."""
    declared = declared_columns(study)
    known = [*declared, *study.derive]
    rules = study.outcome_rules()
    looking = set() if rules is None else {c.name for c in outcome_columns(rules) if c.joiners}

    def need(loc: Sequence[int | str], used: Iterable[str | None]) -> None:
        for one in used:
            if one is None or one in known:
                continue
            near = difflib.get_close_matches(one, known, n=1)
            where = f"the panel has: {', '.join(declared)}"
            if study.data is not None:
                where = "declare it under [data.columns]"
            hint = f"did you mean '{near[0]}'?" if near else where
            add(loc, "no column of this name is declared or derived", hint, one)

    for made, rule in study.derive.items():
        if len(rule.given) != 1:
            add(("derive", made), "give either log or lag", "keep one of the keys")
        else:
            need(("derive", made), [rule.source])
        if rule.source in _text_columns(study):
            add(("derive", made), "a text column has no logarithm and no lag", "name a number column",
                rule.source)  # fmt: skip
        if made in declared:
            add(("derive", made), "a column of this name is declared already", "rename one", made)
    if study.data is not None:
        need(("data", "text"), study.data.text)
    if study.panel is not None:
        p = study.panel
        for key, value in (("time", p.time), ("treatment", p.treatment), ("cohort", p.cohort)):
            if value is not None and value in _text_columns(study):
                add(
                    ("panel", key), "this column is declared as text", "name a number column", value
                )
        for key, value in (("unit", p.unit), ("time", p.time), ("treatment", p.treatment),
                           ("cohort", p.cohort)):  # fmt: skip
            need(("panel", key), [value])
    if study.match is not None:
        need(("match", "on"), study.match.on)
        need(("match", "exact"), study.match.exact)
        need(("match", "lags"), study.match.paths)
        need(("match", "base_weights"), [study.match.base_weights])
        _matched_columns(study, known, looking, add)
    names = [o.name for o in study.outcome]
    for i, outcome in enumerate(study.outcome):
        need(("outcome", i, "name"), [outcome.name])
        if outcome.name in looking:
            add(("outcome", i, "name"), "this outcome looks ahead of its year, so that the year before joining already holds years of participation",
                "name another here; in Python compare firms in the year of joining: impact.att(matched, outcome, method='at_joining')",
                outcome.name)  # fmt: skip
        if outcome.name in names[:i]:
            add(("outcome", i, "name"), "this outcome stands twice", "keep one", outcome.name)
        need(("outcome", i, "controls"), outcome.controls)
    if study.regress is not None:
        need(("regress", "terms"), study.regress.terms)
        need(("regress", "fixed_effects"), study.regress.fixed_effects)
        need(("regress", "cluster"), [study.regress.cluster])
    if study.value is not None:
        need(
            ("value", "outcomes" if study.value.outcomes else "outcome"),
            list(study.value.columns.values()),
        )


def _matched_columns(study: Study, columns: list[str], looking: set[str], add: Any) -> None:
    first, last = study.study.first_year, study.study.last_year
    assert study.match is not None and first is not None and last is not None
    roles = study.roles
    match_column_faults(
        study.match,
        columns=columns,
        text=_text_columns(study),
        participation=() if roles is None else (roles.treatment, roles.cohort),
        ahead=looking,
        years=last - first + 1,
        add=add,
    )


def used_columns(study: Study) -> list[str]:
    """Every column that the study names, declared or derived."""
    roles = study.roles
    named: list[str | None] = []
    if roles is not None:
        named += [roles.unit, roles.time, roles.treatment, roles.cohort]
    named += [rule.source for rule in study.derive.values()]
    for outcome in study.outcome:
        named += [outcome.name, *outcome.controls]
    if study.match is not None:
        named += study.match.columns
    if study.regress is not None:
        named += [*study.regress.terms, *study.regress.fixed_effects, study.regress.cluster]
    if study.value is not None:
        named += study.value.columns.values()
    return [name for name in dict.fromkeys(named) if name]
