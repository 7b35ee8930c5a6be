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
# # What changed for firms? Entry, survival, diversification, on ten firms
#
# Small firms fail at three points: they do not begin to export, they stop soon, or they stay with one product and one
# customer. This chapter shows each outcome of `impact` on ten firms that can be worked by hand. Every firm is a row, every
# year a cell:
#
# | sign | meaning |
# |---|---|
# | a number | exports, in thousand euros |
# | `.` | active, no exports |
# | `x` | not active: not yet born, or dead |
# | `?` | not observed: nobody knows |
#
# **A dot is not a question mark.** A firm that was not observed has not stopped exporting.

# %%
import numpy as np
import pandas as pd

import impact

pd.options.display.width = 160
pd.options.display.max_colwidth = 110

FIRMS = """
        2010  2011  2012  2013  2014  2015  2016
A         .     .     .     5     5     5     5     enters in 2013
B         5     5     5     5     5     5     5     always exports
C         .     .     .     .     .     .     .     never does
D         5     .     .     .     5     .     .     comes back after three years
E         5     .     .     5     5     .     5     comes back after two years, and after one
F         .     ?     .     5     .     .     .     was not observed in 2011
G         x     x     .     5     5     .     .     is born in 2012
H         .     .     .     5     x     x     x     enters, and dies
I         x     x     x     5     5     5     5     is born an exporter
J         .     .     .     .     .     5     ?     enters, and is lost from sight
"""
STATES = {".": "active_nonexporter", "x": "inactive", "?": "unobserved"}


def read(drawing, **roles):
    """From a drawing to a panel."""
    header, *lines = drawing.strip().splitlines()
    years = [int(y) for y in header.split()]
    rows = []
    for line in lines:
        firm, *signs = line.split()[: len(years) + 1]
        for year, sign in zip(years, signs):
            exports = {".": 0.0, "x": np.nan, "?": np.nan}.get(sign)
            rows.append((firm, year, STATES.get(sign, "active_exporter"), float(sign) if exports is None else exports))
    frame = pd.DataFrame(rows, columns=["firm", "year", "state", "exports_keur"])
    return impact.panel(frame, unit="firm", time="year", **roles)


def draw(panel, column):
    """From a column of a panel to a drawing: `.` is 0, `?` is missing."""
    wide = panel.wide(column)
    print(f"{column:24}" + "".join(f"{y:>7}" for y in wide.columns))
    for firm, row in zip(wide.index, wide.to_numpy()):
        print(f"{firm:24}" + "".join(f"{'?' if np.isnan(v) else '.' if v == 0 else f'{v:.2g}':>7}" for v in row))


panel = read(FIRMS)
print(FIRMS)

# %% [markdown]
# ## Entry
#
# An **entrant** exports and did not in the year before. A **new entrant** did not in the three years before. What needs a
# year that was not observed is missing: for entrants all of 2010, which has no year before it, for new entrants 2010 to 2012, and F as long as
# 2011 matters.

# %%
firms = impact.entry(panel, look_back=3, horizons=(0, 1))
draw(firms, "entrant")
print()
draw(firms, "new_entrant")

# %% [markdown]
# A **first-time exporter** never exported in the data, a **re-entrant** did: E and D come back. Of F it cannot be told, so
# F is in neither. Each has its own risk set: only a firm that never exported can do so for the first time, and only a former exporter that paused
# can come back (`first_entry_at_risk`, `re_entry_at_risk`; together they are those at risk of entry whose whole past is known).

# %%
draw(firms, "first_time_exporter")
print()
draw(firms, "re_entrant")
print()
draw(firms, "re_entry_at_risk")

# %% [markdown]
# A rate needs a denominator: **who could have entered?** A firm that exported in the look-back could not, nor could one that did not
# exist: I was born an exporter, and was never an active firm without exports. The counts travel with the panel.

# %%
draw(firms, "new_entry_at_risk")
firms.counts()[["outcome", "n_obs", "n_at_risk", "n_event", "value"]]

# %% [markdown]
# ### Entry after joining
#
# For a programme the question is: of the firms that had not exported before they joined, how many do so **within h years**, and how
# many **go on for two years in a row**, both within the window? Each row's year is taken as that of joining, so that a participant is read at
# its own year, and the firm it is compared with at the same one. H and D export once and stop: that is entry, and not sustained.
#
# J exports in 2015 and is lost in 2016. It leaves both outcomes of 2015: whether a firm is counted must not depend on what it did.
#
# **These outcomes look ahead.** In the row before joining they already hold the first year of participation, so there is no difference in
# differences of them: `impact.att` refuses it, also of a panel that was made again from these rows, by their names. Match firms on their past, and
# compare them in the year of joining, with `method="at_joining"`.

# %%
draw(firms, "entry_within_1")
print()
draw(firms, "sustained_entry_within_1")

# %% [markdown]
# ### What is refused
#
# A file of shipments holds exporters only. A rate of entry has no denominator there; it is not 0. Where a table of exporters was filled up with zeros,
# this cannot be seen for certain: if every firm exports in some year, each row of `counts()` says so in its flags. And a programme whose
# participants all exported in the year before they joined has no effect on entry, which is refused, too.

# %%
shipments = pd.DataFrame({"firm_id": ["A", "B"], "year": [2013, 2014], "product": "coffee", "destination": "DE", "value": 5.0})
try:
    impact.entry(shipments)
except impact.DataError as error:
    print(error)

# %% [markdown]
# ## Spells: how long does it last?
#
# A **spell** is a run of years with exports. It is *left-censored* when it may have begun earlier (B, D, E in 2010; after a year that was
# not observed), and *right-censored* when it may go on. What comes after is an exit, the death of the firm, the end of the data, or
# unobserved.

# %%
spells = impact.spells(panel)
print(spells.summary())
spells.data.drop(columns=["event", "open_gap"])

# %% [markdown]
# How many spells reach each age, how many end there, and how many are lost from sight: this is what a survival curve is made of. Spells of
# unknown age are left out.

# %%
spells.risk_table()

# %% [markdown]
# Many firms pause for a year. With `gap=1` a year without exports inside a spell is bridged: E's of 2015 is. Report both.
#
# A gap can hide in what was not seen, too. With `gap=1` a spell is of known age only if the *two* years before it were seen, and known to have ended only
# if the two years after it were. F's of 2013 may be the same as one of 2011, which was not observed: it is left-censored now. A firm whose last exports
# are of 2015, and that has none in 2016, would be right-censored, and `open_gap` would say why.

# %%
bridged = impact.spells(panel, gap=1)
bridged.data.loc[bridged.data["firm"].isin(["E", "F"]), ["firm", "start", "end", "length", "gap_filled", "left_cens", "right_cens", "status"]]

# %% [markdown]
# For a regression of the hazard, each year of each spell is a row:

# %%
spells.person_period().head(8)

# %% [markdown]
# **Survivors after joining.** Of the firms that exported in the year before a base year: do they export in the year after it? They look ahead,
# too.

# %%
draw(impact.export_survival(panel, horizons=[1]), "export_survival_1")

# %% [markdown]
# ## Diversification: how many, and how evenly?
#
# Now what firms export matters. Ten firms, three products, three years:

# %%
LINES = """
A coffee   50  50  50     loses two of three products in 2012
A tea      30  30  .
A cocoa    20  20  .
B coffee   10  10  10     adds tea, and keeps it
B tea      .   10  10
C coffee   1   .   .      stops
D coffee   5   .   5      stops for a year
E coffee   4   4   2      shifts from coffee to tea
E tea      4   4   6
F coffee   .   9   9      enters with one product, then adds one
F tea      .   .   27
G cocoa    8   8   8
H tea      6   2   2
H cocoa    .   4   4
I tea      3   3   3      three products of equal size
I coffee   3   3   3
I cocoa    3   3   3
J cocoa    .   .   7
"""


def read_lines(drawing, columns, first=2010, periods=3):
    """From a drawing of firms' lines to shipments."""
    n = len(columns) + 1
    rows = []
    for line in drawing.strip().splitlines():
        cells = line.split()
        for i, amount in enumerate(cells[n : n + periods]):
            if amount != ".":
                rows.append((*cells[:n], first + i, float(amount)))
    return pd.DataFrame(rows, columns=["firm_id", *columns, "year", "value"])


products = read_lines(LINES, ["product"])
spread = impact.diversification(products, over="product", look_back=1)
print(spread.summary())
columns = ["firm_id", "year", "n_lines", "hhi", "hhi_normalised", "effective_number", "entropy", "theil", "theil_between", "theil_within"]
spread.data.loc[spread.data["firm_id"].isin(["A", "B", "D", "I"]), columns].round(3)

# %% [markdown]
# Without exports (D in 2011) the number of products is 0 and concentration is *not defined*. That is why entry with one product raises
# the average HHI: report counts for all, and concentration for firms that export in both years.
#
# The Theil index is a sum of two margins: `theil_between` says how few of the three products a firm exports at all, `theil_within` how unevenly it
# spreads over those. What changed since the year before is a sum, too: lines that stayed, came, and went. The number of products changes for every firm
# that is known in both years, so F goes from 0 to 1 in 2011; its concentration has no change then, since there was nothing to be concentrated.

# %%
changes = spread.changes
changes[changes["measure"].isin(["n_lines", "hhi"]) & changes["firm_id"].isin(["A", "B", "E", "F", "H"]) & (changes["change"] != 0)].round(3)

# %% [markdown]
# **Entry and spells of lines.** A line is a product of a firm here; it could be a destination, or a pair of both. A *new* one was not used in the
# look-back: B's tea in 2011, F's coffee in 2011 and tea in 2012, D's coffee in 2012, which it had dropped for a year. Each run of years of a line is a spell.

# %%
lines = impact.entry(products, level="product", look_back=1)
draw(lines, "new_products")

# %%
impact.spells(products, level="product").data.query("firm_id in ['A', 'B', 'D', 'F']")[
    ["firm_id", "product", "start", "end", "length", "left_cens", "right_cens", "status"]
]

# %% [markdown]
# ## Margins: where does growth come from?

# %%
PAIRS = """
A coffee DE   10  14     grows by 4
A coffee FR   10   7     shrinks by 3
B coffee DE   20  20     stays
B tea    US    .   5     a pair added
C tea    US    6   .     a pair dropped
C tea    DE    4   9     grows by 5
D cocoa  FR    .  30     enters
D cocoa  DE    .  10     with two pairs
E cocoa  US   25   .     leaves
F coffee US    8   .     leaves
G tea    FR    5   8     grows by 3
H coffee DE    3   3     stays
I cocoa  FR    7   1     shrinks by 6
J tea    DE    2   .     swaps one pair
J cocoa  DE    .   2     for another
"""
pairs = read_lines(PAIRS, ["product", "destination"], first=2014, periods=2)
margins = impact.margins(pairs)
print(margins.summary())
margins.tidy()[["margin", "label", "amount", "contribution", "n"]].round(3)

# %% [markdown]
# For one firm the value is a product, destinations x products x density x average, so the logarithms add up. Effects on the four logs add up to
# the effect on the log of exports.

# %%
margins.identity.loc[margins.identity["firm_id"].isin(["A", "C"]), ["firm_id", "year", "value", "destinations", "products", "density", "average"]]

# %% [markdown]
# ## The growth of one firm
#
# Firms that enter or leave have no growth in logarithms. Against the mean of both years they do: 2 on entry, -2 on exit. A firm that exports in neither
# year has none. `margins.onto(panel)` makes it a column, `exports_growth`, for comparisons with entry and exit in them.

# %%
margins.firm_growth[["firm_id", "year", "kind", "value_before", "value", "exports_growth"]].round(3)

# %% [markdown]
# ## The partial first year
#
# A firm that ships first in November has two months in its first calendar year. Its growth to the next is mostly the calendar's. Where
# dates are known, years are counted from the first shipment. A last calendar year that ends before December is not whole, and is missing.
#
# Ten firms; `11:10` is a shipment of 10 in November.

# %%
DATED = """
      2011         2012         2013              2014           2015
A     .            11:10        2:20 12:30        3:5            .        starts in November: most of its first year falls into the next
B     .            .            1:40              6:60           .        starts in January: the calendar's year is nearly its own
C     .            7:10         1:10 8:10         2:10 9:10      .        steady, twice a year
D     .            12:5         .                 .              .        ships once
E     .            .            6:10              5:20           7:10
F     .            3:10         3:10              3:10           .        steady, once a year
G     .            .            .                 10:10          .        starts too late: its second year is not over
H     .            9:4 10:4     9:4               .              .        shrinks
I     6:1          6:1          6:1               6:1            6:1      exported in the first year of the data: nobody knows since when
J     12:1         12:1         12:1              12:1           12:1     so did J; its shipments show that the data go on to December
"""


def read_months(drawing):
    """From a drawing of shipments by month to dated shipments."""
    header, *lines = drawing.strip("\n").splitlines()
    starts = [*(header.index(y) for y in header.split()), 73]
    rows = []
    for line in lines:
        for year, a, b in zip(header.split(), starts, starts[1:]):
            for cell in line[a:b].split():
                if ":" in cell:
                    month, amount = cell.split(":")
                    rows.append((line[0], f"{year}-{int(month):02d}-15", float(amount)))
    return pd.DataFrame(rows, columns=["firm_id", "date", "value"])


dated = read_months(DATED)
first = impact.first_years(dated)
print(first.summary())
first.data[["firm_id", "year", "first_month", "calendar_1", "calendar_2", "anniversary_1", "anniversary_2", "calendar_growth", "growth"]].round(3)

# %% [markdown]
# ## Products new to the country, and who followed

# Ten firms again. Coffee was there in the first years, so it is no discovery. Tea is first exported by A in 2012; B and C follow. Roses and
# fish come too late to know what became of them: missing, with the reason, and not 0.

# %%
COUNTRY = """
          2010  2011  2012  2013  2014
A coffee     5     5     5     5     5
A tea        .     .     5     5     .
B tea        .     .     .     5     5
C tea        .     .     .     .     5
D coffee     5     .     .     .     .
E cocoa      .     .     4     .     .     discovers cocoa with F
F cocoa      .     .     4     4     4
G roses      .     .     .     3     3
H roses      .     .     .     .     3
I fish       .     .     .     .     9
J coffee     .     5     5     5     5
"""
new = read_lines("\n".join(COUNTRY.strip("\n").splitlines()[1:]), ["product"], first=2010, periods=5)
found = impact.discoveries(new, look_back=2, followers_within=2)
found

# %%
pd.DataFrame(found.attrs["counts"])[["label", "n_at_risk", "n_event", "value", "flags"]]

# %% [markdown]
# ## Jobs
#
# Staff of ten firms. `x` is not active: an unborn or dead firm has no jobs, so a birth is creation and a death is destruction. `?` is not
# observed, and stays missing.

# %%
STAFF = """
        2013  2014  2015
A         10    12    15     grows
B         20    20    20     stays
C          8     4     2     shrinks
D          x     5     6     is born in 2014
E         10     x     x     dies in 2014
F          3     3     ?     is not observed in 2015
G          0     4     4     opens its first job
H         40    38    41
I          6     6     x     dies in 2015
J          1     2     2
"""
frame = read(STAFF).data.rename(columns={"exports_keur": "employees"})
staff = impact.panel(frame, unit="firm", time="year")
jobs = impact.jobs(staff, concept="stock")
print(jobs.summary())
draw(jobs.panel, "jobs_growth")

# %% [markdown]
# Growth is measured against the mean of both years: 2 for a birth, −2 for a death, and symmetric between. Creation less destruction is the net
# change; what is created and lost beyond that is reallocation.

# %%
jobs.plot()

# %% [markdown]
# ## The dynamics of a country's exporters
#
# From customs data alone: the indicators of the World Bank's Exporter Dynamics Database. The first year has no entrants and the last no survivors;
# both are missing, not 0. On the command line: `impact dynamics customs.csv`.

# %% [markdown]
# Ten firms first; `p6+q4` is 6 of product p and 4 of q, all to one country.

# %%
DYNAMICS = """
     2010   2011   2012   2013   2014
a    p6+q4  p10    p6+r4  p6+r6  p12
b    p20    p20    .      .      .
c    p5     .      p5     p5     .
d    .      q8     q8+r2  q10    q10
e    .      p4     .      .      .
f    .      q2     q3     .      q4
g    .      .      r10    r10    .
h    .      .      r6     .      .
i    .      .      .      p9+q1  p8+q2
j    .      .      .      .      r30
"""
header, *firms_drawn = DYNAMICS.strip("\n").splitlines()
cells = [
    (line.split()[0], int(year), part[0], "DE", float(part[1:]))
    for line in firms_drawn
    for year, cell in zip(header.split(), line.split()[1:])
    for part in cell.split("+")
    if part != "."
]
ten = impact.dynamics(pd.DataFrame(cells, columns=["firm_id", "year", "product", "destination", "value"]))
counted = ten.tidy()
counted[counted["code"].isin(["A1", "A2", "A3", "A4", "C1", "C2"])].pivot(index=["code", "indicator"], columns="year", values="value").round(3)

# %% [markdown]
# In 2011, d, e and f enter (A2 is 3) and c leaves (A3 is 1, dated at the first year without exports). What 2010 cannot know of 2009, and 2014 not of 2015, is
# missing. C1 is entrants over exporters, 3 of 5 in 2011; C2 leavers over the exporters of the year before, 1 of 3.
#
# Now a country.

# %%
rng = np.random.default_rng(7)
history = []
for firm in range(300):
    exports = rng.random() < 0.35
    for year in range(2008, 2016):
        exports = rng.random() < (0.72 if exports else 0.16)
        if exports:
            for product in rng.choice(["0901", "1801", "6109"], size=rng.integers(1, 3), replace=False):
                history.append((f"F{firm:03}", year, product, str(rng.choice(["DE", "FR", "US"])), round(rng.lognormal(9, 1.5), 2)))
country = pd.DataFrame(history, columns=["firm_id", "year", "product", "destination", "value"])
dynamics = impact.dynamics(country, currency="EUR")
print(dynamics.summary())

# %%
dynamics.plot()

# %% [markdown]
# ## Why not the logarithm of 1 + exports?
#
# Exports are 0 for most firms, and the logarithm of 0 is not defined. asinh(x) and log(1 + x) are; but what they give depends on whether exports are
# counted in cents or in thousands. The effect in per cent does not, and Poisson regression estimates it with the zeros included.

# %%
GROWTH = """
        2013  2014
A         .     3     joins in 2014, starts to export
B        10    12     joins
C        20    24     joins
D         .     .     joins, does not export
E         5     5     joins
F         .     .
G        10    11
H        20    20
I         5     5
J         .     2     starts without joining
"""
drawn_ten = read(GROWTH).data
drawn_ten["joined"] = np.where(drawn_ten["firm"] < "F", 2014.0, np.nan)
small = impact.panel(drawn_ten[["firm", "year", "joined", "exports_keur"]], unit="firm", time="year", cohort="joined")
impact.functional_form(small, "exports_keur").by_unit()

# %% [markdown]
# The same ten firms: an "effect" of 0.13 where exports are counted in ones, and of 0.001 in thousands. With two thousand firms it is the same.

# %%
rows = []
for firm in range(2000):
    joins = firm % 2 == 0
    size = rng.lognormal(8, 1.5)
    for year in (2013, 2014):
        after = joins and year == 2014
        exports = rng.random() < (0.60 if after else 0.50)
        rows.append((firm, year, 2014.0 if joins else np.nan, float(exports) * size * (1.05 if after else 1.0) * rng.lognormal(0, 0.2)))
two = impact.panel(pd.DataFrame(rows, columns=["firm", "year", "joined", "exports_eur"]), unit="firm", time="year", cohort="joined")
form = impact.functional_form(two, "exports_eur")
print(form.summary())
