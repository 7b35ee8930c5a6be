# plm on ../twfe/firms.csv (balanced and with holes) and on its own Grunfeld: writes raw.csv. Run in this folder: Rscript make.R
suppressMessages(library(plm))
options(digits = 15)
firms <- read.csv("../twfe/firms.csv")
firms <- firms[is.na(firms$joined) | firms$joined != 2010, ]
firms$d <- as.integer(!is.na(firms$joined) & firms$year >= firms$joined)
number <- as.integer(substring(firms$firm, 2)) * 3 + firms$year * 5
holes <- firms[number %% 7 != 0, ]
data("Grunfeld", package = "plm")
grunfeld <- data.frame(firm = Grunfeld$firm, year = Grunfeld$year, exports = Grunfeld$inv, d = Grunfeld$value, size = Grunfeld$capital)

rows <- list()
add <- function(case, model, errors, term, estimate, std_error) {
  rows[[length(rows) + 1]] <<- data.frame(case, model, errors, term, estimate, std_error)
}
for (case in c("plain", "unbalanced", "grunfeld")) {
  frame <- list(plain = firms, unbalanced = holes, grunfeld = grunfeld)[[case]]
  data <- pdata.frame(frame, index = c("firm", "year"))
  form <- if (case == "grunfeld") exports ~ d + size else exports ~ d + size + chamber
  short <- exports ~ d + size
  fits <- list(
    random = plm(form, data, model = "random", random.method = "swar"),
    between = plm(form, data, model = "between"),
    pooled = plm(form, data, model = "pooling"),
    first_difference = plm(update(short, . ~ . - 1), data, model = "fd")
  )
  for (model in names(fits)) {
    fit <- fits[[model]]
    variances <- list(classical = vcov(fit))
    if (model != "between") variances$none <- vcovHC(fit, method = "arellano", type = "HC0", cluster = "group")
    for (errors in names(variances))
      for (term in names(coef(fit)))
        add(case, model, errors, sub("(Intercept)", "Intercept", term, fixed = TRUE), coef(fit)[[term]], sqrt(variances[[errors]][term, term]))
  }
  parts <- ercomp(form, data, method = "swar")
  add(case, "parts", "", "firm", parts$sigma2[["id"]], NA)
  add(case, "parts", "", "noise", parts$sigma2[["idios"]], NA)
  # Differences of consecutive years alone: plm takes the row before, whatever its year.
  ordered <- frame[order(frame$firm, frame$year), ]
  n <- nrow(ordered)
  next_to <- which(ordered$firm[-1] == ordered$firm[-n] & ordered$year[-1] == ordered$year[-n] + 1)
  steps <- as.data.frame(sapply(ordered[c("exports", "d", "size")], diff))[next_to, ]
  of_firm <- ordered$firm[-1][next_to]
  hand <- lm(exports ~ d + size - 1, steps)
  clustered <- sandwich::vcovCL(hand, cluster = of_firm, type = "HC0", cadjust = FALSE)
  for (term in c("d", "size")) {
    add(case, "consecutive", "classical", term, coef(hand)[[term]], sqrt(vcov(hand)[term, term]))
    add(case, "consecutive", "none", term, coef(hand)[[term]], sqrt(clustered[term, term]))
  }
  # The difference of variances with one residual variance.
  fixed <- plm(short, data, model = "within")
  random <- plm(short, data, model = "random", random.method = "swar")
  s2 <- function(fit) deviance(fit) / df.residual(fit)
  apart <- coef(fixed) - coef(random)[names(coef(fixed))]
  middle <- vcov(fixed) * s2(random) / s2(fixed) - vcov(random)[names(coef(fixed)), names(coef(fixed))]
  add(case, "hausman", "one variance", "statistic", c(apart %*% solve(middle) %*% apart), NA)
  test <- phtest(short, data)
  add(case, "hausman", "classical", "statistic", test$statistic[[1]], NA)
  add(case, "hausman", "classical", "p_value", test$p.value[[1]], NA)
  robust <- phtest(short, data, method = "aux", vcov = function(x) vcovHC(x, method = "arellano", type = "HC0", cluster = "group"))
  add(case, "hausman", "aux", "statistic", robust$statistic[[1]], NA)
  add(case, "hausman", "aux", "p_value", robust$p.value[[1]], NA)
}
write.csv(do.call(rbind, rows), "raw.csv", row.names = FALSE)
