"""Compute the reference values a second and a third way; see README.md. Prints JSON lines."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from linearmodels import PanelOLS
from linearmodels.datasets import jobtraining

MODELS = {
    "lscrap": ["grant", "grant_1"],
    "lemploy": ["grant", "grant_1"],
    "hrsemp": ["grant", "grant_1", "lemploy"],
    "lsales": ["grant", "grant_1"],
}


def dense(rows: pd.DataFrame, outcome: str, terms: list[str]) -> dict[str, dict[str, float]]:
    """Least squares on explicit dummies, every covariance by its formula."""
    firm = pd.get_dummies(rows["fcode"], dtype=float).to_numpy()
    year = pd.get_dummies(rows["year"], dtype=float).to_numpy()[:, 1:]
    x = np.column_stack([rows[terms].to_numpy(float), firm, year])
    y = rows[outcome].to_numpy()
    bread = np.linalg.inv(x.T @ x)
    b = bread @ x.T @ y
    u = y - x @ b
    n, k = x.shape
    groups = len(firm.T)
    scores = pd.DataFrame(x * u[:, None]).groupby(rows["fcode"].to_numpy()).sum().to_numpy()
    raw = bread @ scores.T @ scores @ bread
    slopes = len(terms)
    scale = groups / (groups - 1) * (n - 1) / (n - (slopes + 3))
    out = {}
    for i, term in enumerate(terms):
        out[term] = {
            "estimate": b[i],
            "classical": np.sqrt(u @ u / (n - k) * bread[i, i]),
            "fixest": np.sqrt(scale * raw[i, i]),
            "linearmodels": np.sqrt(n / (n - (slopes + 2)) * raw[i, i]),
        }
    return out


def library(rows: pd.DataFrame, outcome: str, terms: list[str]) -> dict[str, dict[str, float]]:
    """linearmodels with firm effects absorbed and year dummies written out."""
    data = rows.set_index(["fcode", "year"])
    years = pd.get_dummies(rows["year"], dtype=float).iloc[:, 1:].set_axis(["d1", "d2"], axis=1)
    x = pd.concat([data[terms], years.set_index(data.index)], axis=1)
    model = PanelOLS(data[outcome], x, entity_effects=True)
    plain, grouped = model.fit(), model.fit(cov_type="clustered", cluster_entity=True)
    return {
        t: {"estimate": plain.params[t], "classical": plain.std_errors[t],
            "linearmodels": grouped.std_errors[t]}
        for t in terms
    }  # fmt: skip


def main() -> None:
    """Print one line per outcome, term and way."""
    data = jobtraining.load()
    data["lsales"] = np.log(data["sales"])  # the file's own column is off by 0.0044 in a row
    for outcome, terms in MODELS.items():
        rows = data[["fcode", "year", outcome, *terms]].dropna()
        for way, compute in (("dense", dense), ("library", library)):
            for term, values in compute(rows, outcome, terms).items():
                line = {"outcome": outcome, "term": term, "way": way, "n_obs": len(rows)}
                print(json.dumps({**line, **{k: round(float(v), 10) for k, v in values.items()}}))


if __name__ == "__main__":
    main()
