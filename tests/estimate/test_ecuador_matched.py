"""Export-promotion users of the Ecuadorian innovation survey against matched non-users, in variables of 2012.

Use is known for 2012-2014 as a whole, so 2012 is partly treated: a comparison of alike firms, not a clean effect.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import impact

ECUADOR = Path(__file__).parents[3] / "shared" / "data" / "ecuador_enai_2012_2014"
pytestmark = pytest.mark.skipif(not ECUADOR.exists(), reason="the Ecuadorian survey is not here")

ON = ["log_employees", "log_sales", "export_share", "age", "foreign_capital", "in_group"]
EXACT = ["exporter", "sector"]


@pytest.fixture(scope="module")
def firms() -> pd.DataFrame:
    """One row per firm that was alive in 2012, with its variables of 2012 and two outcomes of 2014."""
    wide = pd.read_csv(ECUADOR / "panel.csv").pivot(index="firm_id", columns="year")
    rows = pd.read_csv(ECUADOR / "firms.csv").set_index("firm_id")
    staff, sales, exports = (wide[c] for c in ("employees", "sales_usd", "exports_usd"))
    alive = (staff[2012] > 0) & (sales[2012] > 0) & (rows["start_year"] <= 2012)
    rows = rows.assign(
        used=(rows["export_promotion_status"] == "used").astype(int),
        exporter=(exports[2012] > 0).astype(int),
        sector=rows["isic4_section"].map({"C": "manufacturing", "G": "trade"}).fillna("other"),
        log_employees=np.log(staff[2012].where(staff[2012] > 0)),
        log_sales=np.log(sales[2012].where(sales[2012] > 0)),
        export_share=exports[2012] / sales[2012],
        age=2012 - rows["start_year"],
        exports_2014=(exports[2014] > 0).astype(int),
        growth=staff[2014] - staff[2012],
    )
    return rows[alive]


def match(firms: pd.DataFrame, **words: object) -> impact.MatchResult:
    return impact.match(firms, treatment="used", **{"on": ON, **words})  # type: ignore[arg-type]


def test_pairs_are_those_of_a_search_by_hand(firms: pd.DataFrame) -> None:
    got = match(firms, exact=EXACT, caliper=0.2, ratio=3)
    design = sm.add_constant(firms[ON].astype(float))
    e = sm.Logit(firms["used"], design).fit(disp=0, tol=1e-12, maxiter=200).predict()
    np.testing.assert_allclose(got.distance, e, rtol=1e-8)
    limit = 0.2 * got.distance.std(ddof=1)
    e = got.distance
    treated = firms.index[firms["used"] == 1]
    turns = sorted(treated, key=lambda i: (-e[i], i))
    free = set(firms.index[firms["used"] == 0])
    found: set[tuple[str, str]] = set()
    for _ in range(3):
        for t in turns:
            alike = [
                c
                for c in free
                if all(firms.at[c, x] == firms.at[t, x] for x in EXACT)
                and abs(e[c] - e[t]) <= limit
            ]
            if alike:
                # Equal distances: fewer steps along the score, which no two firms share here.
                best = min(alike, key=lambda c: (abs(e[c] - e[t]), c))
                found.add((t, best))
                free.discard(best)
    assert set(got.pairs[["treated", "control"]].itertuples(index=False, name=None)) == found
    matched_firms = got.pairs.merge(firms[EXACT], left_on="treated", right_index=True)
    controls = got.pairs.merge(firms[EXACT], left_on="control", right_index=True)
    assert (matched_firms.sort_index()[EXACT] == controls.sort_index()[EXACT]).all(axis=None)


def test_users_export_more_often_two_years_later_than_the_firms_they_are_compared_with(
    firms: pd.DataFrame,
) -> None:
    """Drawn from these data; every way of comparing gives an answer of the same sign and size."""
    drawn = {
        "nearest": (match(firms, exact=EXACT, caliper=0.2, ratio=3), 50, 0.067, 0.033),
        "entropy": (match(firms, on=[*ON, "exporter"], method="entropy"), 58, 0.069, 0.026),
        "ipw": (match(firms, on=[*ON, "exporter"], method="ipw"), 58, 0.063, 0.027),
    }
    for name, (matched, count, estimate, error) in drawn.items():
        row = impact.att(matched, "exports_2014", method="difference").tidy().iloc[0]
        assert row["n_treated"] == count, name
        assert round(row["estimate"], 3) == estimate, name
        assert round(row["std_error"], 3) == error, name
    raw = firms.groupby("used")["exports_2014"].mean()
    assert raw[1] - raw[0] > 0.6  # most of which is that users exported before


def test_balance_improves_and_the_sentence_says_so(firms: pd.DataFrame) -> None:
    matched = match(firms, exact=EXACT, caliper=0.2, ratio=3)
    table = matched.balance().set_index("covariate")
    assert table["smd_before"].abs().max() > 1
    assert table["smd_after"].abs().max() < 0.2
    said = matched.summary()
    assert "50 of 58 participants" in said and "exactly on" in said
    entropy = match(firms, on=[*ON, "exporter"], method="entropy").balance()
    assert entropy["smd_after"].abs().max() < 1e-10
