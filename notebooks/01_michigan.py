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
# # Did the training grants work? An evaluation from file to cost per job
#
# In 1988 and 1989 the state of Michigan gave some small manufacturers a grant to train their workers. We know 157
# firms over three years: 36 received a grant in 1988, 30 in 1989, 91 never. The question is the one that every
# programme for small firms must answer: **did it change anything, for whom, by how much, and what did it cost?**
#
# This chapter walks the whole way once, in the order in which `impact` works: *what did we receive, can we trust it,
# compared to whom, by how much, should we believe it, was it worth it*. Every step is one call, and every result is a
# value that prints a table and a sentence.

# %%
from linearmodels.datasets import jobtraining
import numpy as np
import pandas as pd

import impact

pd.options.display.float_format = "{:,.3f}".format

# %% [markdown]
# ## What did we receive?
#
# One row per firm and year. The data ship with a library, so that this chapter runs anywhere; your own would come from
# a CSV file. We look before we compute: the number of values in each column is not the number of rows. **A missing
# value is not a zero.** A firm that does not report its scrap rate has not stopped producing scrap.

# %%
raw = jobtraining.load()
firms = raw[["fcode", "year", "grant", "employ", "sales", "avgsal", "scrap", "hrsemp", "union"]].copy()
firms.notna().groupby(firms["year"]).sum()

# %% [markdown]
# Outcomes that are sizes (employment, sales, scrap) are compared in logarithms, so that a change of 0.10 is about ten
# per cent for a small firm and a large one alike. None of them is ever zero here. If one were, a logarithm would be
# the wrong tool.

# %%
for column in ["employ", "sales", "avgsal", "scrap"]:
    firms[f"log_{column}"] = np.log(firms[column])

# A grant may work with a delay, so we also mark the year after it. Nobody had a grant before 1988.
firms = firms.sort_values(["fcode", "year"])
firms["grant_before"] = firms.groupby("fcode")["grant"].shift().fillna(0)

panel = impact.panel(
    firms,
    unit="fcode",
    time="year",
    treatment="grant",
    labels={"log_employ": "log employment", "log_scrap": "log scrap rate", "hrsemp": "hours of training"},
)
print(panel.summary())

# %% [markdown]
# The panel knows who joined when. It is a frozen value: nothing that we do later can change it, and our own table
# `firms` was copied, not touched.
#
# ## A first regression
#
# The textbook answer compares each firm with itself over time and takes out what changed for everybody in a year:
# firm and year effects. Errors of one firm are related over its three years, so standard errors are clustered by firm.
# The last line of the table names the small-sample factor; two packages that leave it unsaid differ in the third digit.

# %%
impact.regress("log_scrap ~ grant + grant_before | fcode + year", panel, cluster="fcode")

# %% [markdown]
# Scrap falls by about 22 per cent in the year of the grant (`100 * (exp(-0.252) - 1)`) and by a third in the year
# after. But look at the interval: it reaches beyond zero. Only 54 of the 157 firms report scrap at all. With the
# classical standard errors of a textbook (leave out `cluster=`), the second coefficient would pass for significant.
#
# ## Compared to whom?
#
# A regression compares with whoever is in the table. Matching asks first: *which* firms that never had a grant
# resembled the participants in the year before these joined? The outcome is not an argument of `match`: the design
# is made, and judged, before any result is seen.

# %%
matched = impact.match(
    panel, on=["log_employ", "log_avgsal"], exact=["union"], distance="mahalanobis"
)
print(matched.summary())

# %%
matched.balance()[["covariate", "mean_treated_after", "mean_control_after", "smd_before", "smd_after"]]

# %%
matched.plot()

# %% [markdown]
# A standardised mean difference below 0.1 is good. Over both years together the arms were alike even before matching,
# but `matched.balance(by_cohort=True)` shows that those of 1989 paid higher wages than others, and those of 1988 lower
# ones; matching removed both differences. It speaks of 57 of the 66 participants: of nine, employment or pay in the year before is not known.
# What it cannot see is the will to train: firms *applied* for grants.
#
# ## By how much?
#
# `att` estimates the average effect on those who took part, the *average treatment effect on the treated*. Group-time
# effects take each year of joining by itself. Firms that joined in 1988 are compared, from 1987 on, with
# firms that never joined; those of 1989 from 1988 on. Nobody who has a grant already serves as a comparison, which is
# the mistake hidden in the first regression when effects grow.

# %%
hours = impact.att(panel, "hrsemp", method="group_time")
hours

# %%
hours.aggregate("event").plot()

# %% [markdown]
# This is what a clear effect looks like: some 33 hours more per employee in the year of the grant, and nothing a year
# later. The money paid for training, and training was done. Whether that reached the firm's size is another question.

# %%
employment = impact.att(panel, "log_employ", method="group_time")
employment.aggregate("event").tidy()[["term", "estimate", "conf_low", "conf_high", "n_treated", "n_control"]]

# %%
impact.att(matched, "log_employ", method="matched_did").aggregate("overall")

# %% [markdown]
# Both designs say the same: a few per cent more employment, with an interval that reaches from a loss of several per
# cent to a gain of more than ten. **The effect cannot be told from zero.** That is a finding, and it must be written as
# one. It is not evidence that the grants had no effect.
#
# ## Should we believe it?

# %%
print(impact.check(employment, ["pretrends"]).summary())

# %%
print(impact.check(hours, ["pretrends"]).summary())

# %% [markdown]
# Only the firms of 1989 were seen for two years before joining, so this test rests on them alone. A pass is weak: it
# would have missed a difference of the size that the sentence names. For hours of training it fails at five per cent:
# in the year before the grant, hours of those firms had already grown by more. The difference is some four hours beside an effect of 33.
#
# ## Was it worth it?
#
# The data hold no amounts. We *assume* USD 20,000 a grant, and say so: the column `status` follows that word into every
# line that uses it. Jobs are counted in levels, since a logarithm cannot be added over firms.

# %%
jobs = impact.att(panel, "employ", method="group_time")
grants = pd.DataFrame(
    {
        "item": ["grants of 1988", "grants of 1989"],
        "year": [1988, 1989],
        "amount": [36 * 20_000.0, 30 * 20_000.0],
        "currency": "USD",
        "source_of_funds": "public",
        "assumed": True,
    }
)
value = impact.cost_effectiveness(
    jobs, grants, horizon=1, discount_rate=0.03, currency="USD", participants={1988: 36, 1989: 30}
)
print(value.sentence)

# %%
value.tidy()[["term", "estimate", "conf_low", "conf_high", "unit", "status"]]

# %%
value.plot()

# %% [markdown]
# Someone will ask for the cost per job, and dividing the one estimate by the other gives a number. It would be wrong to
# print it. Zero jobs are among the values that these data allow, and a cost divided by zero has no upper bound. What
# can be printed is the other way round, net jobs per million, whose interval is always an interval.
#
# The same study, from the same file, as one command with a PDF annex: `impact run reports/michigan/study.toml`.
