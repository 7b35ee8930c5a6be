"""Made with wildboottest 0.3.2 and statsmodels: p-values with every pattern of signs, so that no chance is in them.

Run with a Python that has both: `python tests/reference/wild_bootstrap/make.py`. Writes firms.csv (drawn here) and raw.csv.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from wildboottest.wildboottest import wildboottest

HERE = Path(__file__).parent
FORMULAS = {
    "plain": "y ~ d + x",
    "years": "y ~ d + x + C(year)",
    "firms": "y ~ d + x + C(firm) + C(year)",
}


def firms() -> pd.DataFrame:
    """Ten clusters of which three are treated from year 2 on."""
    rng = np.random.default_rng(20260516)
    n, clusters = 160, 10
    g = np.repeat(np.arange(clusters), n // clusters)
    firm, year = np.arange(n) // 4, np.arange(n) % 4
    d = ((g < 3) & (year >= 2)).astype(int)
    x = rng.normal(size=n)
    y = 1 + 0.3 * d + 0.5 * x + 0.5 * rng.normal(size=clusters)[g] + 0.2 * year + rng.normal(size=n)
    return pd.DataFrame({"y": y, "d": d, "x": x, "g": g, "firm": firm, "year": year}).round(6)


def main() -> None:
    frame = firms()
    frame.to_csv(HERE / "firms.csv", index=False)
    rows = []
    for name, formula in FORMULAS.items():
        for kind in ("11", "31"):
            for null in (True, False):
                model = smf.ols(formula, data=frame)
                found = wildboottest(model, param="d", cluster=frame["g"], B=9_999, weights_type="rademacher",
                                     impose_null=null, bootstrap_type=kind, seed=1, show=False)  # fmt: skip
                rows.append({"formula": name, "type": kind, "null": null,
                             "statistic": float(np.ravel(found["statistic"])[0]),
                             "p_value": float(np.ravel(found["p-value"])[0])})  # fmt: skip
    pd.DataFrame(rows).to_csv(HERE / "raw.csv", index=False)


if __name__ == "__main__":
    main()
