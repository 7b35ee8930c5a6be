"""The relations of the design (VALIDATION.md, "Metamorphic relations"), each as a function that runs an estimator twice.

A relation that has several sides has a key for each: `11 sign`, `11 arms`, `11 time`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.design.match import MatchResult
from impact.estimate.effect import EffectResult
from tests.metamorphic.compare import Judge, overall
from tests.metamorphic.subjects import Answers, Formula, Subject, panel_rows

Check = Callable[[Subject, int, Judge], None]


@dataclass(frozen=True)
class Relation:
    """A relation, its words and the tolerance of the design."""

    key: str
    words: str
    tolerance: float
    check: Check

    @property
    def number(self) -> int:
        return int(self.key.split()[0])


RELATIONS: dict[str, Relation] = {}


def relation(key: str, words: str, tolerance: float) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        RELATIONS[key] = Relation(key, words, tolerance, check)
        return check

    return keep


# --- what a change of input means for each kind of data -------------------------------------------------------------------------------------


def formula_of(subject: Subject) -> Formula:
    formula = subject.asked["formula"]
    assert isinstance(formula, Formula)
    return formula


def outcome_of(subject: Subject) -> str:
    return formula_of(subject).outcome if subject.kind == "regress" else "y"


def covariate_of(subject: Subject) -> str:
    if subject.kind == "regress":
        return "x"
    return str(subject.asked.get("on", ["size"])[0])


def with_covariate(subject: Subject, frame: pd.DataFrame, *more: str) -> Answers:
    """Fit with a covariate, where the method takes one, and further columns beside it."""
    if subject.kind == "regress":
        return subject.fit(frame, covariates=list(more))
    if subject.verb == "match":
        return subject.fit(frame, covariates=[*subject.asked.get("on", ["size", "age"]), *more])
    return subject.fit(frame, covariates=["size", *more])


def twins(frame: pd.DataFrame) -> pd.DataFrame:
    """Every firm again, under a new name."""
    return pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)], ignore_index=True)


def one_cohort(subject: Subject, seed: int) -> pd.DataFrame:
    """Half of the firms join in year 3 of 6, half never."""
    frame = panel_rows(seed, firms=80 if subject.family == "logit" else 36, cohorts=(3,), never=1)
    if subject.family == "logit":
        frame["y"] = (frame["y"] > frame["y"].median()).astype(float)
    return frame


def moved(subject: Subject, frame: pd.DataFrame, by: object) -> pd.DataFrame:
    name = outcome_of(subject)
    return frame.assign(**{name: frame[name] + by})


# --- 1 to 7: what must not matter ------------------------------------------------------------------------------------------------------------


@relation("1", "rows and columns in another order, the file in parts", 0.0)
def order(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    shuffled = frame.sample(frac=1.0, random_state=seed)[list(frame.columns[::-1])]
    third = len(frame) // 3
    parts = pd.concat([shuffled.iloc[third:], shuffled.iloc[:third]], ignore_index=seed % 2 == 0)
    judge.bytes(subject.fit(frame), subject.fit(parts))


@relation("2", "firms under other names, in another order", 1e-10)
def names(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    other = np.random.default_rng(seed).permutation(1000)
    renamed = frame.assign(firm=[f"x{other[i]}" for i in frame["firm"]])
    judge.same(subject.fit(frame), subject.fit(renamed))


@relation("3", "the outcome times 1000", 1e-10)
def unit(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    name = outcome_of(subject)
    scale = 1.0 if subject.family == "poisson" and subject.kind == "regress" else 1000.0
    thousand = frame.assign(**{name: 1000 * frame[name]})
    judge.same(subject.fit(frame), subject.fit(thousand), scale=scale)


@relation("4 constant", "a constant added to the outcome", 1e-9)
def constant(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    judge.same(subject.fit(frame), subject.fit(moved(subject, frame, 7.0)), without=("Intercept",))


@relation("4 firms", "a constant of each firm and each year added to the outcome", 1e-9)
def constants(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    by = (frame["firm"] % 5) + np.sin(frame["year"])
    judge.same(subject.fit(frame), subject.fit(moved(subject, frame, by)))


@relation("5", "a covariate in another unit, from another origin", 1e-8)
def covariate(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    name = covariate_of(subject)
    other = frame.assign(**{name: 3 - 50 * frame[name]})
    judge.same(
        with_covariate(subject, frame),
        with_covariate(subject, other),
        without=("Intercept", name, f"mean of {name}"),
    )


@relation("6 ones", "a column of ones added", 1e-10)
def ones(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed).assign(ones=1.0)
    two = with_covariate(subject, frame, "ones")
    judge.same(with_covariate(subject, frame), two)
    if subject.method != "exact":  # all firms agree on it, so nothing is dropped
        judge.said(two, "ones")


@relation("6 region", "a fixed effect added that is constant within firms", 1e-10)
def region(subject: Subject, seed: int, judge: Judge) -> None:
    """Without a small-sample factor: that of fixest counts the levels of every effect that is not nested in a cluster, of this one, too."""
    frame = subject.drawn(seed)
    judge.same(subject.fit(frame), subject.fit(frame, effects=["region"]))


@relation("7", "a collinear column added", 1e-8)
def collinear(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    frame["double"] = 2 * frame[covariate_of(subject)]
    two = with_covariate(subject, frame, "double")
    judge.same(with_covariate(subject, frame), two)
    if subject.method not in (
        "exact",
        "coarsened",
    ):  # cells of both are those of one: nothing is dropped
        judge.said(two, "double")


# --- 8 to 12: what is counted ----------------------------------------------------------------------------------------------------------------


def _factor(effect: EffectResult, subject: Subject) -> float:
    """The small-sample factor of a regression without effects, by hand."""
    table = effect.estimates
    n, k = float(table["n_obs"].iloc[0]), len(table)
    if subject.asked.get("variance") == "hetero":
        return n / (n - k)
    g = float(table["n_clusters"].iloc[0])
    return g / (g - 1) * (n - 1) / (n - k)


@relation("8", "every firm twice under new names", 1e-8)
def twice(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    one, two = subject.fit(frame), subject.fit(twins(frame))
    error = np.sqrt(0.5)
    if subject.verb == "regress" and "small_sample" not in subject.asked:
        (a,), (b,) = one.values(), two.values()
        error *= np.sqrt(_factor(b, subject) / _factor(a, subject))
    judge.same(one, two, error=error, firms=2)


@relation("9", "every firm, or row, twice in one cluster", 1e-8)
def twice_in_one_cluster(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed).assign(origin=lambda f: f["firm"])
    both = twins(frame)
    rows = subject.verb == "regress" and "as_panel" not in subject.asked
    if rows:
        both = pd.concat([frame, frame], ignore_index=True)
    more = {"small_sample": "none"} if subject.kind == "regress" else {}
    cluster = "firm" if rows else "origin"
    one, two = (subject.fit(f, cluster=cluster, **more) for f in (frame, both))
    judge.same(one, two, firms=2)


@relation("10", "weight 2, or the firm or row twice", 1e-10)
def weight(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    heavy = frame["firm"] % 3 == 0
    again = frame[heavy].assign(firm=frame["firm"] + 1000)
    if subject.kind == "regress" and "as_panel" not in subject.asked:
        heavy = pd.Series(np.arange(len(frame)) % 3 == 0, index=frame.index)
        again = frame[heavy]
    weighted = frame.assign(weight=np.where(heavy, 2.0, 1.0))
    both = pd.concat([frame, again], ignore_index=True)
    judge.same(subject.fit(weighted), subject.fit(both), estimate_only=True)


@relation("11 sign", "the outcome with the other sign, or no for yes", 1e-10)
def sign(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    name = outcome_of(subject)
    other = 1 - frame[name] if subject.family == "logit" else -frame[name]
    judge.same(subject.fit(frame), subject.fit(frame.assign(**{name: other})), scale=-1.0)


@relation("11 arms", "participants and comparison firms change places", 1e-10)
def arms(subject: Subject, seed: int, judge: Judge) -> None:
    if subject.kind == "regress":
        frame = subject.drawn(seed)
        one, two = subject.fit(frame), subject.fit(frame.assign(d=1 - frame["d"]))
        judge.same(one, two, minus=("d", "mean of d"), without=("Intercept",))
    elif subject.cross:
        frame = subject.drawn(seed)
        one, two = subject.fit(frame), subject.fit(frame.assign(joins=1 - frame["joins"]))
        judge.same(one, two, scale=-1.0, firms=None)
    else:
        frame = one_cohort(subject, seed)
        swapped = frame["joined"].map({3.0: np.nan}).where(frame["joined"].notna(), 3.0)
        one, two = subject.fit(frame), subject.fit(frame.assign(joined=swapped))
        judge.same(one, two, scale=-1.0)


@relation("11 time", "time runs backwards: before and after change places", 1e-10)
def backwards(subject: Subject, seed: int, judge: Judge) -> None:
    frame = one_cohort(subject, seed)
    # Years 1 and 2 were before joining; backwards they are 6 and 5, and the programme is what happened then.
    back = frame.assign(year=7 - frame["year"], joined=frame["joined"].map({3.0: 5.0}))
    more = {"cohort": 5} if "cohort" in subject.asked else {}
    one, two = (
        {unit: overall(effect) for unit, effect in answers.items()}
        for answers in (subject.fit(frame), subject.fit(back, **more))
    )
    judge.same(one, two, scale=-1.0, estimate_only=True, by_place=True)


def left_out(effect: EffectResult) -> int:
    """Rows that the match left out, or firms that the notes say were left out."""
    if isinstance(effect.source, MatchResult):
        read, used = re.findall(r"rows (?:read|used): ([\d,]+)", str(effect.source.ledger))
        return int(read.replace(",", "")) - int(used.replace(",", ""))
    return sum(int(n) for note in effect.notes for n in re.findall(r"firms: (\d+)", note))


@relation("12 once", "firms that tell nothing added: seen once, or of unknown size", 1e-9)
def once(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    some = frame[frame["joined"].isna() & (frame[outcome_of(subject)] > 0)]
    some = some.groupby("firm").tail(1).head(3)
    alone = some.assign(firm=some["firm"] + 5000)
    if subject.cross:
        alone = alone.assign(**dict.fromkeys(("size", "age", "sector"), np.nan))
    one, two = subject.fit(frame), subject.fit(pd.concat([frame, alone], ignore_index=True))
    judge.same(
        one, two, firms=None, p_value=False
    )  # of which the clusters, and with them t, are more
    if subject.verb == "regress":
        judge.said(two, "3 levels of firm have a single row")
    elif subject.verb != "panel_model":
        for unit in judge.units:
            more = left_out(two[unit]) - left_out(one[unit])
            assert more in (3, 6), (
                f"{unit}: {more} more are said to be left out, not 3"
            )  # stacks: once more


@relation("12 zeros", "firms whose outcome is always 0 added", 1e-9)
def zeros(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    firms = frame.loc[frame["joined"].isna(), "firm"].unique()[:3]
    nothing = frame[frame["firm"].isin(firms)]
    nothing = nothing.assign(firm=nothing["firm"] + 5000, region=99)
    nothing[outcome_of(subject)] = 0.0
    one, two = subject.fit(frame), subject.fit(pd.concat([frame, nothing], ignore_index=True))
    judge.same(one, two, firms=None)
    if subject.kind == "regress":
        already = int((frame.groupby("firm")[outcome_of(subject)].max() == 0).sum())
        logit = subject.family == "logit"
        judge.said(two, "1 level of region" if logit else f"{3 + already} levels of firm")


# --- 13 and 14: who is not compared ----------------------------------------------------------------------------------------------------------

FAR = {
    "nearest": {"distance": "size", "caliper": 1.5, "caliper_scale": "raw"},
    "optimal": {"distance": "size", "caliper": 1.5, "caliper_scale": "raw"},
    "full": {"distance": "size", "caliper": 1.5, "caliper_scale": "raw"},
    "coarsened": {"cutpoints": {"size": [-1.0, 0.0, 1.0, 4.0], "age": [0.0]}},
    "exact": {},
    "ipw": {"distance": "chance", "trim": (0.1, 0.9)},
}
"""How a method of `match` is told to leave firms out that are far off."""


@relation("13", "comparison firms far off added, with a caliper", 0.0)
def far(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    frame["chance"] = 1 / (1 + np.exp(0.5 - 0.5 * frame["size"]))
    nobody = frame[frame["joined"].isna()]
    some = nobody[nobody["firm"].isin(nobody["firm"].unique()[:4])]
    away = some.assign(
        firm=some["firm"] + 5000, size=40.0 + some["size"], chance=0.999, sector=9, y=some["y"] + 99
    )
    asked = FAR[subject.method]
    one = subject.fit(frame, **asked)
    two = subject.fit(pd.concat([frame, away], ignore_index=True), **asked)
    judge.bytes(one, two, ["term", "estimate"])


@relation("14", "noise in outcomes that are never used", 0.0)
def unused(subject: Subject, seed: int, judge: Judge) -> None:
    """Of firms that joined before the data; of firms that were not matched; of rows whose terms are not known."""
    frame = subject.drawn(seed)
    rng = np.random.default_rng(seed)
    if subject.kind == "regress":
        gone = rng.random(len(frame)) < 0.1
        frame["x"] = frame["x"].where(~gone)
        name = outcome_of(subject)
        noise = rng.permutation(frame[name].to_numpy())
        other = frame.assign(**{name: np.where(gone, noise, frame[name])})
        judge.bytes(subject.fit(frame), subject.fit(other))
    elif subject.cross:
        one = subject.fit(frame)
        match = one[judge.units[0]].source
        assert isinstance(match, MatchResult)
        idle = (match.weights == 0).reindex(frame["firm"]).to_numpy()
        assert idle.any(), "everybody is used"
        noise = rng.normal(scale=50, size=len(frame))
        judge.bytes(one, subject.fit(frame.assign(y=frame["y"] + idle * noise)))
    else:
        few = frame[frame["firm"] < 4]
        early = few.assign(firm=few["firm"] + 500, joined=1.0, hours=5.0)
        noise = rng.uniform(0, 50, size=len(early))
        if subject.family == "logit":
            noise = rng.integers(0, 2, size=len(early))
        one, two = (subject.fit(pd.concat([frame, early.assign(y=y)])) for y in (early["y"], noise))
        judge.bytes(one, two)


@relation("18 sums", "the effect on a sum is the sum of the effects", 1e-9)
def sums(subject: Subject, seed: int, judge: Judge) -> None:
    frame = subject.drawn(seed)
    name = outcome_of(subject)
    part = np.random.default_rng(seed).normal(size=len(frame)) + 0.5 * frame["size"]
    whole, first, second = (
        subject.fit(frame.assign(**{name: y})) for y in (frame[name], part, frame[name] - part)
    )
    for unit_name in judge.units:
        a, b, c = (
            answers[unit_name].estimates.set_index("term")["estimate"]
            for answers in (whole, first, second)
        )
        off = (a - b - c).abs() / np.maximum(1.0, a.abs())
        assert (a.isna() == (b + c).isna()).all() and off.max() <= judge.tolerance, (
            f"{unit_name}: a sum is off by {off.max():.2g}"
        )
