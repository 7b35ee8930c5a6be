"""Presets: the columns of known customs layouts, found in headers as those offices write them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import StudyError
from impact.read.layouts import Preset
from impact.read.presets import PRESETS, fold_name, preset_called, resolve

# Headers as they stand in files of 2023 (DANE), 2025 (DIAN), 2026 (SUNAT), 2013 (SENAE); columns that play no part are cut.
HEADERS: dict[str, list[str]] = {
    "edd": ["c", "y", "f", "hs", "d", "v", "q"],
    "colombia": ["FECH", "ADUA", "PAIS", "COD_PAI4", "COD_SAL1", "VIA", "REGIM", "MODAD", "POSAR", "UNID",
                 "CODUNI2", "CANTI", "PBK", "PNK", "FOBDOL", "FOBPES", "NIT", "RAZ_SIAL"],
    "colombia_dian": ["NUMERO_FORMULARIO", "NUMERO_SERIE", "NIT_EXPORTADOR", "RAZON_SOCIAL_EXPORTADOR",
                      "COD_PAIS_DESTINO_NUM", "COD_PAIS_DESTINO_ALF", "COD_PAIS_DESTINO", "PAIS_DESTINO_FINAL",
                      "SUBPARTIDA", "COD_UNIDAD_FISICA_ALF", "CANTIDAD_UNIDADES_FISICAS", "VALOR_FOB_USD",
                      "VALOR_FOB_PESOS", "FECHA_DECLARACION_EXPORTACION", "COD_MODALIDAD_EXPORTACION"],
    "peru": ["CADU", "FANO", "NDCL", "FNUM", "FEMB", "FREG", "TDOC", "NDOC", "DNOMBRE", "CPAIDES", "CPUEDES",
             "NSER", "PART_NANDI", "DCOM", "VFOBSERDOL", "VPESNET", "VPESBRU", "QUNIFIS", "TUNIFIS", "QUNICOM",
             "TUNICOM", "UBIGEO"],
    "chile": [*PRESETS["chile"].header],
    "ecuador": ["TIPO_EXPORTACION", "ESTADO_DAE", "FEC_INGRESO", "DISTRITO", "REGIMEN", "SUBPARTIDA",
                "PAIS_DESTINO", "PAIS_ORIGEN", "TIPO_UNIDAD_FISICA", "TIPO_UNIDAD_COMERCIAL",
                "CANTIDAD_UNIDAD_FISICA", "CANTIDAD_UNIDAD_COMERCIAL", "PESO_NETO", "FOB", "RUC"],
}  # fmt: skip
FOUND: dict[str, dict[str, str]] = {
    "edd": {"country": "c", "year": "y", "firm_id": "f", "product": "hs", "destination": "d", "value": "v",
            "quantity": "q"},
    "colombia": {"firm_id": "NIT", "date": "FECH", "product": "POSAR", "destination": "COD_PAI4",
                 "value": "FOBDOL", "quantity": "CANTI", "unit": "CODUNI2", "regime": "MODAD"},
    "colombia_dian": {"firm_id": "NIT_EXPORTADOR", "date": "FECHA_DECLARACION_EXPORTACION",
                      "product": "SUBPARTIDA", "destination": "COD_PAIS_DESTINO_ALF", "value": "VALOR_FOB_USD",
                      "quantity": "CANTIDAD_UNIDADES_FISICAS", "unit": "COD_UNIDAD_FISICA_ALF",
                      "regime": "COD_MODALIDAD_EXPORTACION"},
    "peru": {"firm_id": "NDOC", "date": "FEMB", "product": "PART_NANDI", "destination": "CPAIDES",
             "value": "VFOBSERDOL", "quantity": "QUNIFIS", "unit": "TUNIFIS"},
    "chile": {"firm_id": "NRO_EXPORTADOR", "date": "FECHAACEPT", "product": "CODIGOARANCEL",
              "destination": "PAISDESTINO", "value": "FOBUS", "quantity": "CANTIDADMERCANCIA",
              "unit": "UNIDADMEDIDA", "regime": "TIPOOPERACION"},
    "ecuador": {"firm_id": "RUC", "date": "FEC_INGRESO", "product": "SUBPARTIDA",
                "destination": "PAIS_DESTINO", "value": "FOB", "quantity": "CANTIDAD_UNIDAD_FISICA",
                "unit": "TIPO_UNIDAD_FISICA", "regime": "REGIMEN"},
}  # fmt: skip
# What impact.validate understands of a customs row; `country` is the exporter's, and serves the pooled EDD alone.
CANONICAL = {"firm_id", "date", "year", "month", "product", "destination", "value", "currency",
             "quantity", "unit", "regime", "country"}  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_each_layout_s_own_header_is_read_without_a_word(name: str) -> None:
    got = resolve(PRESETS[name], HEADERS[name])
    assert got.columns == FOUND[name]
    assert got.faults == ()
    assert got.notices == ()


def test_names_match_without_case_accents_blanks_and_byte_order_mark() -> None:
    odd = ["\ufeffFech ", "Cód Pai4", "posar", "Fob-Dol", "nít"]
    got = resolve(PRESETS["colombia"], odd)
    assert got.faults == ()
    assert got.columns == {"date": "\ufeffFech ", "destination": "Cód Pai4", "product": "posar",
                           "value": "Fob-Dol", "firm_id": "nít"}  # fmt: skip


def test_older_spellings_of_the_same_office_are_known() -> None:
    got = resolve(PRESETS["colombia"], ["FECH", "NIT", "POSARA4", "CODPAI4", "FOBDOL4", "CANTIDA4"])
    assert got.faults == ()
    assert got.columns["product"] == "POSARA4" and got.columns["value"] == "FOBDOL4"


def test_two_spellings_in_one_header_are_asked_about() -> None:
    got = resolve(
        PRESETS["colombia"], ["FECH", "NIT", "POSAR", "COD_PAI4", "FOBDOL", "fobdol "], file="e.csv"
    )
    assert "value" not in got.columns
    (fault,) = got.faults
    assert str(fault) == (
        "e.csv, row 1, column 'value': 2 columns could be the value: 'FOBDOL', 'fobdol '. To mend: which one is it? "
        "Declare it under [customs.columns], as in value = 'FOBDOL'."
    )


def test_the_study_s_own_declaration_settles_it() -> None:
    header = ["FECH", "NIT", "POSAR", "COD_PAI4", "PAIS", "FOBDOL", "FOBDOL4"]
    got = resolve(PRESETS["colombia"], header, declared={"value": "FOBDOL4", "destination": "PAIS"})
    assert got.faults == () and got.notices == ()
    assert got.columns["value"] == "FOBDOL4" and got.columns["destination"] == "PAIS"


def test_a_column_of_another_meaning_serves_with_a_word() -> None:
    got = resolve(PRESETS["colombia"], ["FECH", "NIT", "POSAR", "PAIS", "FOBDOL"], file="e.csv")
    assert got.columns["destination"] == "PAIS"
    assert got.faults == ()
    (notice,) = got.notices
    assert str(notice) == (
        "e.csv, column 'destination': destination is read from 'PAIS', since there is no COD_PAI4; the two do not mean "
        "the same."
    )
    dian = resolve(
        PRESETS["colombia_dian"], [h for h in HEADERS["colombia_dian"] if "ALF" not in h]
    )
    assert [f.column for f in dian.faults] == [
        "destination"
    ]  # a code and a name: which one is asked


def test_every_missing_column_is_named_in_one_pass() -> None:
    got = resolve(PRESETS["peru"], ["FOB_DOLPOL", "PAIS_ORIGE"], file="ma.csv")
    assert [f.column for f in got.faults] == ["firm_id", "date", "product", "destination", "value"]
    assert got.columns == {}
    assert str(got.faults[2]) == (
        "ma.csv, row 1, column 'product': the preset 'peru' needs a column PART_NANDI or CNAN, and the header has "
        "none. To mend: declare product under [customs.columns] if it has another name; the header has: "
        "'FOB_DOLPOL', 'PAIS_ORIGE'."
    )


def test_open_data_without_a_firm_are_told_apart_from_an_extract() -> None:
    """DANE's files since December 2022 and SENAE's open files do not say who exported."""
    for name, lost in (("colombia", "NIT"), ("ecuador", "RUC")):
        got = resolve(PRESETS[name], [h for h in HEADERS[name] if h != lost])
        assert [f.column for f in got.faults] == ["firm_id"]
        assert PRESETS[name].causes["firm_id"] in got.faults[0].problem


def test_a_hostile_name_is_cut_and_cleaned_in_messages() -> None:
    got = resolve(PRESETS["edd"], ["f", "F\0", "x" * 10_000_000])
    assert max(len(str(f)) for f in got.faults) < 500
    assert all(str(f).isprintable() for f in got.faults)


def test_the_extract_of_ecuador_that_research_used() -> None:
    got = resolve(PRESETS["ecuador"], ["id", "ShipmentDate", "nandina", "Country", "Value_usd_FOB"])
    assert got.faults == ()
    assert got.columns == {"firm_id": "id", "date": "ShipmentDate", "product": "nandina",
                           "destination": "Country", "value": "Value_usd_FOB"}  # fmt: skip


def test_remainders_of_the_exporter_dynamics_database_leave_for_a_named_reason() -> None:
    dropped = PRESETS["edd"].dropped
    assert set(dropped) == {"firm_id", "destination", "product"}
    assert all(list(texts) == ["OTH"] for texts in dropped.values())
    reasons = [why for texts in dropped.values() for why in texts.values()]
    assert len(set(reasons)) == 3
    assert all(why.startswith("customs: ") for why in reasons)


def test_the_files_of_chile_get_their_names_from_the_preset() -> None:
    header = PRESETS["chile"].header
    assert len(header) == 84 == len(set(header))
    at = {name: i for i, name in enumerate(header)}
    # Positions counted by hand in the layout of the customs service.
    assert (at["FECHAACEPT"], at["NRO_EXPORTADOR"], at["PAISDESTINO"], at["MONEDA"]) == (
        0,
        5,
        19,
        32,
    )
    assert (at["NUMEROITEM"], at["CODIGOARANCEL"], at["FOBUS"], at["PESOBRUTOITEM"]) == (
        61,
        69,
        73,
        83,
    )
    assert [p.name for p in PRESETS.values() if p.header] == ["chile"]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda p: p.name)
def test_what_a_preset_says_hangs_together(preset: Preset) -> None:
    assert preset is PRESETS[preset.name]
    assert set(preset.columns) <= CANONICAL
    assert set(preset.required) <= set(preset.columns)
    assert set(preset.instead) <= set(preset.columns)
    assert set(preset.constants) == {"currency"} and preset.constants["currency"] == "USD"
    assert set(preset.declares) <= {"quoted", "date_format", "encoding", "delimiter", "decimal", "thousands",
                                    "restore_leading_zeros"}  # fmt: skip
    assert set(preset.dropped) <= {"firm_id", "destination", "product"}
    assert {"firm_id", "product", "destination", "value"} <= set(preset.required)
    assert {"date", "year"} & set(preset.required)
    assert preset.sources and preset.notes and preset.unconfirmed
    names = [
        fold_name(n)
        for group in (preset.columns, preset.instead)
        for ns in group.values()
        for n in ns
    ]
    assert len(names) == len(set(names))  # no column has two meanings


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda p: p.name)
def test_declared_date_formats_are_formats_that_are_understood(preset: Preset) -> None:
    dates = pytest.importorskip("impact.validate.dates")
    if "date_format" in preset.declares:
        assert preset.declares["date_format"] in dates.DATE_FORMATS


def test_national_codes_are_said_to_need_a_table() -> None:
    assert {p.name: p.destinations for p in PRESETS.values()} == {
        "edd": "alpha-3",
        "colombia": "alpha-3",
        "colombia_dian": "alpha-2",
        "peru": "alpha-2",
        "chile": "national",
        "ecuador": "alpha-2 and name",
    }


def test_presets_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PRESETS["edd"].columns["value"] = ("x",)  # type: ignore[index]
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["edd"]  # type: ignore[index]


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    assert preset_called("peru") is PRESETS["peru"]
    with pytest.raises(
        StudyError, match=r"value 'bolivia': there is no preset .* choose from edd, colombia"
    ):
        preset_called("bolivia")


@given(st.lists(st.text(max_size=12)), st.sampled_from(sorted(PRESETS)))
def test_any_header_gives_columns_of_it_or_a_fault_for_each(header: list[str], name: str) -> None:
    preset = PRESETS[name]
    got = resolve(preset, header)
    assert set(got.columns.values()) <= set(header)
    spoken = {f.column for f in got.faults}
    assert set(preset.required) <= set(got.columns) | spoken
    assert not set(got.columns) & spoken
    assert all(str(f) for f in got.faults)


@given(st.permutations(HEADERS["peru"]), st.booleans())
def test_the_order_and_the_case_of_columns_do_not_matter(header: list[str], lower: bool) -> None:
    shown = [h.lower() for h in header] if lower else header
    got = resolve(PRESETS["peru"], shown)
    assert {k: v.upper() for k, v in got.columns.items()} == FOUND["peru"]


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once_and_ignores_composition(name: str) -> None:
    once = fold_name(name)
    assert fold_name(once) == once
    assert fold_name(unicodedata.normalize("NFD", name)) == once
