# Two commands: `make report` and `make test`. Both need Python 3.11+ (venv, pip) and nothing else.
PYTHON ?= python3
BIN := .venv/bin
STUDIES := $(sort $(wildcard reports/*/study.toml))
NOTEBOOKS := $(sort $(wildcard notebooks/*.py))

.PHONY: report test check proof notebooks readme lock clean

report: .venv/ready
	@$(BIN)/impact run --if-changed $(STUDIES)

test: check .venv/spark
	@$(BIN)/python -m pytest

check: .venv/ready
	@$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary

proof: .venv/ready
	@$(BIN)/python -m pytest -m proof

notebooks: .venv/ready
	@for n in $(NOTEBOOKS); do \
	  $(BIN)/jupytext --quiet --to ipynb --output $${n%.py}.ipynb $$n && \
	  $(BIN)/jupyter nbconvert --log-level ERROR --to notebook --execute --inplace $${n%.py}.ipynb && \
	  $(BIN)/jupyter nbconvert --log-level ERROR --to html $${n%.py}.ipynb && \
	  echo $${n%.py}.ipynb $${n%.py}.html || exit 1; done

# Maintainers: after a change of the Michigan study. A test compares the table with the study.
readme: report
	@$(BIN)/python tests/readme_table.py

# The package is installed in place, so a changed source file needs no new set-up.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=...") if sys.version_info < (3, 11) else None'
	@echo "setting up .venv (once; a few minutes)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Spark is large and needs Java, so it is set up only where Java is; its tests skip elsewhere.
.venv/spark: .venv/ready requirements-spark.lock
	@if command -v java >/dev/null 2>&1; then \
	  echo "Java is here: setting up Spark for its tests"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-spark.lock; fi
	@touch $@

# Maintainers: after a change of dependencies. Needs uv. The locks name no registry.
LOCK := uv pip compile --universal --quiet --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header
lock:
	$(LOCK) --extra notebooks --extra test --output-file requirements.lock pyproject.toml
	printf 'pyspark>=4.1\n' | $(LOCK) --constraint requirements.lock --output-file requirements-spark.lock -

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis
