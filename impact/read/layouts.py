"""Layouts in which customs offices of the region hand out their export records, and the names that their columns have.

A layout is a set of statements about files that someone else made. Each says where it was seen (`sources`: repository and path, or
address of a page, as public in 2026), and what could not be seen is either left out or listed in `unconfirmed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Codes = Literal["alpha-2", "alpha-3", "alpha-2 and name", "national"]


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known about one layout of customs files.

    Attributes
    ----------
    name, title : str
        Key in study.toml, and what it is in words.
    columns : mapping of str to tuple of str
        Canonical name -> spellings of the one column that it is read from. Case, accents, blanks and signs do not matter.
    instead : mapping of str to tuple of str
        Canonical name -> columns of another meaning that serve where none of `columns` is there; said in a notice.
    required : tuple of str
        Canonical names that the header must have.
    constants : mapping of str to str
        Canonical name -> value of all rows.
    declares : mapping of str to str or bool
        Keys of `[customs]` that the layout settles: `date_format, encoding, delimiter, decimal, thousands,
        quoted, restore_leading_zeros`. Keys that change from file to file are left to the study.
    header : tuple of str
        Names in their order, for files that have no header row; empty where files have one.
    dropped : mapping of str to mapping of str to str
        Canonical name -> text -> reason for which rows with it leave, counted in the ledger.
    destinations : {"alpha-2", "alpha-3", "alpha-2 and name", "national"}
        How destinations are written; national codes need a table of the study (`destination_codes`).
    causes : mapping of str to str
        Canonical name -> why a file of this office may lack the column.
    notes : tuple of str
        What a person who uses the files should know.
    unconfirmed : tuple of str
        Statements above that no source shows.
    sources : tuple of str
        Where the facts were seen.
    """

    name: str
    title: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    destinations: Codes
    sources: tuple[str, ...]
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    declares: Mapping[str, str | bool] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    dropped: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    causes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("columns", "instead", "constants", "declares", "dropped", "causes"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


EDD = Preset(
    name="edd",
    title="Exporter Dynamics Database of the World Bank, microdata",
    columns={
        "country": ("c",),
        "year": ("y",),
        "firm_id": ("f",),
        "product": ("hs",),
        "destination": ("d",),
        "value": ("v",),
        "quantity": ("q",),
    },
    required=("year", "firm_id", "product", "destination", "value"),
    constants={"currency": "USD"},
    dropped={
        "firm_id": {"OTH": "customs: firm OTH, a remainder that is no firm"},
        "destination": {"OTH": "customs: destination OTH, a remainder that is no country"},
        "product": {"OTH": "customs: product OTH, a remainder that is no product"},
    },
    destinations="alpha-3",
    notes=(
        "rows are sums of a firm, product, destination and year; there are no months, and no currency but US dollars",
        "a firm's code is its own within one exporting country only",
        "firm codes break in Mexico (2007, 2009, 2011); Malawi 2008, Yemen 2008 and Burkina Faso 2007 are broken years",
        "the files come as Stata (.dta): write them as CSV or Parquet, with hs and f as text",
        "the database comes with a table that puts product codes of all vintages into one; declare it as concordance",
    ),
    unconfirmed=(
        "the product code OTH: it is seen only that some codes begin with OT",
        "whether v is FOB in every country of the database",
    ),
    sources=("joesteinberg/dyn-mkt-pen: programs/python/app_wbedd/wbedd_microdata_prep.py",),
)

COLOMBIA = Preset(
    name="colombia",
    title="Colombia: export records that DANE publishes (EXPO)",
    columns={
        "firm_id": ("NIT",),
        "date": ("FECH",),
        "product": ("POSAR", "POSARA", "POSARA4"),
        "destination": ("COD_PAI4",),
        "value": ("FOBDOL", "FOBDOL4"),
        "quantity": ("CANTI", "CANTIDA4"),
        "unit": ("CODUNI2", "CODUNI4"),
        "regime": ("MODAD", "MODAD4"),
    },
    instead={"destination": ("PAIS", "PAIS4")},
    required=("firm_id", "date", "product", "destination", "value"),
    constants={"currency": "USD"},
    declares={"date_format": "yymm", "restore_leading_zeros": True},
    dropped={
        "destination": {
            "XCF": "customs: destination XCF, a free zone within the country",
            "ZZZ": "customs: destination ZZZ, not declared",
        }
    },
    destinations="alpha-3",
    causes={"firm_id": "DANE does not publish who exported since December 2022"},
    notes=(
        "NIT and RAZ_SIAL, who exported, are there until November 2022; later files cannot be joined to firms",
        "FECH is year and month in which the declaration was processed (2501 = January 2025), not the day of shipment; "
        "files of 2005 to 2009 may have lost its zero (501 = January 2005)",
        "delimiter, encoding and decimal sign change from month to month: decimal points, decimal commas, and since "
        "2024 commas with points at thousands; declare them by file",
        "amounts that are zero may be written as '-'",
        "POSAR has ten digits, and loses its leading zero in some months",
        "COD_PAI4 is empty or shifted against PAIS in some months of 2021 to 2026; PAIS has national numbers until "
        "2024 (249 = United States) and numbers like those of ISO 3166 from 2025 (840)",
        "in some months of 2021 to 2026 the CSV has empty FOBDOL and PNK where the Stata file has them",
        "COD_PAI4 has Serbia and Montenegro (SCG) and the Netherlands Antilles (ANT) after their end",
    ),
    unconfirmed=("what the codes of MODAD mean, and so which of them are re-exports",),
    sources=(
        "gartneradvisors/gela-data: dane/update.py, dane/meta.json",
        "cid-harvard/classifications: location/International/DANE/README.md",
        "https://microdatos.dane.gov.co/index.php/catalog/472 and /859 (named in the code; not read)",
        "public scripts without a name in the index, found by the strings RAZ_SIAL and COD_PAI4",
    ),
)

COLOMBIA_DIAN = Preset(
    name="colombia_dian",
    title="Colombia: export declarations that DIAN publishes",
    columns={
        "firm_id": ("NIT_EXPORTADOR",),
        "date": ("FECHA_DECLARACION_EXPORTACION",),
        "product": ("SUBPARTIDA",),
        "destination": ("COD_PAIS_DESTINO_ALF",),
        "value": ("VALOR_FOB_USD",),
        "quantity": ("CANTIDAD_UNIDADES_FISICAS",),
        "unit": ("COD_UNIDAD_FISICA_ALF", "UNIDAD_FISICA"),
        "regime": ("COD_MODALIDAD_EXPORTACION",),
    },
    instead={"destination": ("COD_PAIS_DESTINO", "PAIS_DESTINO_FINAL")},
    required=("firm_id", "date", "product", "destination", "value"),
    constants={"currency": "USD"},
    declares={"date_format": "yyyymmdd", "restore_leading_zeros": True},
    destinations="alpha-2",
    notes=(
        "one workbook a month, such as 01_Exportaciones_2025_Enero.xlsx; the codes in it are numbers, so that SUBPARTIDA "
        "has lost its leading zero",
        "COD_MONEDA_TRANSACCION is the currency of the invoice; VALOR_FOB_USD is in dollars all the same",
        "a declaration is NUMERO_FORMULARIO with NUMERO_SERIE; the same pair twice is a row delivered twice",
    ),
    unconfirmed=(
        "whether COD_PAIS_DESTINO_ALF has two letters: only that it is text beside a number is seen",
        "what the codes of COD_MODALIDAD_EXPORTACION mean, and so which of them are re-exports",
    ),
    sources=(
        "Laughcheeta1/final_ing_datos: raw_to_cleaned.py",
        "public scripts without a name in the index, found by the strings COD_PAIS_DESTINO_ALF and NIT_EXPORTADOR",
        "https://www.dian.gov.co/dian/cifras/Paginas/EstadisticasComEx.aspx (named in the code; not read)",
    ),
)

PERU = Preset(
    name="peru",
    title="Peru: definitive exports that SUNAT publishes (files x*.dbf)",
    columns={
        "firm_id": ("NDOC",),
        "date": ("FEMB",),
        "product": ("PART_NANDI", "CNAN"),
        "destination": ("CPAIDES",),
        "value": ("VFOBSERDOL",),
        "quantity": ("QUNIFIS",),
        "unit": ("TUNIFIS",),
        "regime": ("REGIMEN",),
    },
    instead={"date": ("FNUM",)},
    required=("firm_id", "date", "product", "destination", "value"),
    constants={"currency": "USD"},
    declares={"date_format": "yyyymmdd", "restore_leading_zeros": True},
    destinations="alpha-2",
    notes=(
        "the files are dBase (.dbf): write them as CSV, with PART_NANDI and NDOC as text; their text is latin-1 or cp850",
        "FEMB is the day of shipment, FNUM that of the declaration's number, FREG that of its completion; FEMB may be 0, and "
        'date = "FNUM" is then the way out',
        "PART_NANDI is a number of ten digits, so that its leading zero is lost (804400000 = 0804.40.00.00)",
        "NDOC is the number of a document whose kind stands in TDOC; companies have a RUC of 11 digits",
        "QUNIFIS with TUNIFIS is the quantity that statistics use, QUNICOM with TUNICOM that of the invoice; VPESNET is in kg",
        "a line is CADU, FANO, NDCL and NSER; weekly files repeat lines that were completed later",
        "the files x* hold definitive exports alone and have no REGIMEN; an extract on request, with | between cells, has it",
        "a few destinations are codes of SUNAT's own",
    ),
    unconfirmed=(
        "which values TDOC has for a RUC",
        "what the codes of REGIMEN mean, and which destinations are SUNAT's own",
    ),
    sources=(
        "licgermancardenas-crypto/agrojuntos-plataforma: scripts/build_export_historico.py, scripts/build_aduanas.py, "
        "scripts/build_agroexport.py",
        "public scripts without a name in the index, found by the strings CPAIDES, VFOBSERDOL and PART_NANDI",
        "http://www.aduanet.gob.pe/aduanas/informae/presentacion_bases_web.htm (named in the code; not read)",
    ),
)

_DUS = (
    "FECHAACEPT", "NUMEROIDENT", "ADUANA", "TIPOOPERACION", "CODIGORUTEXPORTADORPPAL",
    "NRO_EXPORTADOR", "PORCENTAJEEXPPPAL", "COMUNAEXPORTADORPPAL", "CODIGORUTEXPSEC",
    "NRO_EXPORTADOR_SEC", "PORCENTAJEEXPSECUNDARIO", "COMUNAEXPSECUNDARIO", "PUERTOEMB",
    "GLOSAPUERTOEMB", "REGIONORIGEN", "TIPOCARGA", "VIATRANSPORTE", "PUERTODESEMB",
    "GLOSAPUERTODESEMB", "PAISDESTINO", "GLOSAPAISDESTINO", "NOMBRECIATRANSP", "PAISCIATRANSP",
    "RUTCIATRANSP", "DVRUTCIATRANSP", "NOMBREEMISORDOCTRANSP", "RUTEMISOR", "DVRUTEMISOR",
    "CODIGOTIPOAUTORIZA", "NUMEROINFORMEEXPO", "DVNUMEROINFORMEEXP", "FECHAINFORMEEXP", "MONEDA",
    "MODALIDADVENTA", "CLAUSULAVENTA", "FORMAPAGO", "VALORCLAUSULAVENTA", "COMISIONESEXTERIOR",
    "OTROSGASTOS", "VALORLIQUIDORETORNO", "NUMEROREGSUSP", "ADUANAREGSUSP",
    "PLAZOVIGENCIAREGSUSP", "TOTALITEM", "TOTALBULTOS", "PESOBRUTOTOTAL", "TOTALVALORFOB",
    "VALORFLETE", "CODIGOFLETE", "VALORSEGURO", "CODIGOSEG", "VALORCIF", "NUMEROPARCIALIDAD",
    "TOTALPARCIALES", "PARCIAL", "OBSERVACION", "NUMERODOCTOCANCELA", "FECHADOCTOCANCELA",
    "TIPODOCTOCANCELA", "PESOBRUTOCANCELA", "TOTALBULTOSCANCELA", "NUMEROITEM", "NOMBRE",
    "ATRIBUTO1", "ATRIBUTO2", "ATRIBUTO3", "ATRIBUTO4", "ATRIBUTO5", "ATRIBUTO6", "CODIGOARANCEL",
    "UNIDADMEDIDA", "CANTIDADMERCANCIA", "FOBUNITARIO", "FOBUS", "CODIGOOBSERVACION1",
    "VALOROBSERVACION1", "GLOSAOBSERVACION1", "CODIGOOBSERVACION2", "VALOROBSERVACION2",
    "GLOSAOBSERVACION2", "CODIGOOBSERVACION3", "VALOROBSERVACION3", "GLOSAOBSERVACION3",
    "PESOBRUTOITEM",
)  # fmt: skip

CHILE = Preset(
    name="chile",
    title="Chile: items of export declarations (DUS) that the customs service publishes",
    columns={
        "firm_id": ("NRO_EXPORTADOR",),
        "date": ("FECHAACEPT",),
        "product": ("CODIGOARANCEL",),
        "destination": ("PAISDESTINO",),
        "value": ("FOBUS",),
        "quantity": ("CANTIDADMERCANCIA",),
        "unit": ("UNIDADMEDIDA",),
        "regime": ("TIPOOPERACION",),
    },
    required=("firm_id", "date", "product", "destination", "value"),
    constants={"currency": "USD"},
    declares={
        "quoted": False,
        "date_format": "ddmmyyyy",
        "encoding": "latin-1",
        "delimiter": ";",
        "decimal": ",",
    },
    header=_DUS,
    destinations="national",
    notes=(
        "the files have no header row: 84 names in their order stand in this preset",
        "NRO_EXPORTADOR is a running number that hides the firm; it is no RUT, and joins no roster and no register",
        "the value of an item is FOBUS; TOTALVALORFOB is the sum of a declaration, repeated on each of its items",
        "MONEDA is the currency of the invoice, not that of FOBUS",
        "a day may have lost its zero (1032026 = 01/03/2026)",
        "quotes are no signs of the format, and cells may hold a lone carriage return; a few rows are cut off after NOMBRE",
        "a second exporter (NRO_EXPORTADOR_SEC, with a percentage) shares some declarations; the value is the first one's here",
        "the monthly archives are .rar or .zip, beside files of packages and of transport documents that are not meant here",
        "destinations are numbers of the customs service's own table (Annex 51), with the name in GLOSAPAISDESTINO",
    ),
    unconfirmed=(
        "that FOBUS is in US dollars: the name says so, and no source contradicts",
        "which TIPOOPERACION are re-exports",
        "that CODIGOARANCEL has eight digits in all years",
    ),
    sources=(
        "rubnx/Duanera: docs/research/CHILE_ADUANA_DATA_REVIEW.md, src/ingest/aduana-main-file.ts",
        "https://datos.gob.cl/dataset/diccionario-de-datos-para-datos-abiertos-aduana (named in the code; not read)",
        "public scripts without a name in the index, found by the strings NRO_EXPORTADOR and CODIGOARANCEL",
    ),
)

ECUADOR = Preset(
    name="ecuador",
    title="Ecuador: export declarations of SENAE",
    columns={
        "firm_id": ("id", "RUC", "RUC_EXPORTADOR", "ID_EXPORTADOR", "EXPORTER_ID"),
        "date": ("FEC_INGRESO", "ShipmentDate"),
        "product": ("SUBPARTIDA", "nandina"),
        "destination": ("PAIS_DESTINO", "Country"),
        "value": ("FOB", "Value_usd_FOB"),
        "quantity": ("CANTIDAD_UNIDAD_FISICA",),
        "unit": ("TIPO_UNIDAD_FISICA",),
        "regime": ("REGIMEN",),
    },
    required=("firm_id", "date", "product", "destination", "value"),
    constants={"currency": "USD"},
    declares={"encoding": "utf-8"},
    dropped={
        "destination": {"IA-AGUAS INTERNACIONALES": "customs: international waters, no country"}
    },
    destinations="alpha-2 and name",
    causes={"firm_id": "the open files of SENAE do not say who exported"},
    notes=(
        "the open files (senae_exportacion_general_*, _simplificado_*) have no exporter: a firm panel needs an extract on "
        "request, and the preset says so by asking for the column of firms",
        "open files have | between cells (some a comma), dates as 2022-04-27, decimal points, and SUBPARTIDA with ten digits, "
        "zeros kept and blanks behind; an extract for research had dates as 20080131",
        "destinations are written as US-ESTADOS UNIDOS: the code is what stands before the first hyphen",
        "regimes are written as 40-EXPORTACION DEFINITIVA; 60 is a re-export, 83 a reshipment, 51 outward processing, "
        "94 parcels: exclude those that are no exports of goods made in the country",
        "simplified declarations have 0 as commercial quantity and NO APLICA as unit",
        "tables of the Banco Central (period, code of the sub-heading, country, tonnes, FOB) have no firms, and are no customs "
        "file in the sense of this package",
    ),
    unconfirmed=(
        "RUC, RUC_EXPORTADOR, ID_EXPORTADOR as names of the exporter's column: the one extract seen has id",
        "that all exports are in dollars: the country has had no other currency since 2000",
        "how destinations are written in extracts on request",
    ),
    sources=(
        "ekmanib/senaex: script.py, samples_downloads/sample_senae_exportacion_general_enero_abril_2022.csv and of 2013, "
        "sample_senae_exportacion_simplificado_enero_abril_2022.csv",
        "mivazq/masters-thesis: cleaning/codes/clean_customs_filings.do",
        "Aaziko1Market1/Port-brain-data: config/ecuador_export_full.yml",
    ),
)
