"""Every relation on every estimator, with drawn data: the table of VALIDATION.md ("Metamorphic relations"), at its tolerances.

Who is excepted, and why, stands in `table.APART`; a new estimator of `att` or method of `match` is picked up from the registry.
"""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metamorphic.compare import KINDS, Judge
from tests.metamorphic.relations import RELATIONS
from tests.metamorphic.subjects import OPTIONS, SUBJECTS, VARIANTS
from tests.metamorphic.table import asked

CASES = [(key, name) for key in RELATIONS for name in SUBJECTS if asked(SUBJECTS[name], key)]


def run(key: str, name: str, examples: int) -> None:
    """Draw data from a seed of its own for each case, and compare."""
    subject, relation = SUBJECTS[name], RELATIONS[key]
    plain = subject.kind == "panel" and name not in VARIANTS
    first = zlib.crc32(f"{key} {name}".encode()) % 10_000

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(st.integers(first, first + 10_000))
    def holds(seed: int) -> None:
        averages = KINDS[2 * (seed % 2) :][:2] if plain else KINDS[:1]
        relation.check(subject, seed, Judge(asked(subject, key), relation.tolerance, averages))

    holds()


@pytest.mark.parametrize(("key", "name"), CASES, ids=[f"{k}-{n}" for k, n in CASES])
def test_the_relation_holds(key: str, name: str) -> None:
    run(key, name, 1)


@pytest.mark.proof
@pytest.mark.parametrize(("key", "name"), CASES, ids=[f"{k}-{n}" for k, n in CASES])
def test_the_relation_holds_in_many_draws(key: str, name: str) -> None:
    run(key, name, 20)


def test_options_are_those_of_registered_methods() -> None:
    """A misspelt method would be one that nobody runs."""
    assert set(OPTIONS) <= set(SUBJECTS)


@pytest.mark.parametrize("name", ["regress, fixed effects", "regress, poisson"])
def test_6_an_effect_that_is_constant_within_firms_is_named(name: str) -> None:
    subject = SUBJECTS[name]
    two = subject.fit(subject.drawn(1), effects=["region"])
    Judge(subject.units, 0.0).said(two, "region")
