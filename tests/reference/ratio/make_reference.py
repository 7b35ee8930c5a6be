"""Draw firms whose ratio of two slopes is strong, weak or lost, and the confidence set of it by ivmodels: `python make_reference.py`.

With one instrument z the Anderson-Rubin set of ivmodels is Fieller's set of (slope of y on z) / (slope of x on z): another field's name for it, with
other formulas (projections of the data, not estimates and their covariance).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from ivmodels.tests import inverse_anderson_rubin_test

HERE = Path(__file__).parent
SLOPES = {
    "strong": (0.8, 2.0),
    "negative": (0.8, -1.5),
    "weak": (0.9, 0.12),
    "weak, zero inside": (0.1, 0.12),
    "lost": (0.02, 0.01),
}


def drawn(number: int, of_y: float, of_x: float) -> pd.DataFrame:
    """80 firms; noise of x and y is correlated, so that the slopes are."""
    rng = np.random.default_rng([20160516, number])
    z, first, second = rng.standard_normal((3, 80))
    y, x = of_y * z + 1.0 + first, of_x * z + 0.5 + 0.6 * first + 0.8 * second
    return pd.DataFrame({"z": z, "x": x, "y": y}).round(9)


frames, rows = [], []
for number, (case, slopes) in enumerate(SLOPES.items()):
    firms = drawn(number, *slopes)
    frames.append(firms.assign(case=case))
    data = [firms[[name]].to_numpy() for name in ("z", "x")] + [firms["y"].to_numpy()]
    for critical_values in ("chi2", "f"):
        for alpha in (0.05, 0.2):
            found = inverse_anderson_rubin_test(*data, alpha=alpha, critical_values=critical_values)
            ends = sorted(np.ravel(found._boundary()).tolist())
            kind = ("bounded" if found.is_bounded() else "complement") if ends else "unbounded"
            low, high = (ends if kind == "bounded" else ends[::-1]) or (np.nan, np.nan)
            rows.append((case, critical_values, 1 - alpha, kind, repr(low), repr(high)))
pd.concat(frames).to_csv(HERE / "firms.csv", index=False)
columns = ["case", "critical_values", "conf_level", "kind", "conf_low", "conf_high"]
pd.DataFrame(rows, columns=columns).to_csv(HERE / "ivmodels.csv", index=False)
