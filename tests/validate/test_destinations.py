"""Countries: four systems of codes, told apart by the column, and what none of them knows."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import DataError
from impact.validate.countries import understand_countries
from impact.validate.country_names import iso_countries, name_key
from impact.validate.understood import Understood


def column(*texts: str) -> pd.Series:
    index = pd.Index(list(texts), dtype="object")
    return pd.Series(range(1, len(texts) + 1), index=index, dtype="int64")


def read(found: Understood, part: str = "destination") -> dict[str, str | None]:
    codes = [None if pd.isna(c) else c for c in found.meaning[part]]
    return dict(zip(found.meaning["text"], codes, strict=True))


def table(*pairs: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(pairs), columns=["code", "iso"], dtype="str")
    frame.index = pd.RangeIndex(2, 2 + len(pairs), name="row")
    return frame


def test_the_table_is_whole() -> None:
    iso = iso_countries()
    for codes, pattern in (
        (iso.alpha2, r"[A-Z]{2}"),
        (iso.alpha3, r"[A-Z]{3}"),
        (iso.numeric, r"[0-9]{3}"),
    ):
        assert len(codes) == 249
        assert pd.Series(list(codes)).str.fullmatch(pattern).all()
    assert len(set(iso.alpha2.values())) == len(set(iso.numeric.values())) == 249


@pytest.mark.parametrize(
    ("alpha2", "alpha3", "numeric"),
    [  # codes that are easily confused
        ("AT", "AUT", "040"), ("AU", "AUS", "036"), ("CH", "CHE", "756"), ("CN", "CHN", "156"),
        ("CL", "CHL", "152"), ("CO", "COL", "170"), ("KM", "COM", "174"), ("DO", "DOM", "214"),
        ("DM", "DMA", "212"), ("GN", "GIN", "324"), ("GQ", "GNQ", "226"), ("GW", "GNB", "624"),
        ("IE", "IRL", "372"), ("IQ", "IRQ", "368"), ("IR", "IRN", "364"), ("KP", "PRK", "408"),
        ("KR", "KOR", "410"), ("LB", "LBN", "422"), ("LR", "LBR", "430"), ("LY", "LBY", "434"),
        ("MO", "MAC", "446"), ("MA", "MAR", "504"), ("NE", "NER", "562"), ("NG", "NGA", "566"),
        ("NA", "NAM", "516"), ("PY", "PRY", "600"), ("PE", "PER", "604"), ("SE", "SWE", "752"),
        ("SD", "SDN", "729"), ("SV", "SLV", "222"), ("SK", "SVK", "703"), ("SI", "SVN", "705"),
        ("US", "USA", "840"), ("VE", "VEN", "862"), ("VI", "VIR", "850"), ("ZA", "ZAF", "710"),
    ],
)  # fmt: skip
def test_codes_known_by_hand(alpha2: str, alpha3: str, numeric: str) -> None:
    iso = iso_countries()
    assert iso.alpha2[alpha2] == iso.numeric[numeric] == alpha3
    assert read(understand_countries(column(alpha2))) == {alpha2: alpha3}
    assert read(understand_countries(column(alpha3.lower()))) == {alpha3.lower(): alpha3}
    short = numeric.lstrip("0")
    assert read(understand_countries(column(short))) == {short: alpha3}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Colombia", "COL"),
        ("CÔTE D’IVOIRE", "CIV"),
        ("Cote d'Ivoire", "CIV"),
        ("curacao", "CUW"),
        ("Bolivia", "BOL"),
        ("Bolivia, Plurinational State of", "BOL"),
        ("Korea, Rep.", "KOR"),
        ("Republic of Korea", "KOR"),
        ("Korea, Dem. People's Rep.", "PRK"),
        ("Congo", "COG"),
        ("Congo, Dem. Rep.", "COD"),
        ("Democratic Republic of the Congo", "COD"),
        ("The Gambia", "GMB"),
        ("Trinidad & Tobago", "TTO"),
        ("St. Lucia", "LCA"),
        ("Dominica", "DMA"),
        ("Dominican Republic", "DOM"),
        ("Niger", "NER"),
        ("United States", "USA"),
        ("UAE", "ARE"),
        ("U.S. Virgin Islands", "VIR"),
        ("British Virgin Islands", "VGB"),
        ("Turkey", "TUR"),
        ("Kosovo", "XKX"),
        ("Viet Nam", "VNM"),
        ("Vietnam", "VNM"),
    ],
)
def test_names(name: str, expected: str) -> None:
    found = understand_countries(column(name))
    assert read(found) == {name: expected} and found.misread.empty


def test_no_name_stands_for_two_countries() -> None:
    iso = iso_countries()
    for alpha3, name in iso.called.items():
        assert iso.names[name_key(name)] == alpha3
    for nobody in ("Korea", "Virgin Islands", "Saint"):
        assert name_key(nobody) not in iso.names


def test_namibia_is_a_country_and_no_missing_cell() -> None:
    found = understand_countries(column("NA", "US"))
    assert read(found) == {"NA": "NAM", "US": "USA"}
    assert found.meaning["destination"].notna().all()
    alone = understand_countries(column("NA"))
    assert read(alone) == {"NA": "NAM"}


def test_na_among_other_systems_is_not_guessed() -> None:
    found = understand_countries(column("NA", "USA", "COL"))
    assert found.misread["text"].tolist() == ["NA"]
    assert "Namibia" in found.misread["problem"].iloc[0]
    assert "NAM" in found.misread["remedy"].iloc[0]


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ("UK", "GBR", "European Union"),
        ("EL", "GRC", "European Union"),
        ("XK", "XKX", "Kosovo"),
        ("ROM", "ROU", "withdrawn"),
        ("ANT", "ANT", "divided"),
        ("736", "SDN", "withdrawn"),
    ],
)
def test_usual_codes_outside_the_standard_are_said(text: str, expected: str, words: str) -> None:
    found = understand_countries(column(text))
    assert read(found) == {text: expected}
    assert any(words in n.said and n.rows == 1 for n in found.notices)


def test_mixed_systems_are_said() -> None:
    found = understand_countries(column("US", "COL", "Peru", "032"))
    assert read(found) == {"032": "ARG", "COL": "COL", "Peru": "PER", "US": "USA"}
    assert any("1 alpha-2, 1 alpha-3, 1 name, 1 numeric" in n.said for n in found.notices)
    one = understand_countries(column("US", "CO"))
    assert one.notices == ()


def test_numbers_of_another_system_are_asked_about_as_a_whole() -> None:
    """Codes of Colombian customs: 249 United States, 589 Peru, 239 Ecuador (ISO: South Georgia), 850 Venezuela (ISO:
    Virgin Islands)."""
    found = understand_countries(column("249", "239", "589", "850"))
    assert len(found.faults) == 1 and "2 of 4 numbers" in found.faults[0].problem
    assert "destination_codes" in found.faults[0].remedy
    assert found.meaning["destination"].isna().all() and found.misread.empty
    own = table(("249", "USA"), ("239", "ECU"), ("589", "PER"), ("850", "VEN"))
    found = understand_countries(column("249", "0239", "589.0", "850"), mapping=own)
    assert list(read(found).values()) == ["ECU", "USA", "PER", "VEN"]
    assert found.faults == ()


def test_numbers_beside_a_table_of_numbers_are_never_iso() -> None:
    found = understand_countries(column("249", "170"), mapping=table(("249", "USA")))
    assert read(found) == {"249": "USA"}
    assert found.misread["text"].tolist() == ["170"]
    with_letters = understand_countries(column("OTH", "170"), mapping=table(("OTH", "")))
    assert read(with_letters) == {"170": "COL", "OTH": None}


def test_iso_numbers_are_said_and_one_strange_number_is_misread() -> None:
    found = understand_countries(column("32", "068", "076", "152", "170", "999"))
    assert read(found)["32"] == "ARG"
    assert found.misread["text"].tolist() == ["999"]
    notice = found.notices[0]
    assert (
        "ISO 3166" in notice.said and notice.examples[0] == "170 = Colombia" and notice.rows == 15
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("OTH", "no country has this code"),
        ("ZZ", "no country has this code"),
        ("QQQ", "no country has this code"),
        ("Ruritania", "English name"),
        ("Korea", "English name"),
        ("ſſ", "no country has this code"),  # its upper case is SS, South Sudan
        ("=A1", "formula"),
        ("1704", "English name"),
        ("", "empty"),
    ],
)
def test_unknown_texts(text: str, cause: str) -> None:
    found = understand_countries(column(text))
    assert cause in found.misread["problem"].iloc[0] and found.meaning.empty
    if text:
        assert "destination_codes" in found.misread["remedy"].iloc[0]
        loose = understand_countries(column(text), strict=False)
        assert loose.misread.empty
        assert loose.meaning["reason"].tolist() == ["destination is no known country"]


def test_three_of_four_numbers_are_not_nearly_all() -> None:
    found = understand_countries(column("170", "604", "152", "999"))
    assert len(found.faults) == 1 and found.meaning["destination"].isna().all()


def test_a_mapping_comes_first_and_may_let_rows_leave() -> None:
    own = table(("oth", ""), ("ZZ", " col "), ("US", "UM"))
    found = understand_countries(column("OTH", "ZZ", "US", "PE"), mapping=own)
    assert read(found) == {"OTH": None, "PE": "PER", "US": "UMI", "ZZ": "COL"}
    reasons = found.meaning.set_index("text")["reason"].dropna().to_dict()
    assert reasons == {"OTH": "destination stands for no country: OTH"}


def test_a_bad_mapping_names_its_rows() -> None:
    own = table(("1", "COL"), ("01", "PER"), ("2", "XYZ"), ("3", "170"))
    with pytest.raises(DataError) as caught:
        understand_countries(column("1"), mapping=own)
    assert [(f.row, f.column) for f in caught.value.faults] == [(3, "code"), (4, "iso"), (5, "iso")]


def test_the_part_has_the_name_of_its_column() -> None:
    found = understand_countries(column("CO", ""), column="country", empty_allowed=True)
    assert read(found, "country") == {"": None, "CO": "COL"}


HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.text(alphabet="0123456789ABCNOSUZ.", min_size=1, max_size=4),
        st.characters(categories=["Cs", "Cc", "Cf"]),
        st.sampled_from(["=cmd|' /C calc'!A0", "\0", "é" * 10_000, "ⅷ", "ſſ", "ǅ", "9" * 5000]),
    ),
    unique=True,
    max_size=8,
)


@given(
    HOSTILE, st.booleans(), st.sampled_from([None, table(("OTH", ""), ("7", "COL"))]), st.randoms()
)
def test_no_text_breaks_it(
    texts: list[str],
    strict: bool,
    mapping: pd.DataFrame | None,
    random,  # type: ignore[no-untyped-def]
) -> None:
    given_ = column(*texts)
    found = understand_countries(given_, mapping=mapping, strict=strict)
    assert sorted([*found.meaning["text"], *found.misread["text"]]) == sorted(texts)
    codes = found.meaning["destination"].dropna()
    assert codes.map(lambda c: len(c) == 3 and c.isascii() and c.isupper()).all()
    if not found.faults:
        assert (found.meaning["destination"].notna() | found.meaning["reason"].notna()).all()
    order = list(range(len(texts)))
    random.shuffle(order)
    again = understand_countries(given_.iloc[order], mapping=mapping, strict=strict)
    pd.testing.assert_frame_equal(found.meaning, again.meaning)
    pd.testing.assert_frame_equal(found.misread, again.misread)
    assert (found.faults, found.notices) == (again.faults, again.notices)
