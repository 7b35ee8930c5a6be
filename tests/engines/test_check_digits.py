"""Check digits: worked by hand, and what is said when python-stdnum is absent."""

from __future__ import annotations

import sys

import pytest

from impact.core.errors import MissingEngine, StudyError
from impact.engines.check_digits import FIRM_NUMBERS, is_installed, kinds, valid_numbers


def test_colombian_nit_against_its_formula_by_hand() -> None:
    """NIT 800 197 268: times 41 37 29 23 19 17 13 7 3: 328+0+0+23+171+119+26+42+24 = 733 = 66 * 11 + 7; digit 11 - 7 = 4."""
    numbers = [f"800197268{d}" for d in range(10)]
    assert valid_numbers(numbers, "co.nit").tolist() == [d == 4 for d in range(10)]


def test_chilean_rut_against_its_formula_by_hand() -> None:
    """RUT 12 531 909: digits from the right times 2 3 4 5 6 7 2 3 give 9*2+0*3+9*4+1*5+3*6+5*7+2*2+1*3 = 119; 11 - 119 % 11 = 2."""
    numbers = [f"12531909{d}" for d in "0123456789K"]
    assert valid_numbers(numbers, "cl.rut").tolist() == [d == "2" for d in "0123456789K"]


def test_peruvian_ruc_against_its_formula_by_hand() -> None:
    """RUC 2010007097: weights 5 4 3 2 7 6 5 4 3 2 give 10+0+3+0+0+0+35+0+27+14 = 89; 11 - 89 % 11 = 10, written 0."""
    numbers = [f"2010007097{d}" for d in range(10)]
    assert valid_numbers(numbers, "pe.ruc").tolist() == [d == 0 for d in range(10)]


def test_every_country_in_the_table_has_a_number_that_can_be_tested() -> None:
    assert set(FIRM_NUMBERS.values()) <= set(kinds())
    assert all(kind.split(".")[0].strip("_") == land.lower() for land, kind in FIRM_NUMBERS.items())


@pytest.mark.parametrize("kind", sorted(FIRM_NUMBERS.values()))
def test_hostile_text_is_no_number(kind: str) -> None:
    hostile = ["", "\x00", "=1+1", "٣" * 11, "a" * 1000, "\ud800", "🙂", "²" * 10, "K", "-"]
    assert not valid_numbers(hostile, kind).any()


def test_no_numbers_give_no_answers() -> None:
    assert valid_numbers([], "co.nit").tolist() == []


def test_an_unknown_kind_is_refused_with_the_near_ones() -> None:
    with pytest.raises(StudyError, match=r"no kind of identifier 'co\.nitt'.*co\.nit"):
        valid_numbers(["1"], "co.nitt")


@pytest.mark.parametrize("kind", ["os", "util", "../os", "co", "", "stdnum.co.nit"])
def test_nothing_but_a_kind_of_number_is_imported(kind: str) -> None:
    with pytest.raises(StudyError):
        valid_numbers(["1"], kind)


def test_without_stdnum_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stdnum", None)
    assert not is_installed()
    with pytest.raises(MissingEngine, match=r"impact\[identifiers\]"):
        valid_numbers(["1"], "co.nit")


def test_the_library_is_loaded_only_when_used() -> None:
    import subprocess

    code = "import sys, impact.engines.check_digits, impact.validate.identifiers; print('stdnum' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
