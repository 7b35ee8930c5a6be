# Imputed effects by R's own glm with a dummy for each firm and year: `Rscript make_reference.R` after make_reference.py, which draws the panel.
panel <- read.csv("panel.csv")
panel <- panel[panel$absent == 0, ]
panel <- panel[ave(panel$exports, panel$firm, FUN = length) >= 2, ]
free <- is.na(panel$joined) | panel$year < panel$joined
keep <- ave(free, panel$firm, FUN = any) == 1
panel <- panel[keep, ]; free <- free[keep]
total <- ave(ifelse(free, panel$exports, 0), panel$firm, FUN = sum)
out <- NULL
for (what in c("imputation", "imputation, moving")) for (weights in c("", "weight")) {
  panel$w <- if (weights == "") 1 else panel$weight
  rows <- panel[free & total > 0, ]
  terms <- if (what == "imputation") exports ~ factor(firm) + factor(year) else exports ~ moving + factor(firm) + factor(year)
  fit <- suppressWarnings(glm(terms, poisson, rows, weights = w, control = glm.control(1e-14, 200)))
  known <- total > 0
  mean <- rep(0, nrow(panel))
  mean[known] <- predict(fit, panel[known, ], type = "response")
  effect <- panel$exports - mean
  for (g in c(3, 5)) for (t in g:6) {
    cell <- which(panel$joined == g & panel$year == t)
    out <- rbind(out, data.frame(package = "R glm", what = what, weights = weights, cluster = "firm", cohort = g, time = t,
                                 estimate = sprintf("%.14g", weighted.mean(effect[cell], panel$w[cell])), std_error = ""))
  }
}
write.csv(out, "r.csv", row.names = FALSE, quote = 2)
