# sitwell: `make` lists the targets. Go 1.26 and make are enough for all but
# ui (Node 20), check (a C compiler, for the race detector), e2e (Chromium) and
# influxd (a Docker engine, or Rust, a C compiler and pkg-config).

SHELL      := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := help
MAKEFLAGS  += --no-print-directory
export npm_config_update_notifier := false

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOLS   := bin/tools
LINT    := $(TOOLS)/golangci-lint
TESTSUM := go run ./internal/testsum

# For demo, such as ARGS="--data my-office"; for faults, such as ARGS="-run PowerCut -cuts 5".
ARGS ?=
# For demo-influx, a server of your own: its address and the file with an operator's token.
INFLUX     ?=
TOKEN_FILE ?=
# How many inputs check gives each fuzz target; how long bench runs each benchmark.
FUZZTIME  ?= 30000x
BENCHTIME ?= 1s
# Where CI is set, a test may be skipped only for what a CI machine cannot have.
ALLOWED := recordings,Docker,mounting
SKIPS   := $(if $(CI),-fail-on-skip -allow $(ALLOWED))
# The race detector sees nothing in processes that are killed, which make test does, and
# makes everything several times slower: in short, and with fewer random cases.
ALLOWED_RACE := $(ALLOWED),processes
SKIPS_RACE   := $(if $(CI),-fail-on-skip -allow $(ALLOWED_RACE))

.PHONY: help demo demo-influx test check build ui e2e faults influxd bench fmt

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# In a terminal the demo gets a job of its own (set -m): a Ctrl-C then reaches
# sitwell alone, which drains, and make reports sitwell's exit code, not "Interrupt".
demo: ui build ## build all and run a simulated office; Ctrl-C ends it (ARGS="...")
	@if [ -t 0 ] && [ -t 1 ]; then set -m; bin/sitwell demo $(ARGS); else exec bin/sitwell demo $(ARGS); fi

# The InfluxDB of make influxd, with its data beside sitwell's, or the one of INFLUX.
demo-influx: ui build ## the same demo on InfluxDB 2 (ARGS="..."; on one you have: INFLUX=URL TOKEN_FILE=F)
	@if [ -n '$(INFLUX)' ]; then set -- bin/sitwell demo --influx '$(INFLUX)' --influx-token-file '$(TOKEN_FILE)'; \
	else internal/tools/influxd.sh >/dev/null; go build -o bin/demoinflux ./internal/demoinflux; set -- bin/demoinflux bin/sitwell demo; fi; \
	if [ -t 0 ] && [ -t 1 ]; then set -m; "$$@" $(ARGS); else exec "$$@" $(ARGS); fi

test: ## run the tests; lists what was skipped and why
	@absent=; page=0; internal/tools/ui.sh test || page=$$?; \
	[ $$page -ne 3 ] || absent="the page's unit tests: $$(internal/tools/ui.sh why)"; \
	$(TESTSUM) $(SKIPS) -absent "$$absent" -- ./...; \
	case $$page in 0|3) ;; *) echo "FAIL: the page's unit tests, see above"; exit 1;; esac

build: ## build bin/sitwell
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/sitwell ./cmd/sitwell

ui: ## build the page, where Node and npm's packages can be had
	@internal/tools/ui.sh build || { code=$$?; [ $$code -eq 3 ] || exit $$code; }

check: check-source check-lint check-page check-race check-faults check-fuzz check-vuln ## lint, race detector, faults in short, fuzzing, dependency rules, known vulnerabilities

e2e: build-page build ## end-to-end tests against the running program, in Chromium
	internal/tools/e2e.sh

faults: ## kill, cut off, starve and unplug sitwell, an hour or two; as root also power cuts and full disks (ARGS="...")
	@$(TESTSUM) $(SKIPS) -logs -- -count=1 -timeout 4h -tags faults ./internal/faults $(ARGS)

influxd: ## get an InfluxDB 2.7 for the tests, from Docker or built from source; cached outside the repository
	@internal/tools/influxd.sh

bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

fmt: $(LINT) ## format the sources
	$(LINT) fmt

# Parts of the above.
.PHONY: build-page check-source check-lint check-page check-race check-faults check-fuzz check-vuln

build-page:
	@internal/tools/ui.sh build

check-source:
	go mod verify
	internal/tools/cleanbuild.sh
	go vet ./...
	go vet -tags faults ./internal/faults

check-lint: $(LINT)
	$(LINT) fmt --diff
	$(LINT) run ./...
	$(LINT) run --build-tags faults ./internal/faults/...

check-page:
	@internal/tools/ui.sh check || { code=$$?; [ $$code -eq 3 ] || exit $$code; }

check-race:
	@$(TESTSUM) $(SKIPS_RACE) -- -race -short ./...

check-faults:
	@$(TESTSUM) $(SKIPS) -logs -- -count=1 -short -parallel 3 -timeout 15m -tags faults ./internal/faults

check-fuzz:
	internal/tools/fuzz.sh $(FUZZTIME)

check-vuln: $(TOOLS)/govulncheck
	internal/tools/vuln.sh $<

# The tools are built from their own module, so none of what they need is in sitwell's.
$(TOOLS)/%: internal/tools/go.mod internal/tools/go.sum
	@mkdir -p $(TOOLS)
	cd internal/tools && go build -o ../../$@ $$(go list -f '{{.ImportPath}}' tool | grep '/$*$$')
	@touch $@
