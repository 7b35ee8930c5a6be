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
        # Words count where they are tied to the percentage: the target may be named, and other things may be additional.
        ("exceeded by 105 % of the target", ABOVE),
        ("reached 105 % above the target", ABOVE),
        ("the goal was surpassed: 205 % of target was reached", OF),
        ("additional firms joined, 205 % of the target", OF),
        ("205 per cent of the planned target", OF),
        ("exceeded by 105 per cent", ABOVE),
        ("se superó la meta, alcanzando el 205 %", OF),
        ("superó la meta en Perú, alcanzando el 205 % de la meta", OF),
        ("se logró el 205 % de lo previsto", OF),
        ("rebasó la meta en un 105 %", ABOVE),
        ("superó la meta en 105 por ciento", ABOVE),
        ("ultrapassou a meta em 105 %", ABOVE),
        ("excedeu em 105 por cento", ABOVE),
        ("105 % a mais", ABOVE),
        ("cumpriu 205 % do objetivo", OF),
        ("superou a meta, atingindo 205 % da meta", OF),
        ("superó las expectativas", None),
        ("exports increased by 20 %", None),
        ("205%", None),
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
        ("is designed to reach 300 firms", True),
        ("300 firms to be trained", True),
        ("beneficiará a 300 empresas", True),
        ("se crearán 300 empleos", True),
        ("habrá 300 empleos", True),
        ("está previsto que 300 firmas exporten", True),
        ("va a beneficiar a 300 firmas", True),
        ("criará 300 empregos", True),
        ("serão criados 300 empregos", True),
        ("vai beneficiar 300 empresas", True),
        ("tem como objetivo apoiar 300 empresas", True),
        # A target that was reached is no intention, nor is a name, a noun or a past tense.
        ("reached 205 % of its target", False),
        ("more firms than planned: 300", False),
        ("a targeted programme served 300", False),
        ("meta prevista era de 5.200 y participaron 11.743", False),
        ("se esperaba menos; se capacitó a 300", False),
        ("permitió que 300 empresas exportaran", False),
        ("empresas do Ceará e do Paraná", False),
        ("o padrão de 300 empresas", False),
        ("visa para 300 empresarios", False),
        ("busca de mercados para 300 empresas", False),
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


def test_words_that_are_not_tied_to_the_number_would_mislead():
    """A wrong variant, words of excess anywhere in the phrase, takes an achievement of the target for an excess over it."""
    phrase = "superó la meta en Perú, alcanzando el 205 % de la meta"
    assert "superó" in phrase and " en " in phrase
    assert reading_of(phrase) == OF
