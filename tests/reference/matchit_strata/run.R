# Run from this folder: Rscript run.R ../../../../shared/data/method_reference > raw.csv
# Weights and sets of R MatchIt, by row of the data, and balance; nothing of the data is written.
suppressMessages(library(MatchIt))
folder <- commandArgs(TRUE)[1]
lalonde <- read.csv(file.path(folder, "lalonde.csv"))
lalonde$black <- as.integer(lalonde$race == "black")
lalonde$hispan <- as.integer(lalonde$race == "hispan")
lalonde$race <- factor(lalonde$race)
ll <- read.csv(file.path(folder, "cem_LL.csv"))

few <- treat ~ black + hispan + married + nodegree
all8 <- treat ~ age + educ + black + hispan + married + nodegree + re74 + re75
numeric4 <- treat ~ age + educ + re74 + re75
mixed <- treat ~ age + educ + re74 + race + married
given <- list(age = c(22, 28, 35), educ = c(8.5, 11.5), re74 = c(1, 5000), re75 = "scott")
by_age <- list(age = 5)
stata <- treated ~ age + education + black + nodegree + re74
every <- treated ~ age + education + black + married + nodegree + re74 + re75 + hispanic + u74 + u75

cases <- list(
  exact_att        = list(few, lalonde, method = "exact"),
  exact_ate        = list(few, lalonde, method = "exact", estimand = "ATE"),
  exact_educ       = list(update(few, . ~ . + educ + age), lalonde, method = "exact"),
  exact_race       = list(treat ~ race + educ, lalonde, method = "exact"),
  cem_sturges      = list(numeric4, lalonde, method = "cem"),
  cem_scott        = list(numeric4, lalonde, method = "cem", cutpoints = "scott"),
  cem_fd           = list(numeric4, lalonde, method = "cem", cutpoints = "fd"),
  cem_four         = list(numeric4, lalonde, method = "cem", cutpoints = 4),
  cem_given        = list(numeric4, lalonde, method = "cem", cutpoints = given),
  cem_by_age       = list(numeric4, lalonde, method = "cem", cutpoints = by_age),
  cem_ate          = list(numeric4, lalonde, method = "cem", cutpoints = 4, estimand = "ATE"),
  cem_mixed        = list(mixed, lalonde, method = "cem"),
  cem_ll           = list(stata, ll, method = "cem"),
  cem_ll_every     = list(every, ll, method = "cem"),
  k2k_numeric      = list(numeric4, lalonde, method = "cem", k2k = TRUE),
  k2k_four         = list(numeric4, lalonde, method = "cem", k2k = TRUE, cutpoints = 4),
  k2k_mixed        = list(mixed, lalonde, method = "cem", k2k = TRUE),
  k2k_ll           = list(every, ll, method = "cem", k2k = TRUE),
  subclass_six     = list(all8, lalonde, method = "subclass"),
  subclass_four    = list(all8, lalonde, method = "subclass", subclass = 4),
  subclass_ate     = list(all8, lalonde, method = "subclass", estimand = "ATE"),
  subclass_probit  = list(all8, lalonde, method = "subclass", link = "probit"),
  subclass_linear  = list(all8, lalonde, method = "subclass", link = "linear.logit"),
  subclass_thirty  = list(all8, lalonde, method = "subclass", subclass = 30),
  subclass_hundred = list(all8, lalonde, method = "subclass", subclass = 100),
  subclass_min4    = list(all8, lalonde, method = "subclass", subclass = 15, min.n = 4),
  subclass_min0    = list(all8, lalonde, method = "subclass", subclass = 60, min.n = 0),
  subclass_ate20   = list(all8, lalonde, method = "subclass", subclass = 20, estimand = "ATE"),
  subclass_age     = list(treat ~ age, lalonde, method = "subclass", distance = lalonde$age),
  subclass_ll      = list(every, ll, method = "subclass", subclass = 8)
)

cat("# R", as.character(getRversion()), "MatchIt", as.character(packageVersion("MatchIt")), "\n")
cat("case,what,row,value,set\n")
for (name in names(cases)) {
  m <- suppressWarnings(do.call(matchit, cases[[name]]))
  inside <- which(!is.na(m$subclass))  # the others have weight 0
  cat(sprintf("%s,weight,%d,%.17g,%s\n", name, inside, m$weights[inside], as.character(m$subclass[inside])), sep = "")
  table <- summary(m)
  table <- if (inherits(m, "matchit.subclass")) table$sum.across else table$sum.matched
  cat(sprintf("%s,smd %s,,%.17g,\n", name, rownames(table), table[, "Std. Mean Diff."]), sep = "")
}
for (rule in c("Sturges", "scott", "FD")) {
  count <- get(paste0("nclass.", rule))
  cat(sprintf("bins,%s %s,,%d,\n", tolower(rule), names(lalonde)[sapply(lalonde, is.numeric)],
              as.integer(sapply(lalonde[sapply(lalonde, is.numeric)], count))), sep = "")
}
