# The omnibus test of balance of Hansen and Bowers (2008) is the score test of a conditional logit with the matched
# sets as strata, which survival::clogit computes. Data: boot::nuclear (Cox and Snell 1981).
suppressMessages({library(boot); library(survival)})
plants <- subset(nuclear, pt == 0)
plants$plant <- NA
plants$plant[plants$pr == 1] <- LETTERS[1:7]
plants$plant[plants$pr == 0] <- LETTERS[8:26]
# The pairs of optmatch::pairmatch(pr ~ cap) as the vignette of optmatch prints them.
pm <- c(I = 1, A = 1, J = 2, B = 2, C = 3, S = 3, Q = 4, D = 4, R = 5, E = 5, U = 6, F = 6, L = 7, G = 7)
plants$pm <- pm[plants$plant]
# Sets of unequal size, several participants in some: those of the same year of the licence, in whole years.
plants$year <- floor(plants$date)
write.csv(plants[, c("plant", "pr", "cap", "t2", "date", "pm", "year")], "plants.csv", row.names = FALSE, na = "")
score <- function(formula) {
  fit <- coxph(formula, data = plants, ties = "exact", control = coxph.control(iter.max = 1))
  cat(sprintf("%-40s %.12f %d\n", deparse(formula[[3]]), fit$score, sum(!is.na(coef(fit)))))
}
plants$one <- 1
options(warn = -1)
score(Surv(one, pr) ~ cap + t2)
score(Surv(one, pr) ~ cap + t2 + strata(pm))
score(Surv(one, pr) ~ cap + t2 + date)
score(Surv(one, pr) ~ cap + t2 + date + strata(year))
cat("survival", format(packageVersion("survival")), "boot", format(packageVersion("boot")), "\n")
