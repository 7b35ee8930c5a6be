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
# 1. **Who is left?** 66 firms got a grant. Size, sales and pay in the year before are known of 46 of them, and 43 of these found a pair.
#    Whatever we find is about those 43, and not about the 66; most are lost because they did not report sales. Without sales among the
#    covariates, 57 of the 66 could be matched (chapter 1 does that).
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
# All eight speak of the 46 participants whose covariates are known, or of fewer, and never of the 66. Entropy balancing makes the means
# equal by construction, at a price that is small here: 68 firms with unequal weights are worth 61 with equal ones. Where that number falls
# to a handful, the comparison rests on a handful.
#
# ## Did they move alike before?
#
# Alike in one year may be chance. For firms with two years before joining, the paths of training hours can be drawn, up to the year before
# joining and never after: the design does not look at the outcome.

# %%
matched.paths("hrsemp")

# %% [markdown]
# After matching, participants trained 4.5 hours less than their comparison firms two years before joining, and 0.6 hours less one year
# before. **The two lines are not of the same firms.** Only those that joined in 1989 were seen for two years before it (`n_cohorts` is 1),
# while the line at −1 holds both cohorts. So we take the pairs of 1989 alone, and of these the ones in which both firms report in both
# years.

# %%
hours = panel.wide("hrsemp")
pairs = matched.pairs.query("cohort == 1989")
treated, control = (hours.loc[pairs[arm], [1987, 1988]].to_numpy() for arm in ("treated", "control"))
known = ~(np.isnan(treated) | np.isnan(control)).any(axis=1)
before = pd.DataFrame({"participants": treated[known].mean(axis=0), "comparison": control[known].mean(axis=0)}, index=[1987, 1988]).T
before["change"] = before[1988] - before[1987]
print(f"{known.sum()} pairs, hours of training before the grants of 1989")
before

# %% [markdown]
# They did not move alike. In these 13 pairs the participants' hours rose by 4.9 between 1987 and 1988, *before* their grant, while those of
# their comparison firms fell by 7.3: a gap of 12.1 hours in the change, on which no grant had a bearing yet. Alike in size, sales, pay and
# union is not alike in training. For those that joined in 1988 nobody knows: they have one year before joining, and no trend.
#
# ## By how much?
#
# Only now the outcome. On a panel, `matched_did` compares each firm's change since the year before joining with the change of its
# comparison firms, cohort by cohort. The standard errors know the design: pairs are clusters; estimated weights count as estimated.
#
# One number an estimator is not enough. An effect has a time: the year of the grant (0), the year after (1), and, two years before joining
# (−2), what should be zero if both arms had moved alike until then.

# %%
effects = {name: impact.att(design, "hrsemp", method="matched_did") for name, design in designs.items()}
overall = pd.concat([e.aggregate("overall").tidy().assign(design=name) for name, e in effects.items()]).set_index("design")
event = pd.concat([e.aggregate("event").tidy().assign(design=name) for name, e in effects.items()]).set_index(["design", "event_time"])
estimate, p_value, participants = (event[c].unstack().loc[list(designs)] for c in ("estimate", "p_value", "n_treated"))
pd.DataFrame(
    {
        "two years before": estimate[-2],
        "its p": p_value[-2],
        "year of the grant": estimate[0],
        "year after": estimate[1],
        "overall": overall["estimate"],
        "participants, overall": overall["n_treated"],
    }
)

# %% [markdown]
# **In the year of the grant** the hours of participants had grown by 31 to 35 more per employee than those of comparison firms, in each of
# the eight designs. **In the year after** the difference lies between −3.4 and +3.3 hours, and no design can tell it from zero; this is the
# cohort of 1988 alone, whose second year is the last of the data.
#
# **The overall number is nobody's effect.** It averages the years of participants: two of those that joined in 1988, one of those that
# joined in 1989. 19 to 23 hours are what comes out when a year with more than thirty is averaged with one of about none. Printed alone, it
# says as much about the length of the data as about the grants.

# %%
first = event.xs(0, level="event_time").loc[list(designs), ["estimate", "std_error", "conf_low", "conf_high", "n_treated", "n_control"]]
after = event.xs(1, level="event_time").loc[list(designs), ["estimate", "conf_low", "conf_high", "p_value", "n_treated"]]
first

# %%
after

# %% [markdown]
# That eight designs agree says that the answer does not hang on how the firms were matched. It does *not* say that the comparison is
# right: they use the same few covariates and the same firms, and what these leave out, all of them leave out.
#
# **The first column is the weak spot.** The estimate at −2 is negative in all eight, from −12.1 to −4.4, and below p = 0.05 in four
# (nearest, Mahalanobis, optimal, subclasses). Read: between two years and one year before joining, the hours of participants had risen by 4
# to 12 more than those of comparison firms. All of it is the cohort of 1989, 13 to 18 firms. A pass in the other four is no proof: the
# check says which difference it would have missed.

# %%
print(impact.check(effects["entropy balancing"], ["pretrends"]).summary())

# %% [markdown]
# How much of the 31 to 35 could that explain? Suppose the worst that this one number suggests: that in the year of the grant, too,
# participants would have gained on comparison firms, without any grant, by as much as in the year before it, and that those of 1988 had
# been on the same path.

# %%
(estimate[0] + estimate[-2]).rename("year of the grant, less the gain in the year before").to_frame()

# %% [markdown]
# Some 19 to 31 hours would remain. A departure of the size that was seen would not turn the sign of the first year, but it moves its size.
# **What we would write:** the grants went with some 31 to 35 hours more of training per employee in the year in which they were paid, and,
# for the firms of 1988, with no difference that can be told from zero a year later. The first number may be too large by the 4 to 12 hours
# by which participants of 1989 were already pulling ahead: firms applied for the grants, and whoever plans to train may both apply and
# train. It speaks of the 46 of 66 participants whose covariates are known, or fewer, and in the year of the grant of the 32 to 43 whose
# hours are known in both years.
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
# Weights that balance the means leave a linear regression nothing to do, and the three would agree to the last digit if hours were known of
# every firm. They are not (25 of 28 participants are left), so the weighted firms that remain are a little out of balance again; the
# regression repairs that. These are differences in 1988, the year of the grant, of the firms that joined in it: 27 or 28 hours are to be
# set beside the first year above, and not beside the overall number.
#
# **With replacement** a comparison firm may serve several participants. Pairs are then closer, but not independent: the standard error is
# that of Abadie and Imbens, which also knows that the score was estimated. A bootstrap would not be valid, and is not offered. Here 19
# participants and 16 comparison firms are left whose hours are known: 22 hours, with an interval from 10 to 35 in which the other three
# lie.

# %%
reused = impact.match(section, treatment="joined", on=ON, replace=True)
impact.att(reused, "hours", method="difference")

# %% [markdown]
# ## What goes into the report
#
# One sentence, made from what was done. Nothing in it is typed by hand.

# %%
print(matched.methods_sentence())
