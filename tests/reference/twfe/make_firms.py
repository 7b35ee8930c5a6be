"""Write firms.csv: the drawn firms on which the packages are compared. Run once; the seed is in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def main() -> None:
    rng = np.random.default_rng(20210701)
    firms, years = 90, np.arange(2010, 2018)
    joined = np.array([2010.0, 2013.0, 2015.0, 2016.0, np.nan])[
        np.repeat([0, 1, 2, 3, 4], [8, 20, 16, 12, 34])
    ]
    joined = rng.permutation(joined)
    rows = []
    for i in range(firms):
        level, shock = rng.normal(), 0.0
        for year in years:
            shock = 0.5 * shock + rng.normal(scale=0.6)
            since = year - joined[i] + 1
            effect = 0.15 * since if since > 0 else 0.0
            rows.append(
                (
                    f"F{i:03d}",
                    year,
                    joined[i],
                    i % 18,
                    round(1 + rng.uniform(), 3) if year == years[0] else np.nan,
                    round(rng.normal() + 0.2 * level, 4),
                    round(level + 0.1 * (year - 2010) + shock + effect, 4),
                )
            )
    frame = pd.DataFrame(
        rows, columns=["firm", "year", "joined", "chamber", "weight", "size", "exports"]
    )
    frame["weight"] = frame.groupby("firm")["weight"].transform("first")
    frame.to_csv(HERE / "firms.csv", index=False)


if __name__ == "__main__":
    main()
