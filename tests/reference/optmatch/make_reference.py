"""Total distances of optimal pairs and of full matching on the LaLonde data, by two min-cost flow solvers.

Run in an environment of its own (`pip install ortools networkx numpy pandas`), not in that of the package:

    python make_reference.py ../../../../shared/data/method_reference/lalonde.csv > totals.json

Nothing of `impact` is used: the logit is fitted here, distances are whole numbers (1e-12 of the score), OR-tools solves all problems by
cost scaling, networkx the ones marked by the network simplex. Totals are summed from the unrounded distances.
"""

import json
import sys
from math import fsum

import networkx as nx
import numpy as np
import pandas as pd
from ortools.graph.python import min_cost_flow

SCALE = 10**12
REWARD = 10**13  # more than any two distances


def score_of(x, d):
    x = np.column_stack([np.ones(len(x)), (x - x.mean(0)) / x.std(0)])
    b = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ b))
        b += np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (d - p))
    return 1 / (1 + np.exp(-x @ b))


def flow_by_ortools(arcs):
    solver = min_cost_flow.SimpleMinCostFlow()
    for tail, head, capacity, cost in arcs:
        solver.add_arc_with_capacity_and_unit_cost(tail, head, capacity, cost)
    nodes = 1 + max(max(a[0], a[1]) for a in arcs)
    for node in range(nodes):
        solver.set_node_supply(node, 0)
    assert solver.solve() == solver.OPTIMAL
    return [solver.flow(i) for i in range(len(arcs))]


def flow_by_networkx(arcs):
    graph = nx.MultiDiGraph()
    for i, (tail, head, capacity, cost) in enumerate(arcs):
        graph.add_edge(tail, head, key=i, capacity=capacity, weight=cost)
    # Arcs of a MultiDiGraph are not taken by min_cost_flow; a node in the middle of the second makes them single.
    single, extra = nx.DiGraph(), -1
    where = []
    for tail, head, capacity, cost in arcs:
        if single.has_edge(tail, head):
            single.add_edge(tail, extra, capacity=capacity, weight=cost)
            single.add_edge(extra, head, capacity=capacity, weight=0)
            where.append((tail, extra))
            extra -= 1
        else:
            single.add_edge(tail, head, capacity=capacity, weight=cost)
            where.append((tail, head))
    found = nx.network_simplex(single)[1]
    return [found[tail][head] for tail, head in where]


def total(distance, low, high, caliper, solve):
    """Least total over flows in which each participant and control has from low to high of the other arm.

    A circulation: the first units through a firm earn a reward, so that everybody who can be matched is.
    """
    n, m = distance.shape
    source, sink = n + m, n + m + 1
    arcs, pairs = [(sink, source, n * m, 0)], []
    for side, count, offset in ((0, n, 0), (1, m, n)):
        for i in range(count):
            ends = (source, offset + i) if side == 0 else (offset + i, sink)
            if low[side]:
                arcs.append((*ends, low[side], -REWARD))
            if high[side] > low[side]:
                arcs.append((*ends, high[side] - low[side], 0))
    for i in range(n):
        for j in range(m):
            if distance[i, j] <= caliper:
                pairs.append((i, j))
                arcs.append((i, n + j, 1, round(distance[i, j] * SCALE)))
    flow = solve(arcs)[-len(pairs) :]
    used = [distance[p] for p, f in zip(pairs, flow, strict=True) if f]
    return fsum(used), len(used)


def main(path):
    frame = pd.read_csv(path)
    frame = frame.assign(black=frame["race"] == "black", hispan=frame["race"] == "hispan")
    on = ["age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75"]
    d = frame["treat"].to_numpy()
    score = score_of(frame[on].to_numpy(dtype=float), d)
    inf = float("inf")
    n, m = int(d.sum()), int((1 - d).sum())
    problems = [
        # name, exact, caliper in SD, least and most of a participant and of a control
        ("pairs", None, inf, (1, 0), (1, 1)),
        ("pairs, two controls", None, inf, (2, 0), (2, 1)),
        ("pairs, caliper 0.2", None, 0.2, (1, 0), (1, 1)),
        ("pairs, exact race", "race", inf, (1, 0), (1, 1)),
        ("full", None, inf, (1, 1), (m, n)),
        ("full, caliper 0.2", None, 0.2, (1, 1), (m, n)),
        ("full, exact race", "race", inf, (1, 1), (m, n)),
        ("full, from 1/2 to 3", None, inf, (1, 1), (3, 2)),
        ("full, from 1/4 to 5", None, inf, (1, 1), (5, 4)),
        ("full, from 1/5 to 20, caliper 0.2", None, 0.2, (1, 1), (20, 5)),
        ("full, from 1 to 6", None, inf, (1, 1), (6, 1)),
    ]
    slow = {"pairs", "full", "full, from 1/4 to 5"} if "--networkx" in sys.argv else set()
    out = []
    for name, exact, caliper, low, high in problems:
        groups = [frame.index] if exact is None else [g.index for _, g in frame.groupby(exact)]
        limit = caliper * score.std(ddof=1) if np.isfinite(caliper) else inf
        row = {"problem": name}
        for solver in ("ortools", *(["networkx"] if name in slow else [])):
            solve = {"ortools": flow_by_ortools, "networkx": flow_by_networkx}[solver]
            sums, counts = [], []
            for g in groups:
                ins, outs = g[d[g] == 1], g[d[g] == 0]
                distance = np.abs(score[ins][:, None] - score[outs][None, :])
                a, b = total(distance, low, high, limit, solve)
                sums.append(a)
                counts.append(b)
            row |= {f"total_{solver}": fsum(sums), "distances": sum(counts)}
        out.append(row)
        print(row, file=sys.stderr, flush=True)
    print(json.dumps(out, indent=1))


main(sys.argv[1])
