# Two-way within estimates of plm with Arellano's covariance and no factor (HC0), for each csv file of a folder.
suppressMessages(library(plm))
folder <- commandArgs(TRUE)[1]
rows <- list()
for (file in sort(list.files(folder, pattern = "[.]csv$"))) {
  data <- pdata.frame(read.csv(file.path(folder, file)), index = c("firm", "year"))
  form <- if ("size" %in% names(data)) exports ~ d + size else exports ~ d
  fit <- plm(form, data, model = "within", effect = "twoways")
  v <- vcovHC(fit, method = "arellano", type = "HC0", cluster = "group")
  rows[[file]] <- data.frame(package = "plm", version = as.character(packageVersion("plm")), case = sub("[.]csv$", "", file),
                             factor = "none", estimate = coef(fit)[["d"]], std_error = sqrt(v["d", "d"]))
}
options(digits = 15)
write.csv(do.call(rbind, rows), file.path(folder, "plm.out"), row.names = FALSE)
