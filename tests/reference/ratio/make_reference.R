# Ends of the set of ratios by turning multcomp's test of a - theta b = 0 over, and the error by car's delta method: `Rscript make_reference.R`.
suppressMessages({library(multcomp); library(car)})
cases <- rbind(
  c(60, 18, 16.9, 0.5, 0, 0), c(60, 18, 16.9, 0.5, 6, 0), c(60, 18, 16.9, 0.5, -8.9, 0), c(60, 18, 16.9, 0.5, 6, 7),
  c(-3, 1, 5, 1.2, 0.7, 0), c(-3, 1, -5, 1.2, 0.7, 24), c(10.96e6, 0, 1200, 500, 0, 0), c(10.96e6, 0, 1200, 800, 0, 0),
  c(10.96e6, 3e5, 1200, 800, 1e8, 40), c(0.2, 1, 1, 1, 0.95, 0), c(2, 0.5, -1, 3, 0, 3), c(0, 1, 4, 1, 0.3, 0))
colnames(cases) <- c("a", "se_a", "b", "se_b", "cov", "df")
p_value <- function(theta, x) {
  v <- matrix(c(x["se_a"]^2, x["cov"], x["cov"], x["se_b"]^2), 2)
  fit <- parm(c(a = unname(x["a"]), b = unname(x["b"])), v, df = x["df"])
  as.numeric(summary(glht(fit, linfct = matrix(c(1, -theta), 1)), test = univariate())$test$pvalues)
}
# The angle of the line a = theta b runs over a half circle, on which the set and what is outside are one arc each, whatever the shape of the set.
# Both numbers are scaled by their size, or their error, so that neither end is at the border of the search.
ends <- function(x) {
  unit <- max(abs(x["a"]), x["se_a"]) / max(abs(x["b"]), x["se_b"])
  gap <- function(angle) p_value(unit * tan(angle), x) - 0.05
  grid <- seq(-pi / 2 + 1e-9, pi / 2 - 1e-9, length.out = 4001)
  value <- sapply(grid, gap)
  turn <- which(diff(sign(value)) != 0)
  roots <- sapply(turn, function(k) unit * tan(uniroot(gap, grid[c(k, k + 1)], tol = 1e-15)$root))
  if (length(roots) != 2) return(c("unbounded", "", ""))
  if (value[1] < 0) c("bounded", sprintf("%.15g", sort(roots))) else c("complement", sprintf("%.15g", rev(sort(roots))))
}
out <- t(apply(cases, 1, function(x) {
  v <- matrix(c(x["se_a"]^2, x["cov"], x["cov"], x["se_b"]^2), 2)
  delta <- deltaMethod(c(a = unname(x["a"]), b = unname(x["b"])), "a/b", vcov. = v)
  c(sprintf("%.15g", x), ends(x), sprintf("%.15g", c(delta$Estimate, delta$SE)))
}))
colnames(out) <- c(colnames(cases), "kind", "conf_low", "conf_high", "estimate", "std_error")
write.csv(out, "r.csv", row.names = FALSE, quote = FALSE)
