"""Linkage: counts by hand, limits at their edges, causes that were put in, and what must never change."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import DataError, StudyError
from impact.validate.linkage import Linkage, link
from impact.validate.linkage_causes import guess_cause
from impact.validate.linkage_steps import (
    CUSTOMS_TO_REGISTER,
    NO_SHIPMENT,
    NOT_IN_REGISTER,
    NOT_THAT_YEAR,
    REGISTER_TO_CUSTOMS,
    ROSTER_TO_CUSTOMS,
    ROSTER_TO_REGISTER,
    SOMETIMES,
    UNDATED,
)


def roster(firms: list[str], years: int | list[int | None] = 2010) -> pd.DataFrame:
    joined = years if isinstance(years, list) else [years] * len(firms)
    return pd.DataFrame({"firm_id": pd.Series(firms, dtype="str"), "joined_year": pd.array(joined, "Int64")})  # fmt: skip


def firm_years(rows: list[tuple[str, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "firm_id": pd.Series([f for f, _ in rows], dtype="str"),
            "year": pd.Series([y for _, y in rows], dtype="int64"),
        }
    )


def numbers(n: int, start: int = 0, step: int = 7919) -> list[str]:
    """Nine-digit identifiers that are not dense, so that nothing matches by chance."""
    return [f"{10_000_019 + (start + i) * step * 13:09d}" for i in range(n)]


def rows(found: Linkage, step: str, arm: str = "participants") -> list[list[object]]:
    table = found.table[(found.table["step"] == step) & (found.table["arm"] == arm)]
    cells = table[["year", "firms", "matched", "unmatched", "why"]].astype(object)
    return cells.where(cells.notna(), None).values.tolist()  # type: ignore[no-any-return]


REGISTER = firm_years([("A", 1), ("A", 2), ("B", 1), ("C", 2), ("D", 1), ("D", 2), ("D", 3)])
CUSTOMS = firm_years([("A", 1), ("A", 2), ("B", 2), ("D", 2), ("X", 1), ("X", 2), ("E", 2), ("E", 4), ("G", 4)])  # fmt: skip
ROSTER = roster(["A", "B", "X", "A", "Z"], [2, 1, 2, 1, None])


def test_every_step_by_hand() -> None:
    """Participants A (joined 1, its earliest year), B (1), X (2), Z (year unknown); customs have no year 3, the register no year 4."""
    found = link(ROSTER, REGISTER, CUSTOMS)
    assert rows(found, ROSTER_TO_REGISTER) == [
        [1, 2, 2, 0, ""],
        [2, 1, 0, 1, f"1 {NOT_IN_REGISTER}"],
        [None, 4, 2, 2, f"2 {NOT_IN_REGISTER}"],
    ]
    assert rows(found, ROSTER_TO_REGISTER, UNDATED) == [[None, 1, 0, 1, f"1 {NOT_IN_REGISTER}"]]
    ships = "matched: with shipments; no limit applies"
    assert rows(found, REGISTER_TO_CUSTOMS) == [[1, 2, 1, 1, ships], [2, 1, 1, 0, ships]]
    assert rows(found, REGISTER_TO_CUSTOMS, "others") == [
        [1, 1, 0, 1, ships],
        [2, 2, 1, 1, ships],
        [3, 1, None, None, "no customs data in this year"],
    ]
    assert rows(found, CUSTOMS_TO_REGISTER) == [
        [1, 2, 1, 1, f"1 {NOT_IN_REGISTER}"],
        [2, 3, 1, 2, f"1 {NOT_IN_REGISTER}; 1 {NOT_THAT_YEAR}"],
        [None, 3, 2, 1, f"1 {NOT_IN_REGISTER}"],
    ]
    assert rows(found, CUSTOMS_TO_REGISTER, "others") == [
        [2, 2, 1, 1, f"1 {NOT_IN_REGISTER}"],
        [4, 2, None, None, "no register data in this year"],
        [None, 2, 1, 1, f"1 {NOT_IN_REGISTER}"],
    ]


def test_the_unmatched_are_named_with_their_reason() -> None:
    found = link(ROSTER, REGISTER, CUSTOMS)
    assert found.unmatched.values.tolist() == [
        ["X", "participants", ROSTER_TO_REGISTER, f"{NOT_IN_REGISTER}; in the customs data"],
        ["Z", "participants", ROSTER_TO_REGISTER, NOT_IN_REGISTER],
        ["B", "participants", CUSTOMS_TO_REGISTER, SOMETIMES],
        ["X", "participants", CUSTOMS_TO_REGISTER, NOT_IN_REGISTER],
        ["E", "others", CUSTOMS_TO_REGISTER, NOT_IN_REGISTER],
    ]
    assert found.unlinked_participants.tolist() == ["X", "Z"]
    text = "\n".join(map(str, found.notices))
    assert "1 firm of the roster without a year of joining" in text
    assert "1 firm of the roster in the customs data and not in the register" in text


def test_a_year_without_customs_data_is_missing_and_not_zero() -> None:
    found = link(ROSTER, REGISTER, CUSTOMS).table
    year = found[(found["step"] == REGISTER_TO_CUSTOMS) & (found["year"] == 3)]
    assert year["share"].isna().all() and year["matched"].isna().all()
    none = link(roster(["A"]), REGISTER, firm_years([]))
    assert none.table.loc[none.table["step"] == REGISTER_TO_CUSTOMS, "share"].isna().all()
    assert "not exports of 0" in str(none.notices[0])


def test_without_a_register_the_roster_is_looked_for_in_the_customs_data() -> None:
    found = link(ROSTER, None, CUSTOMS)
    assert rows(found, ROSTER_TO_CUSTOMS)[-1] == [None, 4, 3, 1, f"1 {NO_SHIPMENT}"]
    assert found.unlinked_participants.tolist() == ["Z"]
    assert set(found.table["step"]) == {ROSTER_TO_CUSTOMS}


def test_what_is_given_is_not_changed_and_repetitions_count_once() -> None:
    before = [frame.copy() for frame in (ROSTER, REGISTER, CUSTOMS)]
    once = link(ROSTER, REGISTER, CUSTOMS)
    for frame, copy in zip((ROSTER, REGISTER, CUSTOMS), before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)
    twice = link(*(pd.concat([f, f.iloc[::-1]]) for f in (ROSTER, REGISTER, CUSTOMS)))
    pd.testing.assert_frame_equal(twice.table, once.table)
    pd.testing.assert_frame_equal(twice.unmatched, once.unmatched)


def test_rows_without_a_firm_link_to_nothing_and_are_counted() -> None:
    register = pd.concat([REGISTER, pd.DataFrame({"firm_id": [None, "Q"], "year": [1, None]})])
    found = link(ROSTER, register, None)
    assert rows(found, ROSTER_TO_REGISTER) == rows(link(ROSTER, REGISTER, None), ROSTER_TO_REGISTER)
    assert any("register without a firm or a year" in n.said and n.rows == 2 for n in found.notices)


def test_summary_and_tidy() -> None:
    found = link(ROSTER, REGISTER, CUSTOMS)
    lines = found.summary().splitlines()
    assert (
        lines[1]
        == "roster -> register, participants: 2 of 4 firms (50.0%); 2 not in the register in any year"
    )
    assert lines[3].startswith("customs -> register, others: 1 of 2 firms (50.0%)")
    tidy = found.tidy()
    tidy.loc[0, "firms"] = 99
    assert found.table.loc[0, "firms"] == 2


# Limits


def found_of_hundred(matched: int, **limits: float) -> Linkage:
    firms = numbers(100)
    strangers = numbers(300, start=1000)
    return link(roster(firms), firm_years([(f, 2010) for f in firms[:matched] + strangers]), None, **limits)  # fmt: skip


@pytest.mark.parametrize(
    ("matched", "limits", "notices", "faults"),
    [
        (100, {}, 0, 0),
        (90, {}, 0, 0),
        (89, {}, 1, 0),
        (50, {}, 1, 0),
        (49, {}, 0, 1),
        (49, {"accept_below": 0.4}, 1, 0),
        (40, {"accept_below": 0.4}, 1, 0),
        (39, {"accept_below": 0.4}, 0, 1),
        (0, {}, 0, 1),
        (0, {"accept_below": 0.0}, 0, 1),
        (1, {"accept_below": 0.0}, 1, 0),
        (89, {"warn_below": 0.8}, 0, 0),
        (49, {"refuse_below": 0.3}, 1, 0),
    ],
)
def test_limits_at_their_edges(
    matched: int, limits: dict[str, float], notices: int, faults: int
) -> None:
    found = found_of_hundred(matched, **limits)
    assert (len(found.notices), len(found.faults)) == (notices, faults)
    for message in [*found.notices, *found.faults]:
        assert f"{matched} of 100 firms of the roster ({matched}.0%) are in the register" in str(
            message
        )


def test_an_accepted_share_is_repeated_and_a_refused_one_says_what_to_declare() -> None:
    assert "the study accepts this" in found_of_hundred(49, accept_below=0.4).notices[0].said
    assert "linkage.accept_below = 0.49" in found_of_hundred(49).faults[0].remedy
    assert "accept_below" not in found_of_hundred(0).faults[0].remedy


def test_one_bad_year_among_good_ones_is_found() -> None:
    firms = numbers(400)
    joined: list[int | None] = [2010] * 370 + [2011] * 30
    found = link(roster(firms, joined), firm_years([(f, 2010) for f in firms[:380]]), None)
    (fault,) = found.faults
    assert "too few firms of the roster (participants) are in the register in 2011 (10 of 30)" in str(fault)  # fmt: skip
    assert found.notices == ()
    mild = link(roster(firms, joined), firm_years([(f, 2010) for f in firms[:390]]), None)
    assert mild.faults == () and "in 2011 (20 of 30)" in str(mild.notices[0])
    few = link(roster(firms[:385], joined[:385]), firm_years([(f, 2010) for f in firms[:370]]), None)  # fmt: skip
    assert few.faults == () and few.notices == ()


def test_shipping_firms_are_judged_by_arm() -> None:
    firms = numbers(100)
    register = firm_years([(f, 2010) for f in firms])
    shippers = firms[:5] + numbers(20, start=2000)
    found = link(roster(firms[:10]), register, firm_years([(f, 2010) for f in shippers]))
    (fault,) = found.faults
    assert "0 of 20 shipping firms of the others (0.0%) are in the register" in fault.problem
    accepted = link(
        roster(firms[:10]), register, firm_years([(f, 2010) for f in shippers]), accept_below=0.0
    )
    assert accepted.faults == () and "the study accepts this" in accepted.notices[0].said


@pytest.mark.parametrize(
    "limits",
    [
        {"warn_below": 0.4},
        {"warn_below": 1.1},
        {"refuse_below": -0.1},
        {"accept_below": 0.5},
        {"accept_below": -0.1},
        {"accept_below": float("nan")},
        {"warn_below": float("nan")},
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(StudyError, match="linkage"):
        found_of_hundred(49, **limits)


def test_empty_files() -> None:
    assert "holds no firm" in str(link(roster([]), REGISTER, CUSTOMS).faults[0])
    assert "neither a register nor customs" in str(link(ROSTER, None, None).faults[0])
    (fault,) = link(ROSTER, firm_years([]), None).faults
    assert "are in the register, which holds no firm" in str(fault)
    nothing = link(roster([]), firm_years([]), firm_years([]))
    assert nothing.table.empty and nothing.unmatched.empty and nothing.unlinked_participants.empty
    assert list(nothing.table.columns) == list(link(ROSTER, REGISTER, CUSTOMS).table.columns)


def test_a_table_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(DataError, match="register lacks the column 'year'"):
        link(ROSTER, REGISTER.drop(columns="year"), None)


# Causes


def test_a_roster_that_lost_its_zeros_is_refused_with_the_cause() -> None:
    firms = numbers(812)
    assert all(f.startswith("0") for f in firms)
    known = firms[:806] + numbers(500, start=5000)
    found = link(roster([f.lstrip("0") for f in firms]), firm_years([(f, 2010) for f in known]), None)  # fmt: skip
    (fault,) = found.faults
    assert str(fault) == (
        "column 'firm_id': 0 of 812 firms of the roster (0.0%) are in the register; 806 would be if leading zeros were "
        "ignored: the roster has lost them. To mend: declare identifiers.width = 9."
    )
    assert len(found.unlinked_participants) == 812


def causes(missing: list[str], known: list[str]) -> list[tuple[str, int, str]]:
    found = guess_cause(
        pd.Index(missing), pd.Index(known), missing_in="the roster", known_in="the register"
    )
    return [(c.words, c.would_match, c.remedy) for c in found]


def test_zeros_lost_by_the_register() -> None:
    (cause,) = causes(["000123", "004567"], ["123", "4567", "89"])
    assert cause == (
        "leading zeros were ignored: the register has lost them",
        2,
        "declare identifiers.width = 6",
    )


def test_zeros_of_uneven_width_are_taken_away_instead() -> None:
    (cause,) = causes(["123", "4567"], ["00123", "0004567"])
    assert cause[1:] == (2, "declare identifiers.strip_leading_zeros = true")  # fmt: skip


def test_a_check_digit_that_the_roster_dropped() -> None:
    known = [f + "7" for f in numbers(50)]
    first = causes(numbers(30), known)[0]
    assert first == (
        "the last character of the register were a check digit that the roster lacks",
        30,
        "write the identifiers of the register as the roster has them: without the last character",
    )


def test_a_check_digit_that_the_roster_added() -> None:
    first = causes([f + "K" for f in numbers(30)], numbers(50))[0]
    assert first[1:] == (
        30,
        "write the identifiers of the roster as the register has them: without the last character",
    )


def test_zeros_and_check_digit_at_once() -> None:
    first = causes([f.lstrip("0") for f in numbers(30)], [f + "7" for f in numbers(50)])[0]
    assert first[0].startswith("leading zeros were ignored, and the last character of the register")
    assert first[1] == 30


@pytest.mark.parametrize(
    ("missing", "known", "words", "count"),
    [
        (["900-1", "900-2"], ["9001", "9003"], "signs between letters and digits were ignored", 1),
        (["CO9001", "CO-9002"], ["9001", "9002"], "letters in front, such as 'CO', were ignored", 2),
        (["9001"], ["EC9001"], "letters in front, such as 'EC', were ignored", 1),
        (["9O01", "I23", "L55"], ["9001", "123", "155"], "the letters O, I and L were read as the digits 0 and 1", 3),
        (["9001.0", "9002.0"], ["9001", "9002"], "the '.0' of decimal numbers were ignored", 2),
        (["1.23E+09", "9.99E+09"], ["1234567890", "123"], "numbers such as 1.2E+09 were compared by their first digits: a spreadsheet has rounded the roster", 1),
        (["123456789012345000"], ["123456789012345678"], "only 15 digits were compared: a spreadsheet has rounded the roster", 1),
        (["123456789012345678"], ["123456789012345000"], "only 15 digits were compared: a spreadsheet has rounded the register", 1),
        (["20100070", "20512345"], ["20100070970", "20512345671"], "only the first 8 characters were compared: the roster is cut", 2),
        (["20100070970", "20512345671"], ["20100070", "20512345"], "only the first 8 characters were compared: the register is cut", 2),
        (["ab1"], ["AB1"], "capitals and small letters were the same", 1),
    ],
)  # fmt: skip
def test_each_damage_is_recognised(
    missing: list[str], known: list[str], words: str, count: int
) -> None:
    found = {cause: n for cause, n, _ in causes(missing, known)}
    assert found.get(words) == count
    assert all(remedy for *_, remedy in causes(missing, known))


def test_dense_numbers_match_by_chance_and_prove_nothing() -> None:
    known = [str(n) for n in range(1, 5501)]
    assert causes([str(n) for n in range(5501, 5601)], known) == []
    sparse = [str(n * 7919) for n in range(1, 5501)]
    assert causes([n[:-1] for n in sparse[4000:4100]], sparse)[0][1] == 100


def test_long_numbers_of_different_firms_are_not_called_rounded() -> None:
    assert causes(["123456789012345678"], ["123456789012345999"]) == []


def test_nothing_missing_or_nothing_known_has_no_cause() -> None:
    assert causes([], ["1"]) == [] and causes(["1"], []) == [] and causes([], []) == []


def test_a_cause_that_explains_little_is_not_said() -> None:
    firms = numbers(100)
    register = firm_years([(f, 2010) for f in [*firms[:89], "0" + firms[99]]])
    assert "would be if" not in str(link(roster(firms), register, None).notices[0])
    register = firm_years([(f, 2010) for f in [*firms[:89], "0" + firms[99], "0" + firms[98]]])
    assert "2 more would be if leading zeros were ignored: the roster has lost them" in str(
        link(roster(firms), register, None).notices[0]
    )


@given(
    st.lists(st.text(max_size=12), max_size=15, unique=True),
    st.lists(st.text(max_size=12), max_size=15, unique=True),
)
def test_hostile_texts_raise_nothing(missing: list[str], known: list[str]) -> None:
    lost = [m for m in missing if m not in known]
    found = guess_cause(pd.Index(lost, dtype="object"), pd.Index(known, dtype="object"))
    assert all(1 <= cause.would_match <= len(lost) for cause in found)
    frame = pd.DataFrame({"firm_id": pd.Series(known, dtype="object"), "year": 2010})
    start = pd.DataFrame({"firm_id": pd.Series(missing, dtype="object"), "joined_year": 2010})
    assert isinstance(link(start, frame, frame).summary(), str)


# What a review of the messages found


def test_the_examples_of_a_notice_are_said_to_be_the_firms_not_found() -> None:
    (said,) = link(roster(["001", "003", "005"]), firm_years([("001", 1), ("003", 1)]), None).notices  # fmt: skip
    assert str(said) == (
        "column 'firm_id': 2 of 3 firms of the roster (66.7%) are in the register; 1 not found, such as '005'."
    )
    # A is in the register, though not in every year of its shipments: no example of a firm that is not there.
    register = firm_years([("A", 1), ("B", 2), ("C", 1), ("C", 2)])
    ships = firm_years([("A", 1), ("A", 2), ("B", 2), ("X", 2)])
    said = next(n for n in link(roster(["C"]), register, ships).notices if "shipping" in n.said)
    assert said.examples == ("X",) and "; 1 not found" in said.said


def test_a_cause_that_makes_several_firms_one_is_not_offered() -> None:
    dense = [
        f"{n}" for n in range(90001, 90031)
    ]  # without the last character: 9000, 9001, 9002, 9003
    assert causes(dense, ["9000", "9001", "9002"]) == []
    assert causes(["9000", "9001", "9002"], dense) == []
    assert causes(["1.23E+09"], ["1234567890", "1230000007"]) == []
    # Two of the three collide; the third is one to one.
    ((words, count, _),) = causes(["0123", "00123", "045"], ["123", "45"])
    assert words.startswith("leading zeros were ignored") and count == 1


def test_a_key_is_a_remedy_only_where_it_mends_all_files_at_once() -> None:
    lost, known = pd.Index(["123", "4567"]), pd.Index(["000123", "004567"])

    def remedy(*tables: list[str]) -> str:
        (cause,) = guess_cause(lost, known, missing_in="the roster", known_in="the register",
                               tables=[lost, known, *map(pd.Index, tables)])  # fmt: skip
        return cause.remedy

    assert remedy() == remedy(["123", "88"]) == "declare identifiers.width = 6"
    # In the customs data 123 and 0123 are two firms, and would be one by either key.
    file = "write the identifiers of the roster as the register has them: with their leading zeros"
    assert remedy(["123", "0123"]) == file
    customs = firm_years([("123", 2010), ("0123", 2010)])
    register = firm_years([(f, 2010) for f in known])
    assert file in str(link(roster(lost.tolist()), register, customs).faults[0])
    for cause in guess_cause(pd.Index(["9_1", "9_2"]), pd.Index(["91", "92"]), tables=[pd.Index(["9_1", "91"])]):  # fmt: skip
        assert "identifiers.separators" not in cause.remedy
    assert "identifiers.separators with _" in causes(["9_1", "9_2"], ["91", "92"])[0][2]


def test_a_year_of_which_no_firm_is_found_is_not_to_be_accepted() -> None:
    firms = numbers(400)
    joined: list[int | None] = [2010] * 370 + [2011] * 30
    found = link(roster(firms, joined), firm_years([(f, 2010) for f in firms[:370]]), None)
    (fault,) = found.faults
    assert "in 2011 (0 of 30)" in fault.problem
    assert "accept_below" not in fault.remedy and "check the delivery of 2011" in fault.remedy
    some = link(roster(firms, joined), firm_years([(f, 2010) for f in firms[:373]]), None)
    assert "declare linkage.accept_below = 0.1" in some.faults[0].remedy


def test_a_share_below_one_per_cent_is_not_cut_to_zero() -> None:
    firms = numbers(500)
    known = [*firms[:2], *numbers(300, start=9000)]
    (fault,) = link(roster(firms), firm_years([(f, 2010) for f in known]), None).faults
    assert fault.remedy.endswith("declare linkage.accept_below = 0.004")


# Properties

FIRM = st.sampled_from(list(string.ascii_uppercase[:12]))
FIRM_YEARS = st.lists(st.tuples(FIRM, st.integers(2008, 2012)), max_size=40)
ROSTERS = st.lists(st.tuples(FIRM, st.none() | st.integers(2008, 2012)), max_size=15)


def linked(
    joined: list[tuple[str, int | None]],
    known: list[tuple[str, int]],
    ships: list[tuple[str, int]],
    names: dict[str, str] | None = None,
) -> Linkage:
    called = names or {f: f for f in string.ascii_uppercase}
    start = roster([called[f] for f, _ in joined], [y for _, y in joined])
    files = (firm_years([(called[f], y) for f, y in part]) for part in (known, ships))
    return link(start, *files)


@given(ROSTERS, FIRM_YEARS, FIRM_YEARS, st.permutations(string.ascii_uppercase[:12]))
def test_names_and_order_of_firms_do_not_matter(
    joined: list[tuple[str, int | None]],
    known: list[tuple[str, int]],
    ships: list[tuple[str, int]],
    order: list[str],
) -> None:
    names = dict(zip(string.ascii_uppercase, order, strict=False))
    one = linked(joined, known, ships)
    other = linked(joined[::-1], known[::-1], ships[::-1], names)
    pd.testing.assert_frame_equal(one.table, other.table)
    assert sorted(names[f] for f in one.unlinked_participants) == list(other.unlinked_participants)


@given(ROSTERS, FIRM_YEARS, FIRM_YEARS)
@settings(max_examples=200)
def test_counts_add_up_and_agree_with_plain_sets(
    joined: list[tuple[str, int | None]],
    known: list[tuple[str, int]],
    ships: list[tuple[str, int]],
) -> None:
    found = linked(joined, known, ships)
    table = found.table
    counted = table.dropna(subset=["matched"])
    assert (counted["matched"] + counted["unmatched"] == counted["firms"]).all()
    assert np.allclose(counted["share"], (counted["matched"] / counted["firms"]).astype("float64"))
    assert not table.duplicated(["step", "arm", "year"]).any()
    participants, registered = {f for f, _ in joined}, {f for f, _ in known}
    assert set(found.unlinked_participants) == participants - registered
    start = table[table["step"] == ROSTER_TO_REGISTER]
    whole = start["year"].isna() & (start["arm"] == "participants")
    assert start.loc[~whole, "firms"].sum() == start.loc[whole, "firms"].sum() == len(participants)
    years = {y for _, y in known}
    for row in table[(table["step"] == CUSTOMS_TO_REGISTER) & table["year"].notna()].itertuples():
        there = {f for f, y in ships if y == row.year and (f in participants) == (row.arm == "participants")}  # fmt: skip
        assert row.firms == len(there)
        if row.year in years:
            assert row.matched == len(there & {f for f, y in known if y == row.year})
        else:
            assert row.matched is pd.NA
    for row in table[table["step"] == REGISTER_TO_CUSTOMS].itertuples():
        there = {f for f, y in known if y == row.year and (f in participants) == (row.arm == "participants")}  # fmt: skip
        assert row.firms == len(there)
        if row.year in {y for _, y in ships}:
            assert row.matched == len(there & {f for f, y in ships if y == row.year})
        else:
            assert row.matched is pd.NA
