# What is needed: make, and Python 3.11 or later.  Everything else is installed into .venv.
#
#   make serve         h2static --no-tls -v 8080 ./www
#   make quick         the tests that are over in half a minute: run it after every change
#   make check         what CI runs: format-check, lint, types, docs, test
#   make test          all tests, on all processors; ARGS="tests/site -x" and the like
#   make coverage      the tests of what is tested in process, with branch coverage and its floor
#   make lint          ruff, and schemas for the files of CI, forms and containers
#   make types         mypy --strict
#   make format-check  whether the sources are in the project's format
#   make format        rewrite them so
#   make corpus        fetch the HPACK stories that tests use, and verify them
#   make matrix        HPACK codecs of others through the vectors and the corpus, into docs/
#   make conformance   HTTP/2 servers of others through h2get conformance, into docs/
#   make compiled      builds the hot modules with mypyc (needs a C compiler), and installs them
#                      into an environment of their own, .compiled/venv
#   make test-compiled the tests on that; ARGS="tests/http2 -x" and the like
#   make bench         h2static beside nghttpd and h2o; ARGS="S1 --profile" and the like;
#                      ARGS=apps beside ASGI servers, ARGS=proxy beside proxies,
#                      ARGS=http3 over HTTP/3
#   make autobahn      the Autobahn test suite against an echo of ours; needs PYTHON2=python2.7
#   make ratios        how small every HPACK strategy gets the corpus, and the lower bound
#   make footprint     memory and start-up of the server, beside their limits
#   make fuzz          searches for inputs that raise or differ by path, guided by coverage where
#                      Atheris can be installed; SECONDS=60 for each target, ARGS="paths rules",
#                      FACTOR=5 for the searches of Hypothesis
#   make soak          MINUTES=10 of mixed and hostile traffic while workers are killed and
#                      reloaded: is anything lost, are descriptors and memory flat?
#   make large-counts  10 000 edits, 10 000 under load, 10 000 swaps, 100 MiB downloads
#   make manifests     the Kubernetes example against the schemas of Kubernetes
#   make notes         what the next release will say; ARGS=0.2.0 writes it into CHANGELOG.md
#   make release       builds the distributions into dist/, tries each in a fresh environment, and
#                      signs what there are keys for; ARGS=--draft builds and tries only
#   make recipes       the recipes of docs/recipes.md with real builds, the heavy ones too
#   make compare-dev   dev servers of others and ours: every cell of the table in docs/
#   make docs          the documentation as a site, into .docs/
#   make docs-serve    the same at port 8000, built again when a page changes
#   make clean         remove what these targets made

VENV ?= .venv
PORT ?= 8080
ROOT ?= ./www

# The first of these that is new enough; override with PYTHON=...
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$candidate" && break; done)

# Branch coverage below this share fails "make coverage".
COVERAGE_FLOOR ?= 93
# What is tested in process, without clocks, browsers and peers.
IN_PROCESS := tests/http tests/http1 tests/http2 tests/http3 tests/h2 tests/conformance tests/contracts \
	tests/site tests/dev tests/logs tests/hpacktools/codec tests/hpacktools/qpack
COVERED := h2static/http/*,h2static/http1/*,h2static/http2/*,h2static/http3/*,h2static/h2/*,h2static/site/*,h2static/dev/*,hpacktools/codec/*,hpacktools/qpack/*
QUICK := tests/http tests/http1 tests/http2 tests/http3 tests/h2 tests/conformance tests/site \
	tests/hpacktools/codec tests/test_layers.py

# Where Python is told to keep no bytecode, it compiles every module at every start: 0.15 s of the
# program's 0.3, which the tests start a few thousand times.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
SOURCES := h2static hpacktools tests benchmarks adapters docs release
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.NOTPARALLEL:
.PHONY: serve quick test coverage compiled test-compiled check format format-check lint types corpus matrix conformance bench ratios footprint fuzz soak large-counts autobahn manifests notes release recipes compare-dev docs docs-serve clean

serve: $(VENV)/.project
	$(BIN)/h2static --no-tls -v $(PORT) $(ROOT)

check: format-check lint types docs test

format-check: $(VENV)/.tools
	$(BIN)/ruff format --check $(SOURCES)

SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema

lint: $(VENV)/.tools
	$(BIN)/ruff check $(SOURCES)
	$(SCHEMA) vendor.github-workflows $(wildcard .github/workflows/*.yml)
	$(SCHEMA) vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(SCHEMA) vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA) vendor.compose-spec deploy/compose.yaml

types: $(VENV)/.tools
	$(BIN)/mypy $(SOURCES)

quick: $(VENV)/.tools
	H2STATIC_TEST_QUICK=1 H2STATIC_TEST_EDITS=400 $(BIN)/python -m pytest -q -n auto -m "not slow" $(QUICK)

test: $(VENV)/.tools
	$(BIN)/python -m pytest -n auto --dist worksteal --durations=20 $(ARGS)

# The processes of pytest-xdist are measured by coverage's "subprocess" patch.
coverage: $(VENV)/.tools
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n auto -m "not slow" $(IN_PROCESS)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include="$(COVERED)" --fail-under=$(COVERAGE_FLOOR)

COMPILED := .compiled
COMPILED_SOURCES := pyproject.toml packaging/build_hook.py \
	$(shell find h2static hpacktools -name "*.py" -not -name ".*")

compiled: $(COMPILED)/.project

# An environment with everything that tests need, and the wheel in the place of the sources.
$(COMPILED)/.project: $(COMPILED_SOURCES) $(VENV)/.pip
	@echo "Compiling into $(COMPILED)/venv"
	@rm -rf $(COMPILED)/wheels
	@HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(PIP) wheel --no-deps --wheel-dir $(COMPILED)/wheels .
	@$(COMPILED)/venv/bin/python -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear $(COMPILED)/venv
	@$(COMPILED)/venv/bin/python -m pip --disable-pip-version-check --quiet install \
		--upgrade 'pip>=25.1'
	@$(COMPILED)/venv/bin/python -m pip --disable-pip-version-check --quiet install \
		--group dev $(COMPILED)/wheels/*.whl
	@$(COMPILED)/venv/bin/python -m pip --disable-pip-version-check --quiet install \
		--force-reinstall --no-deps $(COMPILED)/wheels/*.whl
	@$(COMPILED)/venv/bin/h2static --version
	@touch $@

# A copy of what is not installed, with links to what is: from within the repository Python would
# import the sources.  Times are copied in full: what is served depends on them.
test-compiled: $(COMPILED)/.project
	@rm -rf $(COMPILED)/tree && mkdir $(COMPILED)/tree
	@git ls-files -z --cached --others --exclude-standard -- ':!h2static' ':!hpacktools' \
		| tar --format=posix --null -T - -cf - | tar -xf - -C $(COMPILED)/tree
	@for package in h2static hpacktools; do \
		ln -s "$$($(COMPILED)/venv/bin/python -c \
			'import sysconfig; print(sysconfig.get_path("platlib"))')/$$package" $(COMPILED)/tree; \
	done
	@test ! -d ../shared || ln -sfn "$(CURDIR)/../shared" $(COMPILED)/shared
	cd $(COMPILED)/tree && H2STATIC_TEST_BUILD=compiled \
		../venv/bin/python -m pytest -n auto --dist worksteal $(ARGS)

format: $(VENV)/.tools
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

corpus: $(VENV)/.project
	$(BIN)/hpack-conformance fetch

matrix: $(VENV)/.project
	$(BIN)/python -m adapters.matrix $(ARGS)

# Servers of PyPI come from a dependency group of their own, those of Debian from apt-get.
conformance: $(VENV)/.project
	@$(PIP) install --group peers
	$(BIN)/python -m benchmarks.conformance $(ARGS)

bench: $(VENV)/.project
	$(BIN)/python -m benchmarks.compare $(ARGS)

# The solver of the lower bound is in a dependency group of its own.
ratios: $(VENV)/.project
	@$(PIP) install --group benchmark
	$(BIN)/hpack-conformance bound $(ARGS)

FACTOR ?= 5
SECONDS ?= 60

# Atheris is in a dependency group of its own, because not every Python has a build of it.
fuzz: $(VENV)/.tools
	@$(PIP) install --group fuzz || echo "make: Atheris cannot be installed for this Python"
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)
	H2STATIC_TEST_FACTOR=$(FACTOR) $(BIN)/python -m pytest -q --timeout=0 tests/http2/test_properties.py

MINUTES ?= 10

soak: $(VENV)/.tools
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

large-counts: $(VENV)/.tools
	H2STATIC_TEST_EDITS=10000 H2STATIC_TEST_LOAD_EDITS=10000 H2STATIC_TEST_SWAPS=10000 \
	H2STATIC_TEST_DOWNLOAD=104857600 $(BIN)/python -m pytest --timeout=900 \
	tests/site/test_freshness.py tests/site/test_traversal.py \
	tests/end_to_end/test_site_freshness.py tests/end_to_end/test_site_downloads.py

PYTHON2 ?= python2.7

autobahn: $(VENV)/.tools
	$(BIN)/python -m tests.autobahn --python2 "$(PYTHON2)" $(ARGS)

# What npm and pip install is kept in .recipes.
recipes: $(VENV)/.tools
	RECIPES=.recipes H2STATIC_TEST_RECIPES=all $(BIN)/python -m pytest -n 0 --durations=0 \
	tests/end_to_end/test_recipes.py $(ARGS)

compare-dev: $(VENV)/.tools
	$(BIN)/python -m benchmarks.dev_servers --tools .recipes/servers $(ARGS)

footprint: $(VENV)/.project
	$(BIN)/python -m benchmarks.footprint

# A hundred megabytes of schemas, in a dependency group of their own.
manifests: $(VENV)/.tools
	@$(PIP) install --group manifests
	$(BIN)/kubernetes-validate --strict deploy/kubernetes/*.yaml

notes: $(VENV)/.project
	$(BIN)/python -m release.notes $(ARGS)

release: $(VENV)/.project
	@$(PIP) install --group release
	$(BIN)/python -m release $(ARGS)

# What a theme of another line says of itself is no warning about these pages.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

docs: $(VENV)/.tools
	$(MKDOCS) build --quiet --strict

docs-serve: $(VENV)/.tools
	$(MKDOCS) serve --dev-addr 127.0.0.1:8000

clean:
	rm -rf $(VENV) dist .docs .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz .soak .autobahn .recipes adapters/build

# The environment: made once, and brought up to date when pyproject.toml changes.  Its pip is
# renewed first, because an old one knows no dependency groups.
$(VENV)/.pip: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or later found; set PYTHON=" >&2; exit 1; }
	@echo "Preparing $(VENV)"
	@$(BIN)/python -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.project: $(VENV)/.pip
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.tools: $(VENV)/.pip
	@$(PIP) install --editable . --group dev
	@touch $@ $(VENV)/.project
