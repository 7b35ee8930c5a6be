"""Each relation says no to an estimator with a fault that it is there to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from impact.estimate.effect import EffectResult
from tests.metamorphic.compare import KINDS, Judge
from tests.metamorphic.relations import RELATIONS
from tests.metamorphic.subjects import SUBJECTS, Answers, Subject
from tests.metamorphic.table import asked

Run = Callable[..., Answers]
Fault = Callable[[Run], Run]
"""What turns a right estimator into a wrong one."""


def changed(effect: EffectResult, *, add: float = 0.0, times: float = 1.0, error: float = 1.0) -> EffectResult:  # fmt: skip
    """An effect with another estimate, or another error."""
    table = effect.estimates.copy()
    table["estimate"] = times * table["estimate"] + add
    table["std_error"] = error * table["std_error"]
    table["statistic"] = table["estimate"] / table["std_error"]
    return replace(effect, estimates=table)


def shifted(by: Callable[[Subject, pd.DataFrame, dict[str, Any]], dict[str, float]]) -> Fault:
    """A fault that reads something of the rows, or of what was asked, that it should not."""

    def fault(run: Run) -> Run:
        def wrong(subject: Subject, frame: pd.DataFrame, **more: Any) -> Answers:
            answers = run(subject, frame, **more)
            return {
                unit: changed(effect, **by(subject, frame, more))
                for unit, effect in answers.items()
            }

        return wrong

    return fault


def with_rows(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Fault:
    """A fault that changes the rows before it estimates."""

    def fault(run: Run) -> Run:
        return lambda subject, frame, **more: run(subject, change(frame), **more)

    return fault


def without_words(run: Run) -> Run:
    """Nothing is said of what was dropped."""

    def wrong(subject: Subject, frame: pd.DataFrame, **more: Any) -> Answers:
        answers = run(subject, frame, **more)
        return {u: replace(effect, notes=(), source=None) for u, effect in answers.items()}

    return wrong


def without_options(run: Run) -> Run:
    """The caliper is not looked at."""
    return lambda subject, frame, **more: run(
        subject, frame, **{k: v for k, v in more.items() if not k.startswith("caliper")}
    )


def with_sign_lost(run: Run) -> Run:
    def wrong(subject: Subject, frame: pd.DataFrame, **more: Any) -> Answers:
        answers = run(subject, frame, **more)
        tables = {u: e.estimates.assign(estimate=e.estimates["estimate"].abs()) for u, e in answers.items()}  # fmt: skip
        return {u: replace(e, estimates=tables[u]) for u, e in answers.items()}

    return wrong


def squared(run: Run) -> Run:
    def wrong(subject: Subject, frame: pd.DataFrame, **more: Any) -> Answers:
        answers = run(subject, frame, **more)
        tables = {u: e.estimates.assign(estimate=e.estimates["estimate"] ** 2) for u, e in answers.items()}  # fmt: skip
        return {u: replace(e, estimates=tables[u]) for u, e in answers.items()}

    return wrong


def outcome(subject: Subject, frame: pd.DataFrame) -> pd.Series:
    return frame[subject.asked["formula"].outcome if subject.kind == "regress" else "y"]


first_row = shifted(lambda s, f, m: {"add": 1e-9 * float(outcome(s, f).iloc[0])})
first_name = shifted(lambda s, f, m: {"add": 1e-6 * float(f.groupby("firm")["size"].first().sort_index(key=lambda i: i.astype(str)).iloc[0])})  # fmt: skip
own_unit = shifted(lambda s, f, m: {"add": 0.01})
level = shifted(lambda s, f, m: {"add": 1e-6 * float(outcome(s, f).mean())})
levels = shifted(
    lambda s, f, m: {"add": 1e-6 * float(outcome(s, f).groupby(f["firm"]).mean().std())}
)
covariate = shifted(
    lambda s, f, m: {"add": 1e-6 * float(f["x" if s.kind == "regress" else "size"].mean())}
)
columns = shifted(lambda s, f, m: {"error": np.sqrt(1 + 0.01 * len(m.get("covariates", ())))})
absorbed = shifted(lambda s, f, m: {"error": np.sqrt(1 + 0.01 * len(m.get("effects", ())))})
firms_root = shifted(lambda s, f, m: {"error": 1 / np.sqrt(f["firm"].nunique())})
rows_root = shifted(lambda s, f, m: {"error": 1 / np.sqrt(len(f))})
per_firm = shifted(lambda s, f, m: {"times": 30 / f["firm"].nunique()})
bias = shifted(lambda s, f, m: {"add": 0.1})
noise = shifted(lambda s, f, m: {"add": 1e-6 * float(outcome(s, f).mean())})
no_weights = with_rows(lambda f: f.drop(columns="weight", errors="ignore"))

FAULTS: list[tuple[str, str, Fault]] = [
    ("1", "two_by_two", first_row),
    ("1", "match, nearest", first_row),
    ("2", "two_by_two", first_name),
    ("2", "match, optimal", first_name),
    ("3", "two_by_two", own_unit),
    ("3", "regress, poisson", shifted(lambda s, f, m: {"add": 1e-6 * float(f["count"].sum())})),
    ("4 constant", "regress, least squares", level),
    ("4 firms", "two_by_two", levels),
    ("4 firms", "regress, fixed effects", levels),
    ("5", "two_by_two", covariate),
    ("5", "regress, fixed effects", covariate),
    ("6 ones", "two_by_two", columns),
    ("6 ones", "regress, fixed effects", without_words),
    ("6 region", "regress, fixed effects", absorbed),
    ("7", "two_by_two", without_words),
    ("7", "match, ipw", columns),
    ("8", "two_by_two", firms_root),
    ("8", "regress, least squares", rows_root),
    ("9", "two_by_two", firms_root),
    ("9", "regress, fixed effects", rows_root),
    ("10", "two_by_two", no_weights),
    ("10", "regress, poisson", no_weights),
    ("11 sign", "two_by_two", with_sign_lost),
    ("11 sign", "regress, logit", bias),
    ("11 arms", "two_by_two", bias),
    ("11 arms", "match, ipw, ATE", bias),
    ("11 arms", "regress, fixed effects", bias),
    ("11 time", "two_by_two", bias),
    ("12 once", "two_by_two", per_firm),
    ("12 once", "two_by_two", without_words),
    ("12 once", "regress, fixed effects", without_words),
    ("12 zeros", "regress, poisson", per_firm),
    ("12 zeros", "regress, poisson", without_words),
    ("13", "match, nearest", with_rows(lambda f: f.assign(size=f["size"].clip(upper=2)))),
    ("13", "match, full", without_options),
    ("14", "two_by_two", noise),
    ("14", "match, nearest", noise),
    ("14", "regress, fixed effects", noise),
    ("18 sums", "two_by_two", squared),
]


def judge(key: str, name: str) -> Judge:
    units = asked(SUBJECTS[name], key)
    return Judge(units, RELATIONS[key].tolerance, KINDS[:1])


@pytest.mark.parametrize(("key", "name", "fault"), FAULTS, ids=[f"{k}-{n}" for k, n, _ in FAULTS])
def test_a_wrong_estimator_is_found(key: str, name: str, fault: Fault) -> None:
    subject = SUBJECTS[name]
    check = RELATIONS[key].check
    check(subject, 3, judge(key, name))  # the right one passes on the same data
    with pytest.raises(AssertionError):
        check(replace(subject, run=fault(subject.run)), 3, judge(key, name))


def test_every_relation_has_met_a_wrong_estimator() -> None:
    assert {key for key, _, _ in FAULTS} == set(RELATIONS)
