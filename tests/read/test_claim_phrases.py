"""The words of three languages: of or above a target, an intention, an effect."""

from __future__ import annotations

import pytest

from impact.read.claim_phrases import claims_effect, intends, reading_of

OF, ABOVE = "per_cent_of_target", "per_cent_above_target"


@pytest.mark.parametrize(
    ("phrase", "reading"),
    [
        ("the target was exceeded by 105%", ABOVE),
        ("exceeded the target by 105%", ABOVE),
        ("105% above target", ABOVE),
        ("205% of the target", OF),
        ("reached 205% of its target", OF),
        ("meta que fue superada en 205%", ABOVE),
        ("se superó el indicador en un 218% más", ABOVE),
        ("es decir, se superó en 226%", ABOVE),
        ("lo que significa un 242% adicional", ABOVE),
        ("superada en 132% para cada caso", ABOVE),
        ("un 105% por encima de la meta", ABOVE),
        ("se alcanzó el 205% de la meta", OF),
        ("cumplimiento del 205% de la meta", OF),
        ("a meta foi superada em 105%", ABOVE),
        ("105% acima da meta", ABOVE),
        ("superou a meta em 105%", ABOVE),
        ("atingiu 205% da meta", OF),
        ("un aumento de 5%", None),
        ("served almost 60,000 SMEs", None),
    ],
)
def test_of_and_above(phrase, reading):
    assert reading_of(phrase) == reading


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("More than 25 000 companies are expected", True),
        ("se espera beneficiar a 300 firmas", True),
        ("pretende-se alcançar 300 empresas", True),
        ("lográndose que lo hicieran 5,318", False),
        ("the Chamber created 22 Nuclei", False),
    ],
)
def test_intentions(phrase, said):
    assert intends(phrase) is said


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("generate new exports worth", True),
        ("se crearon 300 empleos", True),
        ("gerou 300 empregos", True),
        ("in 18 countries", False),
        ("beneficiando a 49.000 mipymes", False),
    ],
)
def test_effects(phrase, said):
    assert claims_effect(phrase) is said
