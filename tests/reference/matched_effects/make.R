# Reference values for effects on matched samples; run: Rscript make.R FOLDER_OF_DATA > output.txt
# R 4.2.2, Matching 4.10-8, survey 4.1-1 (Debian 12). The data are not part of this repository.
suppressMessages({library(Matching); library(survey)})
folder <- commandArgs(trailingOnly = TRUE)[1]
say <- function(name, value) cat(name, sprintf("%.15g", value), "\n")

effects <- function(tag, d, formula) {
  y <- d$re78; t <- d$treat
  say(paste(tag, "naive"), mean(y[t == 1]) - mean(y[t == 0]))
  fit <- glm(formula, family = binomial, data = d, control = glm.control(epsilon = 1e-14, maxit = 100))
  p <- fitted(fit)
  w <- ifelse(t == 1, 1, p / (1 - p))
  say(paste(tag, "ipw_att"), weighted.mean(y[t == 1], w[t == 1]) - weighted.mean(y[t == 0], w[t == 0]))
  known <- svyglm(re78 ~ treat, svydesign(ids = ~1, weights = ~w, data = cbind(d, w = w)))
  n <- nrow(d)  # svyglm multiplies by n / (n - 1)
  say(paste(tag, "ipw_att_known_se"), sqrt(vcov(known)[2, 2] * (n - 1) / n))
  # Scores made distinct, so that no tie is left to chance.
  s <- p + seq_len(n) * 1e-7
  for (m in c(1, 3)) {
    r <- Match(Y = y, Tr = t, X = s, estimand = "ATT", M = m, ties = TRUE, Var.calc = 4, distance.tolerance = 0)
    say(paste0(tag, " nn", m), r$est.noadj)
    say(paste0(tag, " nn", m, "_ai2006_se"), r$se)
  }
}

lalonde <- read.csv(file.path(folder, "lalonde.csv"))
lalonde$black <- as.integer(lalonde$race == "black"); lalonde$hispan <- as.integer(lalonde$race == "hispan")
effects("lalonde", lalonde, treat ~ age + educ + black + hispan + married + nodegree + re74 + re75)
nsw <- read.csv(file.path(folder, "nsw_mixtape.csv"))
r <- t.test(re78 ~ treat, nsw, var.equal = TRUE)
say("nsw difference", diff(r$estimate)); say("nsw difference_classical_se", r$stderr)
cps <- read.csv(file.path(folder, "nsw_treated_cps_controls.csv"))
effects("cps", cps, treat ~ age + educ + black + hisp + marr + nodegree + re74 + re75)
