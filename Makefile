# Everything a developer does here is a target; `make help` lists them.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

# Tools are installed with the Go toolchain into a folder that git ignores, once per pinned version.
TOOLS       := $(CURDIR)/.cache/bin
VERSITYGW   := github.com/versity/versitygw/cmd/versitygw@v1.8.0
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
BENCHSTAT   := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
export PATH := $(TOOLS):$(PATH)

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFILES   := git ls-files --cached --others --exclude-standard '*.go'
FUZZTIME  ?= 30s
BENCHTIME ?= 1s
BENCH     ?= .
KILLS     ?= 1000
MODEL_RUNS ?= 10000
SOAK      ?= 30m

# Modules of their own (the black box tests) keep their dependencies out of the product's.
MODULES := $(patsubst %/go.mod,%,$(wildcard loadtest/*/go.mod))

# The stamp of a MODULE@VERSION: it stands beside the binary and says which version that is.
tool = $(TOOLS)/.$(notdir $(firstword $(subst @, ,$(1))))-$(lastword $(subst @, ,$(1)))

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 15

.PHONY: run
run: build ## Build and run on 127.0.0.1:8080, files under ./parquay-data/bucket
	PARQUAY_LOG_FORMAT=$${PARQUAY_LOG_FORMAT-text} PARQUAY_FLUSH_INTERVAL=$${PARQUAY_FLUSH_INTERVAL-5s} exec bin/parquay serve

.PHONY: build
build: ## Build the static binary bin/parquay
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/parquay ./cmd/parquay

# Everything runs with the race detector but two things: tests that count allocations, since the detector allocates by
# itself, and the gateway in the end-to-end tests, which is the binary as it is shipped. The buffer's model has more runs
# without it. All of it runs, whatever fails.
.PHONY: test
test: $(call tool,$(VERSITYGW)) ## Run every test (installs versitygw once)
	@status=0; \
	run() { echo "$$*"; "$$@" | sed '/no test files/d' || status=1; }; \
	run go test -run Alloc ./...; \
	run go test -race -skip Alloc ./... ./.ci/mutants; \
	run env MODEL_RUNS=$(MODEL_RUNS) go test -run '^TestModel$$' ./buffer; \
	for m in $(MODULES); do run go -C $$m test -count=1 -timeout 40m ./...; done; \
	exit $$status

.PHONY: lint
lint: $(call tool,$(GOFUMPT)) $(call tool,$(STATICCHECK)) $(call tool,$(GOVULNCHECK)) ## gofumpt, vet, staticcheck, govulncheck and the import rule
	@status=0; \
	run() { echo "$$*"; "$$@" || status=1; }; \
	bad=$$($(GOFILES) | xargs gofumpt -l); [ -z "$$bad" ] || { printf 'gofumpt would change:\n%s\n' "$$bad"; status=1; }; \
	for m in . $(MODULES); do run go -C $$m vet ./...; run sh -c "cd $$m && staticcheck ./..."; done; \
	run go vet ./.ci/mutants; run staticcheck ./.ci/mutants; \
	run .ci/vulncheck; \
	run go test -run '^TestImport' ./cmd/parquay; \
	exit $$status

.PHONY: mutants
mutants: ## Break one rule at a time and show which test goes red: ARGS='-run "I4|delete"' (minutes)
	@go run ./.ci/mutants $(ARGS)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s), or those that match FUZZ; the corpus stays in .cache/fuzz
	@.ci/fuzz $(FUZZTIME) $(FUZZ)

.PHONY: bench
bench: ## Run the benchmarks BENCH (all) for BENCHTIME (1s) each
	go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) ./...

# BASE, COUNT, BENCH and BENCHTIME reach the script as make's own command line puts them into the environment.
.PHONY: bench-compare
bench-compare: $(call tool,$(BENCHSTAT)) ## Benchmarks BENCH of PACKAGES (all) on BASE (where main was left) and here, in turns, COUNT (6) times
	@.ci/bench-compare $(PACKAGES)

.PHONY: bench-peers
bench-peers: build ## Parquay beside Bento, DuckDB and Flink, for minutes: ARGS=-update writes docs/benchmarks.md
	go build -C loadtest/peers -o $(CURDIR)/bin/peers .
	@bin/peers $(ARGS)

.PHONY: e2e
e2e: $(call tool,$(VERSITYGW)) ## Run the end-to-end tests alone, verbosely: the real binary, killed under load
	go -C loadtest/e2e test -count=1 -v ./...

.PHONY: faults
faults: $(call tool,$(VERSITYGW)) ## The same at length: KILLS (1000) kills of each kind, a SOAK of 30m, a million of whatever can be made up
	MODEL_RUNS=$(MODEL_RUNS)0 go test -count=1 -run '^TestModel$$' -v -timeout 0 ./buffer
	WHOLE_RUNS=1000 go test -count=1 -run '^TestModelOfTheWhole$$' -v -timeout 0 ./cmd/parquay
	E2E_FULL=1 E2E_KILLS=$(KILLS) E2E_STOPS=200 E2E_ROLLS=10 E2E_SOAK=$(SOAK) go -C loadtest/e2e test -count=1 -v -timeout 0 ./...

.PHONY: measure
measure: build ## Events a second, CPU and memory of the gateway on this machine
	go -C loadtest/e2e run ./measure -binary $(CURDIR)/bin/parquay $(ARGS)

.PHONY: loadtest
loadtest: ## Load running gateways and prove what they have stored: ARGS='-n 10000000 -scenario mixed' (docs/loadtest.md)
	@go run ./loadtest $(ARGS)

.PHONY: bin/parquay-loadtest
bin/parquay-loadtest:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.buildVersion=$(VERSION)' -o $@ ./loadtest

.PHONY: tools
tools: $(foreach t,$(VERSITYGW) $(GOFUMPT) $(STATICCHECK) $(GOVULNCHECK) $(BENCHSTAT),$(call tool,$(t))) ## Install the pinned tools into .cache/bin

.PHONY: clean
clean: ## Remove what was built; tools and data stay
	rm -rf bin

define install
$(call tool,$(1)):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOFLAGS= go install $(1)
	@rm -f $(TOOLS)/.$(notdir $(firstword $(subst @, ,$(1))))-*; touch $$@
endef
$(foreach t,$(VERSITYGW) $(GOFUMPT) $(STATICCHECK) $(GOVULNCHECK) $(BENCHSTAT),$(eval $(call install,$(t))))
