"""Read what the packages gave, and the panel that was drawn for them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def panel(*, absent: bool = False) -> pd.DataFrame:
    """90 firms by 6 years; a tenth of the firm-years left out where asked."""
    frame = pd.read_csv(HERE / "panel.csv")
    return frame[frame["absent"] == 0] if absent else frame


def references() -> pd.DataFrame:
    """One row per package, quantity, setting and cell."""
    read = [
        pd.read_csv(HERE / name, keep_default_na=False, na_values={"std_error": [""]})
        for name in ("packages.csv", "r.csv")
    ]
    return pd.concat(read, ignore_index=True)
