"""Which relation holds for which estimator: all that are not excepted here, each with its reason."""

from __future__ import annotations

from fnmatch import fnmatchcase

from impact.core.registry import METHODS
from tests.metamorphic.relations import FAR, RELATIONS
from tests.metamorphic.subjects import UNITS, Subject

RIDGE = "its ridge grows with the spread of yearly changes and the number of participants (Arkhangelsky et al. 2021, section 2)"
LEVELS = "the mean is a product of levels, not a sum"
POSITIVE = "amounts are not below 0"
YES = "the outcome is yes or no, and has neither unit nor origin"
ORDER = "without a score, participants choose in the order of their identifiers; with one (`mahalanobis, by score`) names are nothing"
TIES = "partings with the same total distance, many on a line of scores, are told apart by the order of identifiers, as its notes say"
LONE = "a set with one firm of an arm has no spread within it and is a cluster of its own; with twins it has two"
BORDERS = "its borders are quantiles, which lie elsewhere among twice as many firms"
SETS = (
    "its clusters are the matched sets, which clusters of the caller's own may not cut: it refuses"
)
NEIGHBOURS = "its two nearest are a firm and its twin, not two firms"
COMPONENTS = "firm means weigh by variance components, which are corrected for the number of firms and of rows"
COHORTS = "with effects of cohorts instead of firms every row tells; with effects='firm' (`etwfe, never`) the relation holds"
BASE = "it compares with the year before joining, or one window of years, not with all years before"
REFUSES = "it refuses the column by name instead of leaving it out"
POISSON = "*Poisson*"
APART: dict[tuple[str, str], str] = {
    # names
    ("*/mahalanobis", "2"): ORDER,
    # unit and origin of the outcome
    ("*logit*", "3"): YES,
    ("*logit*", "4 constant"): YES,
    ("*logit*", "4 firms"): YES,
    (POISSON, "4 constant"): LEVELS,
    ("regress, poisson", "4 constant"): LEVELS,
    (POISSON, "4 firms"): LEVELS,
    ("regress, poisson", "4 firms"): LEVELS,
    ("synthetic*", "4 firms"): f"{RIDGE}; firm effects alone change nothing",
    ("etwfe, holes", "4 firms"): COHORTS,
    ("group_time, cross-sections, holes", "4 firms"): "rows are taken as firms of one year, so no firm has a level of its own",
    ("at_joining/*", "4 firms"): "it compares levels in the year of joining",
    ("regress, least squares*", "4 firms"): "without effects of firms their levels are in the terms",
    ("panel_model, random", "4 firms"): "years have no effects of their own, and levels of firms are in the terms",
    ("panel_model, first_difference", "4 firms"): "years have no effects of their own",
    ("panel_model, between", "4 firms"): "it compares the levels of firms",
    ("panel_model, mundlak", "4 firms"): "years have no effects of their own, and levels of firms are in the means",
    # columns that add nothing
    ("panel_model, *", "6 ones"): REFUSES,
    ("panel_model, *", "7"): REFUSES,
    ("regress, least squares*", "6 region"): "without effects of firms those of regions are new terms",
    # firms twice
    ("synthetic*", "8"): RIDGE,
    ("synthetic*", "9"): RIDGE,
    ("imputation, left out*", "8"): "what is left out is a firm's share of its cohort, which halves",
    ("*/coarsened*", "8"): LONE,
    ("*/coarsened*", "9"): LONE,
    ("*/subclass*", "8"): BORDERS,
    ("*/subclass*", "9"): BORDERS,
    ("*/full*", "8"): TIES,
    ("*/full*", "9"): SETS,
    ("*/mahalanobis", "8"): "without a score, twins choose after all others",
    ("*/mahalanobis*", "9"): SETS,
    ("*/nearest", "9"): SETS,
    ("*/optimal", "9"): SETS,
    ("difference/nearest, replaced", "8"): NEIGHBOURS,
    ("difference/nearest, replaced", "9"): "its variance has no clusters: it refuses",
    ("panel_model, random", "8"): COMPONENTS,
    ("panel_model, random", "9"): COMPONENTS,
    # signs
    (POISSON, "11 sign"): POSITIVE,
    ("regress, poisson", "11 sign"): POSITIVE,
    (POISSON, "11 arms"): "a growth is a ratio: that of the one arm to the other is not minus that of the other to the one",
    ("etwfe, logit", "11 arms"): "it is the effect on the participants' shares, which are not those of the others",
    ("dose*", "11 arms"): "firms that never join have no dose",
    ("synthetic*", "11 arms"): "the mean of one arm is compared with weighted firms of the other",
    ("imputation, left out*", "11 arms"): "the mean of a cohort is taken without the firm itself, that of the others is not",
    ("dose", "11 time"): BASE,
    ("group_time*", "11 time"): BASE,
    ("interaction_weighted", "11 time"): BASE,
    ("etwfe, never", "11 time"): BASE,
    ("stacked", "11 time"): BASE,
    ("switching", "11 time"): BASE,
    ("synthetic", "11 time"): "years before joining are weighted, years after it are not",
    ("imputation, Poisson", "11 time"): LEVELS,
    ("etwfe, Poisson", "11 time"): LEVELS,
    ("two_by_two, Poisson", "11 time"): LEVELS,
    ("etwfe, logit", "11 time"): "it is the effect on the participants' shares, those of the years after",
    # firms that tell nothing
    ("etwfe", "12 once"): COHORTS,
    ("etwfe, holes", "12 once"): COHORTS,
    ("etwfe, Poisson", "12 once"): COHORTS,
    ("etwfe, logit", "12 once"): COHORTS,
    ("group_time, cross-sections*", "12 once"): "each row is a firm of one year, which tells as much as any",
    ("regress, least squares*", "12 once"): "without effects of firms every row tells",
    ("regress, logit", "12 once"): "its effects are those of regions, within which a lone row tells",
    ("panel_model, random", "12 once"): "levels of firms are in the terms",
    ("panel_model, between", "12 once"): "it compares the levels of firms",
    ("panel_model, mundlak", "12 once"): "levels of firms are in the means",
    ("etwfe, logit", "12 zeros"): COHORTS,
    # outcomes that are not used
    ("twfe*", "14"): "it compares with firms that joined before the data, which is why it is printed beside its decomposition alone",
    ("difference/nearest, replaced", "14"): "firms that serve nobody tell how noisy those are that do (Abadie and Imbens 2006)",
    # sums
    ("synthetic*", "18 sums"): "the weights of firms and years follow the outcome",
    (POISSON, "18 sums"): LEVELS,
    ("regress, poisson", "18 sums"): LEVELS,
    ("*logit*", "18 sums"): YES,
    ("panel_model, random", "18 sums"): "the weight of firm means follows the outcome",
}  # fmt: skip
"""Unit (a pattern as of file names) and key of the relation, and why it does not hold. Each is seen to fail in `test_table.py`."""


EVERYBODY = ("cbps", "entropy", "full", "ipw", "subclass")
"""Methods of match that use every firm of a cross-section."""


def takes(subject: Subject, ability: str) -> bool:
    """Whether a method of panels uses covariates, or weights."""
    return bool(getattr(METHODS.find("att", subject.method), ability))


def has_no_such_input(subject: Subject, key: str) -> str:
    """Why what the relation changes is nothing that the estimator takes; empty where it takes it."""
    att = subject.verb == "att"
    if key in ("5", "6 ones", "7") and att and not takes(subject, "covariates"):
        return "the method takes no covariates"
    if key == "10" and (subject.verb in ("match", "panel_model") or not takes_weights(subject)):
        return "the method takes no weights"
    if key == "6 region" and subject.verb != "regress":
        return "the method takes no further fixed effects"
    if key == "4 firms" and subject.cross:
        return "a cross-section has one row of each firm, and no years"
    if key == "11 arms" and of_participants(subject):
        return "the ATT of arms that change places is the effect on the comparison firms (ATC), which no method offers"
    if key == "11 time" and (subject.verb != "att" or subject.kind == "holes"):
        return "a relation of whole panels"
    if key == "12 zeros" and subject.family == "gaussian":
        return "least squares have use for a firm whose outcome is 0"
    if key == "14" and subject.cross and subject.method in EVERYBODY:
        return "every firm has a weight or a set"
    if key == "13" and subject.verb != "match":
        return "nobody is matched"
    if key == "13" and subject.method not in FAR:
        return "the method has no caliper, limits or cells that leave firms out"
    return ""


def of_participants(subject: Subject) -> bool:
    """Whether a match is for the ATT."""
    return subject.verb == "match" and subject.asked.get("estimand", "ATT") == "ATT"


def takes_weights(subject: Subject) -> bool:
    return subject.verb == "regress" or takes(subject, "weights")


def reason(unit: str, key: str) -> str:
    """Why the relation is not asked of the unit; empty where it is."""
    found = [why for (pattern, k), why in APART.items() if k == key and fnmatchcase(unit, pattern)]
    return found[0] if found else has_no_such_input(UNITS[unit], key)


def asked(subject: Subject, key: str) -> tuple[str, ...]:
    """The units of a subject that a relation is asked of."""
    assert key in RELATIONS
    return tuple(unit for unit in subject.units if not reason(unit, key))
