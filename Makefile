# Thin: every target is a command of .ci/house.py, which builds .venv from the pinned requirements when needed.
# ARGS reaches the command at the end of it, for example:  make test ARGS="-n 2 tests/unit"
PYTHON ?= python3
ARGS ?=
export SEED MINUTES PRODUCTS

.DEFAULT_GOAL := help
TARGETS := help demo test check crash soak bench bench-mapping format set-up lock clean
.PHONY: $(TARGETS)

$(TARGETS):
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or later (Debian, Ubuntu: apt install python3 python3-venv)." >&2; exit 2; }
	@$(PYTHON) .ci/house.py $@ $(ARGS)
