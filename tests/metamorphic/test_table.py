"""The table is whole: no estimator is left out of the suite, no relation is without a test, and each exception is one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from types import FunctionType

import pytest

import impact
from impact.core.errors import ImpactError
from impact.core.registry import METHODS, Method
from impact.estimate.regress_request import FAMILIES
from tests.metamorphic import test_identities, test_relations, test_threads, test_value
from tests.metamorphic.compare import KINDS, Judge
from tests.metamorphic.relations import RELATIONS
from tests.metamorphic.subjects import FURTHER_MATCHES, MODELS, SUBJECTS, UNITS, Formula
from tests.metamorphic.table import APART, asked, reason

ELSEWHERE = {
    15: [test_identities.test_15_one_cohort_and_two_periods_are_two_by_two, test_identities.test_15_growth_is_that_of_the_means],
    17: [test_value.test_17_the_unit_of_money, test_value.test_17_ratios_present_values_and_rates_of_return],
    18: [test_value.test_18_services_add_to_the_programme, test_value.test_18_flows_of_jobs_by_group_add_to_those_of_all],
    19: [test_threads.test_19_threads_and_kernels],
}  # fmt: skip
"""Relations that are not of one estimator and two runs, or have more to them."""
NOT_YET = {
    16: "there is no hazard model and no Cox regression yet: impact.entry and impact.spells make their rows",
    20: "there is no survival curve yet, so nobody is censored and nobody is at risk",
}
"""Relations of estimators that do not exist: `test_what_is_not_there_yet` fails when they do."""
NO_ESTIMATORS = {
    "bacon": "a decomposition of the twfe coefficient, which is run; its parts are held to it in test_bacon.py",
    "hausman": "a test of two models of panel_model, which are run",
    "randomization_test": "a test by estimators that are run: it draws, so that its p-value is no function of the rows alone",
    "wild_bootstrap": "a test by estimators that are run: it draws, so that its p-value is no function of the rows alone",
    "synthetic_weights": "the weights of `synthetic`, which is run",
}
"""Public functions of `impact.estimate` that the relations are not run on."""
RUN = {"att", "regress", "panel_model"}


def not_run(methods: Iterable[Method]) -> list[str]:
    """Registered estimators and methods of match, by the data that they take, that no subject runs."""
    kinds = {"panel": "panel", "matched panel": "matched panel", "matched": "cross-section"}
    missing = []
    for method in methods:
        for data in method.takes:
            ran = [
                s
                for s in SUBJECTS.values()
                if s.kind == kinds.get(data, data)
                and any(u.split("/")[0].split(",")[0] == method.name for u in s.units)
            ]
            if method.verb == "match":
                kind = "matched panel" if data == "panel" else data
                ran = [s for s in SUBJECTS.values() if s.kind == kind and s.method == method.name]
            if not ran:
                missing.append(f"{method.verb} {method.name} on {data}")
    return missing


def test_every_registered_estimator_is_run() -> None:
    assert not_run([*METHODS.of("att"), *METHODS.of("match")]) == []
    verbs = set(METHODS.table()["verb"])
    assert verbs == {"att", "match", "check", "audit"}, "a new verb: does it estimate?"
    for method in METHODS.of("att"):
        subjects = [s for s in SUBJECTS.values() if s.verb == "att" and s.method == method.name]
        if "panel" in method.takes:
            assert {s.family for s in subjects} == set(method.families), method.name
            assert {s.kind for s in subjects} == {"panel", "holes"}, method.name
    for method in METHODS.of("match"):
        subjects = [s for s in SUBJECTS.values() if s.verb == "match" and s.method == method.name]
        found = {s.asked.get("estimand", "ATT") for s in subjects}
        assert found == set(method.estimands), method.name
    assert set(FURTHER_MATCHES) <= {s.name.removeprefix("match, ") for s in SUBJECTS.values()}


def test_an_estimator_that_is_registered_and_not_run_is_noticed() -> None:
    known = METHODS.find("att", "group_time")
    fake = replace(known, name="fake", takes=("panel", "shipments"))
    assert not_run([known]) == []
    assert not_run([fake]) == ["att fake on panel", "att fake on shipments"]
    match = replace(METHODS.find("match", "nearest"), name="fake")
    assert not_run([match]) == ["match fake on cross-section", "match fake on panel"]


def test_every_family_of_regress_and_every_public_estimator_is_run() -> None:
    regressions = [s for s in SUBJECTS.values() if s.verb == "regress"]
    assert {s.family for s in regressions} == set(FAMILIES)
    formulas = [s.asked["formula"] for s in regressions]
    assert all(isinstance(f, Formula) for f in formulas) and any(f.endogenous for f in formulas)
    assert set(MODELS) <= set(inspect.get_annotations(impact.panel_model, eval_str=True)["model"].__args__)  # fmt: skip
    public = {
        name
        for name in impact.__all__
        if isinstance(getattr(impact, name), FunctionType)
        and getattr(impact, name).__module__.startswith("impact.estimate")
    }
    assert public == RUN | set(NO_ESTIMATORS)
    assert all(len(why) > 20 for why in NO_ESTIMATORS.values())


def test_every_relation_of_the_design_has_a_test_or_a_reason() -> None:
    here = {r.number for r in RELATIONS.values()}
    assert here | set(ELSEWHERE) | set(NOT_YET) == set(range(1, 21))
    assert not set(NOT_YET) & (here | set(ELSEWHERE))
    for number, tests in ELSEWHERE.items():
        assert all(t.__name__.startswith(f"test_{number}_") for t in tests)
    for key in RELATIONS:
        assert any(k == key for k, _ in test_relations.CASES), f"{key} is asked of nobody"


def test_what_is_not_there_yet() -> None:
    """The day a hazard model or a survival curve is public, its relations are to be written."""
    coming = re.compile("hazard|cox|kaplan|at_risk|survival_curve|competing|tte")
    assert not [name for name in impact.__all__ if coming.search(name.lower())]


@pytest.mark.parametrize("name", SUBJECTS)
def test_most_relations_are_asked_of_each(name: str) -> None:
    subject = SUBJECTS[name]
    for unit in subject.units:
        held = {RELATIONS[key].number for key in RELATIONS if not reason(unit, key)}
        assert {1, 2, 3} - held <= {2 if "mahalanobis" in unit or "full" in unit else 3}, unit
        assert len(held) >= 5, f"{unit}: {held}"
    assert any(asked(subject, key) for key in RELATIONS)


@pytest.mark.parametrize(("pattern", "key"), APART, ids=[f"{k}-{p}" for p, k in APART])
def test_an_exception_is_one(pattern: str, key: str) -> None:
    """It names units and a relation, gives a reason, and the relation is seen to fail, or to be refused, where it says so."""
    assert key in RELATIONS and len(APART[pattern, key]) > 15
    units = [unit for unit in UNITS if fnmatchcase(unit, pattern)]
    assert units
    relation = RELATIONS[key]
    for unit in (units[0], units[-1]):
        judge = Judge((unit,), relation.tolerance, KINDS[:1])
        for seed in (1, 2, 3, 4):
            try:
                relation.check(UNITS[unit], seed, judge)
            except (AssertionError, ImpactError):
                break
        else:
            pytest.fail(f"{key} holds for {unit}: take the exception out")
