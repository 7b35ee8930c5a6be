# Standard errors of R's plm and sandwich on rows.csv, firms and years written out or taken off; see README.md.
suppressMessages({library(plm); library(sandwich)})
arguments <- commandArgs(trailingOnly = FALSE)
here <- dirname(sub("--file=", "", grep("--file=", arguments, value = TRUE)))
rows <- read.csv(file.path(here, "rows.csv"))
rows$firm <- factor(rows$firm); rows$year <- factor(rows$year); rows$sector <- factor(rows$sector)
found <- NULL
add <- function(library, formula, family, weights, variance, small, fit, vcov) {
  b <- coef(fit)
  for (term in intersect(c("x", "z"), names(b)))
    found <<- rbind(found, data.frame(library, formula, family, weights, variance, small_sample = small, singletons = "keep",
      term, estimate = sprintf("%.12g", b[term]), std_error = sprintf("%.12g", sqrt(vcov[term, term])), n_obs = length(residuals(fit))))
}
cell <- interaction(rows$sector, rows$year)
least <- list(
  list("y ~ x + z", y ~ x + z, ""),
  list("y ~ x + z | firm + year", y ~ x + z + firm + year, ""),
  list("y ~ x + z | firm + year", y ~ x + z + firm + year, "w"),
  list("y ~ x + z | firm + sector^year + district", y ~ x + z + firm + cell + factor(district), ""))
for (case in least) {
  fit <- if (case[[3]] == "") lm(case[[2]], rows) else lm(case[[2]], rows, weights = w)
  put <- function(variance, small, vcov) add("sandwich", case[[1]], "gaussian", case[[3]], variance, small, fit, vcov)
  for (kind in c("HC2", "HC3")) {
    meat <- estfun(fit); h <- hatvalues(fit); ok <- h < 1 - 1e-9
    meat <- meat[ok, ] / (1 - h[ok])^(if (kind == "HC2") 0.5 else 1)
    bread <- summary(fit)$cov.unscaled
    meat <- meat[, colnames(bread)]
    put(kind, "none", bread %*% crossprod(meat) %*% bread)
  }
  # Firms of a single row have a leverage of 1, which vcovHC divides by; compared only where there is none.
  if (case[[1]] == "y ~ x + z") for (kind in c("HC2", "HC3")) put(kind, "fixest", vcovHC(fit, type = kind))
  put("firm", "none", vcovCL(fit, rows$firm, type = "HC0", cadjust = FALSE))
  put("district+year", "none", vcovCL(fit, rows[c("district", "year")], type = "HC0", cadjust = FALSE))
}
within <- plm(y ~ x + z, rows, index = c("firm", "year"), model = "within", effect = "twoways")
add("plm", "y ~ x + z | firm + year", "gaussian", "", "firm", "none", within, vcovHC(within, method = "arellano", type = "HC0"))
add("plm", "y ~ x + z | firm + year", "gaussian", "", "iid", "none", within, vcov(within))
ever <- rows[ave(rows$c, rows$firm, FUN = sum) > 0, ]
pois <- glm(c ~ x + z + firm + year, poisson, droplevels(ever), control = list(epsilon = 1e-14, maxit = 100))
add("sandwich", "c ~ x + z | firm + year", "poisson", "", "firm", "none", pois, vcovCL(pois, droplevels(ever)$firm, type = "HC0", cadjust = FALSE))
add("sandwich", "c ~ x + z | firm + year", "poisson", "", "iid", "none", pois, vcov(pois))
write.csv(found, file.path(here, "r.csv"), row.names = FALSE, quote = FALSE)
