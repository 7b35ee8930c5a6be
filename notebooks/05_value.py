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
# # Was it worth it? Jobs and exports per euro
#
# An effect per firm is not yet an answer for those who paid. They ask what the whole programme brought, what a euro of it bought, and
# how sure that is. This chapter goes there on a programme that we draw ourselves, so that **the true answer is known**, and shows four ways in
# which such ratios go wrong in print: a denominator that leaves money out, a price without an upper bound, a deadweight removed twice, and years that
# nobody observed.

# %%
import numpy as np
import pandas as pd

import impact

pd.options.display.float_format = "{:,.3f}".format
pd.options.display.width = 150
pd.options.display.max_columns = 20
pd.options.display.max_colwidth = 70


# %% [markdown]
# ## A programme whose effect is known
#
# 600 firms over 2010 to 2016; a fifth joins in 2012, a fifth in 2013, the others never. Each year of participation adds half a job more to a
# participant, up to two, and 4,000 euros of exports more, up to 16,000. A firm that gains jobs tends to gain exports, too.

# %%
def programme(firms=600, seed=4, jobs_each=0.5, euros_each=4_000.0):
    rng = np.random.default_rng(seed)
    group = np.arange(firms) % 5
    joined = np.where(group == 0, 2012.0, np.where(group == 1, 2013.0, np.nan))
    years = np.arange(2010, 2017)
    since = np.nan_to_num(np.clip(years - joined[:, None] + 1, 0, 4))
    common = rng.normal(size=(firms, len(years)))
    jobs = 20 + rng.normal(0, 6, firms)[:, None] + 0.4 * (years - 2010) + common + rng.normal(0, 1.0, (firms, len(years)))
    euros = 90_000 + rng.normal(0, 20_000, firms)[:, None] + 3_000 * (years - 2010) + 6_000 * common
    euros = euros + rng.normal(0, 9_000, (firms, len(years)))
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), len(years)),
            "year": np.tile(years, firms),
            "joined": np.repeat(joined, len(years)),
            "jobs": (jobs + jobs_each * since).ravel(),
            "exports_eur": (euros + euros_each * since).ravel(),
        }
    )


panel = impact.panel(programme(), unit="firm", time="year", cohort="joined")
jobs = impact.att(panel, "jobs", method="group_time")
exports = impact.att(panel, "exports_eur", method="group_time")
print(jobs.aggregate("event").tidy().query("event_time >= 0")[["event_time", "estimate", "conf_low", "conf_high"]])

# %% [markdown]
# ## What was paid
#
# One row per payment: what for, when, how much, in which currency, by whom. Only what was **disbursed** counts. The office served two activities; a
# joint line is shared among them by a key that is named, here participants. Firms paid a part themselves: their money is cost, too, and not public.

# %%
paid = pd.DataFrame(
    [
        ("training", 2012, 700_000.0, "EUR", "EU", "training"),
        ("training", 2013, 650_000.0, "EUR", "EU", "training"),
        ("fair", 2013, 250_000.0, "EUR", "ministry", "missions"),
        ("office", 2012, 200_000.0, "EUR", "ministry", "joint"),
        ("fees", 2013, 200_000.0, "EUR", "firms", "training"),
    ],
    columns=["item", "year", "amount", "currency", "source_of_funds", "activity"],
)
costs = impact.share_costs(paid, {"training": 180, "missions": 60}, key_name="participants")
costs[["item", "activity", "year", "amount", "source_of_funds", "shared_by"]]

# %% [markdown]
# Amounts in other currencies and of other years become constant euros by `money=impact.Money(rates, deflators, base_year, order)`. Rates are
# yearly averages, from a table of your own or, for currencies that the European Central Bank publishes, from `impact.ecb_rates` (`pip install 'impact[rates]'`).
#
# ## Jobs and exports, together
#
# Two outcomes of the same firms go into one account. Jobs are a stock: they are counted at the horizon, and as job-years. Exports are money: they are added
# over the years and discounted, as costs are.

# %%
value = impact.cost_effectiveness(
    {"jobs": jobs, "exports": exports}, costs, horizon=3, discount_rate=0.03, denominator="total"
)
table = value.tidy().set_index(["outcome", "term"])
table[["estimate", "conf_low", "conf_high", "unit", "status"]]

# %% [markdown]
# We know the truth: three years after joining a participant has two jobs more, so 240 participants have 480. The first number to print is the one that is
# always well behaved, **net jobs per million**; a cost per job follows only where its interval has an upper end.

# %%
true_jobs = 240 * 2.0
found = table.loc[("jobs", "total_at_horizon")]
print(f"true {true_jobs:.0f}, estimated {found['estimate']:.0f}, interval {found['conf_low']:.0f} to {found['conf_high']:.0f}")
print(value.sentence.split(". ")[0])

# %%
value.plot()

# %% [markdown]
# Each line knows which number it is: numerator, denominator, horizon, net or gross, price base, and how much of the cost it counts.

# %%
table.loc[("exports", "per_unit_of_cost"), ["label", "horizon", "basis", "price_base", "cost_share", "attribution"]]

# %% [markdown]
# Gross exports are not a gain: inputs are in them, and what participants took from others. With `domestic_share=0.6` the account adds the
# domestic value added in them; an effect on value added itself (`{"value_added": ...}`) also gets a benefit-cost ratio, a net present value and an
# internal rate of return, against all costs and not the public ones alone.
#
# ## Whose euro?
#
# The first way to go wrong. Set all results against the money of one funder, and the ratio grows by one over its share of the cost, without a single job
# more.

# %%
for money in ("EU", "public", "total"):
    row = value.again(denominator=money).tidy().set_index(["outcome", "term"]).loc[("jobs", "total_per_million")]
    print(f"{money:7} {row['estimate']:6.1f} net jobs per million; counts {100 * row['cost_share']:.0f} % of the cost")
value.attribution().query("term == 'total_at_horizon'")[["source_of_funds", "share", "estimate", "conf_low", "conf_high"]]

# %% [markdown]
# `attribution()` shares the results in proportion to what each paid. *Leverage* is three numbers that carry one name:

# %%
value.leverage()

# %% [markdown]
# ## A price without an upper bound
#
# The second way. Here is a programme of the same size that adds a twentieth of a job a year. Divide the cost by the estimate, and a price comes out; but zero jobs are among
# the values that these data allow, and a cost divided by zero has no upper bound. The account prints no price then.

# %%
weak_panel = impact.panel(programme(seed=9, jobs_each=0.05), unit="firm", time="year", cohort="joined")
weak = impact.cost_effectiveness(
    impact.att(weak_panel, "jobs", method="group_time"), costs, horizon=3, denominator="total"
)
weak.tidy()[["term", "estimate", "conf_low", "conf_high", "interval"]]

# %% [markdown]
# `impact.ratio` is the rule behind it, for two numbers of your own. Fieller's set is every ratio that the data do not reject; the textbook's delta method
# draws a tidy interval around a number that means nothing.

# %%
print(impact.ratio((10.96e6, 0.0), (1_200.0, 500.0)))
print(impact.ratio((10.96e6, 0.0), (1_200.0, 800.0)))
print(impact.ratio((10.96e6, 0.0), (1_200.0, 800.0), method="delta"))

# %% [markdown]
# What can still be said of a price: how likely a job is to cost no more than it. Where the curve levels off below one, no price is high enough to be sure.

# %%
weak.plot("acceptability")

# %% [markdown]
# ## Years that nobody observed
#
# The third way. The account refuses a horizon beyond the last observed year. If effects are believed to last, the belief is declared as a `persistence`, is labelled in every line
# that uses it, and its status becomes *assumption*.

# %%
try:
    value.again(horizon=6)
except impact.EstimationError as refused:
    print(refused)
longer = value.again(horizon=6, persistence=[0.8, 0.6, 0.4])
print(longer.tidy().set_index(["outcome", "term"]).loc[("jobs", "unit_years"), ["estimate", "label", "status"]].to_string())

# %% [markdown]
# The tornado changes one assumption at a time and makes the account again. What a reader should take from it is which belief carries the result.

# %%
value.plot("tornado")

# %%
value.tornado(outcome="exports")[["dimension", "scenario", "estimate", "conf_low", "conf_high", "status"]]

# %% [markdown]
# ## Net of what?
#
# The fourth way. The effect compares participants with firms that did not take part: what would have happened anyway is already out of it. A *deadweight* on top of that
# would take it out twice, and is refused.

# %%
try:
    value.again(additionality={"deadweight": 0.4})
except impact.EstimationError as refused:
    print(refused)

# %% [markdown]
# What is *not* out of it is what participants took from other firms of the country (displacement), what went to firms that were not meant (leakage), and
# further rounds (a multiplier). These are rarely known: a range is more honest than a point, and widens the interval.

# %%
belief = impact.Additionality(displacement=(0.25, 0.10), multiplier=1.1)
after = value.again(additionality=belief).tidy().set_index(["outcome", "term"])
pd.DataFrame({"effect": table.loc[("jobs", "total_at_horizon")], belief.label(): after.loc[("jobs", "total_at_horizon")]}).loc[
    ["estimate", "std_error", "conf_low", "conf_high"]
]

# %% [markdown]
# Without any counterfactual there is only assumption, and `impact.additionality` says so. Where there are both a reported figure and an effect, the two say
# which deadweight was in the report.

# %%
print(impact.additionality(20_000, deadweight=0.4, displacement=0.25, multiplier=1.1, unit="jobs"))
total = table.loc[("jobs", "total_at_horizon")]
print(impact.implied_deadweight((total["estimate"], total["std_error"]), 900.0))

# %% [markdown]
# ## Intervals that count the design
#
# The intervals above take the comparison as it was made. A bootstrap makes it again in each draw of firms: match, estimate, add up. (100 draws here;
# 999 in a report. After matching with replacement no bootstrap is valid, and it is refused.)

# %%
def matched(data):
    return impact.att(impact.match(data, on=["jobs", "exports_eur"]), "jobs", method="matched_did")


account = impact.cost_effectiveness(matched(panel), costs, horizon=3, denominator="total")
again = impact.bootstrap_value(account, panel, matched, draws=100)
pd.DataFrame({"as matched": account.tidy().set_index("term").loc["total_at_horizon"],
              "matched again in each draw": again.tidy().set_index("term").loc["total_at_horizon"]}).loc[
    ["estimate", "std_error", "conf_low", "conf_high"]]  # fmt: skip

# %% [markdown]
# ## Beside what others found
#
# A published figure is a yardstick only under the same definition, so each stands here with its own.

# %%
impact.benchmarks()[["benchmark", "quantity", "low", "high", "definition"]]

# %% [markdown]
# In a study file the same is `[value]`: `outcomes = { jobs = "employees", exports = "exports_eur_2015" }`, a `horizon`, and the costs of `[budget]`. The annex prints T12
# and its tornado (`reports/andes/study.toml`). Whether what a programme *publishes* of itself holds is the next question: `impact audit claims.csv`.
