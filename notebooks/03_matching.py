# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Compared to whom?
#
# Participants are not like other firms. They are larger, older, better run, or they came because trouble had begun. A plain
# comparison mixes that difference with the effect. **Matching** finds firms that looked the same *before* joining, and compares with
# them. It uses no outcome: you can look at the comparison as long as you like without peeping at the answer.
#
# We use the Michigan training grants again: 157 small manufacturers, 1987 to 1989, grants in 1988 and 1989. The question here is only
# the first half of an evaluation: **who is a fair comparison, and how would we know?**

# %%
from linearmodels.datasets import jobtraining
import numpy as np
import pandas as pd

import impact

pd.options.display.float_format = "{:,.3f}".format

raw = jobtraining.load()
firms = raw[["fcode", "year", "grant", "employ", "sales", "avgsal", "hrsemp", "union"]].sort_values(["fcode", "year"])
for column in ["employ", "sales", "avgsal"]:
    firms[f"log_{column}"] = np.log(firms[column])

panel = impact.panel(
    firms,
    unit="fcode",
    time="year",
    treatment="grant",
    labels={"log_employ": "employees (log)", "log_sales": "sales (log)", "log_avgsal": "pay (log)", "hrsemp": "training hours"},
)
ON = ["log_employ", "log_sales", "log_avgsal", "union"]

# %% [markdown]
# ## A first match
#
# Each firm that got a grant is paired with the firm that, *in the year before*, had the most similar chance of getting one. That chance
# (the *propensity score*) is estimated from size, sales, pay and union. The **caliper** says how far apart a pair may be: a fifth of the
# score's standard deviation is the common choice. Nobody within reach means no pair, and the table says so.

# %%
matched = impact.match(panel, on=ON, caliper=0.2)
matched

# %% [markdown]
# Read it in this order.
#
# 1. **Who is left?** 43 of 46 firms found a pair. Whatever we find is about them.
# 2. **Are they alike?** `smd` is the difference in means in standard deviations of the participants. Below 0.1 is good, above 0.25 is
#    trouble. The same number can be worse *within* a cohort than over all, so the sentence gives both.
# 3. **What is said at the end?** Firms outside the range of the other arm have nobody like them.
#
# A picture says the second point faster.

# %%
matched.plot()

# %% [markdown]
# ## Is there anybody to compare with?
#
# Overlap is not balance. If no comparison firm has a score like a participant's, no weighting will make one. The table counts who lies
# outside, by several rules; with `value=` it also counts euros, because the firms outside are often the largest.

# %%
matched.overlap(value="sales")

# %%
matched.plot("overlap")

# %% [markdown]
# The three firms without a pair are not a random three: they differ from those that were matched, and the effect says nothing on them.

# %%
matched.unmatched()

# %% [markdown]
# ## Other ways to the same end
#
# No method is best everywhere. Three families differ in what they give up:
#
# - **pairs** (`nearest`, `mahalanobis`, `optimal`): easy to explain; drop firms;
# - **sets** (`exact`, `coarsened`, `subclass`, `full`): firms of a cell stand for each other; cells without a partner fall out;
# - **weights** (`entropy`, `ipw`, `cbps`): nobody is dropped; a few firms may carry the comparison, which the effective sample size tells.
#
# `impact.methods()` lists them with what each needs. A method that cannot do something refuses it.

# %%
ways = {
    "nearest, caliper 0.2": {"caliper": 0.2},
    "Mahalanobis": {"method": "mahalanobis"},
    "optimal pairs": {"method": "optimal"},
    "coarsened, 3 bins": {"method": "coarsened", "cutpoints": 3},
    "subclasses of the score": {"method": "subclass", "n_subclasses": 4},
    "full matching": {"method": "full"},
    "entropy balancing": {"method": "entropy"},
    "inverse probability": {"method": "ipw"},
}
designs = {name: impact.match(panel, on=ON, **words) for name, words in ways.items()}


def worst(design: impact.MatchResult) -> float:
    table = design.balance().set_index("covariate")
    return table.loc[ON, "smd_after"].abs().max()


pd.DataFrame(
    {
        "participants": {name: d.sizes().loc["after", "n_treated"] for name, d in designs.items()},
        "worth of comparison firms": {name: d.sizes().loc["after", "ess_control"] for name, d in designs.items()},
        "largest imbalance": {name: worst(d) for name, d in designs.items()},
    }
)

# %% [markdown]
# Entropy balancing makes the means equal by construction, at a price that is small here: 68 firms with unequal weights are worth 61 with equal
# ones. Where that number falls to a handful, the comparison rests on a handful.
#
# ## Did they move alike before?
#
# Alike in one year may be chance. For firms with two years before joining, the paths of training hours can be drawn, up to the year before
# joining and never after: the design does not look at the outcome.

# %%
matched.paths("hrsemp")

# %% [markdown]
# ## By how much?
#
# Only now the outcome. On a panel, `matched_did` compares each firm's change since the year before joining with the change of its comparison
# firms, cohort by cohort. The standard errors know the design: pairs are clusters; estimated weights count as estimated.

# %%
effects = {
    name: impact.att(design, "hrsemp", method="matched_did").aggregate("overall").tidy().iloc[0]
    for name, design in designs.items()
}
pd.DataFrame(effects).T[["estimate", "std_error", "conf_low", "conf_high", "n_treated"]].astype(float)

# %% [markdown]
# Eight designs, one answer: about twenty more hours of training a worker and year. That they agree is worth more than any one of them. Had they
# not, the table of balance would say which to believe.
#
# ## A cross-section
#
# Without years before and after, levels are compared. Three estimators work on the same match:
#
# - `difference`: weighted means;
# - `g_computation`: adjusted by a regression among the comparison firms;
# - `aipw`: both, on weights; right if either the weights or the regression is.

# %%
wide = firms.set_index(["fcode", "year"]).unstack("year")
section = pd.DataFrame({c: wide[(c, 1987)] for c in ON}).assign(
    joined=wide[("grant", 1988)].astype(int), hours=wide[("hrsemp", 1988)], later=wide[("grant", 1989)]
)
# Firms that join a year later are no comparison for 1988 that stays clean; they are left out here.
section = section[(section["joined"] == 1) | (section["later"] == 0)]
weighted = impact.match(section, treatment="joined", on=ON, method="entropy")
pd.concat([impact.att(weighted, "hours", method=m).tidy().assign(method=m) for m in ("difference", "g_computation", "aipw")])[
    ["method", "estimate", "std_error", "conf_low", "conf_high"]
]

# %% [markdown]
# Weights that balance the means leave a linear regression nothing to do, and the three would agree to the last digit if hours were known
# of every firm. They are not, so the weighted firms that remain are a little out of balance again; the regression repairs that.
#
# **With replacement** a comparison firm may serve several participants. Pairs are then closer, but not independent: the standard error
# is that of Abadie and Imbens, which also knows that the score was estimated. A bootstrap would not be valid, and is not offered.

# %%
reused = impact.match(section, treatment="joined", on=ON, replace=True)
impact.att(reused, "hours", method="difference")

# %% [markdown]
# ## What goes into the report
#
# One sentence, made from what was done. Nothing in it is typed by hand.

# %%
print(matched.methods_sentence())
