# What a developer does with this repository. All of it runs on one machine and talks to nobody but the registries of Go, of
# npm and of Maven (for test-more only), and, for missing packages, the distribution.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PORT     ?= 8443 # of the demo
FUZZTIME ?= 1m   # for each target of `make fuzz`

# Everything but the browser suite.
PACKAGES = $(shell go list ./... | grep -v /e2e)

# golangci-lint needs hundreds of modules. Its own module file keeps them out of go.mod, which our users inherit.
LINT = go tool -modfile=tools/golangci-lint/go.mod golangci-lint

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## Start the demo: three apps behind one Caddy; PORT=9443 chooses another port
	@echo "Building the demo. The first time takes a few minutes."
	@go build -o bin/demo ./cmd/demo
	@exec bin/demo -port $(PORT)

.PHONY: build
build: ## Build bin/caddy: Caddy with this module
	go build -o bin/caddy ./cmd/caddy

.PHONY: check
check: ## Vet, lint, and run the tests that need no browser and no listener
	@scripts/check.sh

.PHONY: test
test: ## Run every check and test, in three browsers too; installs what is missing
	@scripts/install-test-tools.sh
	@scripts/test.sh

.PHONY: test-more
test-more: ## Run the tests with Keycloak; downloads it once
	@scripts/install-test-tools.sh
	@scripts/install-keycloak.sh >/dev/null
	@scripts/test-more.sh

.PHONY: lint
lint: ## Run the linters
	$(LINT) run

.PHONY: fmt
fmt: ## Format the code as `make lint` wants it
	$(LINT) fmt

.PHONY: bench
bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem $(PACKAGES)

.PHONY: bench-load
bench-load: ## Measure a Caddy under load, killed and restarted; about 3 minutes
	go test -tags bench -count=1 -v -run '^TestMeasure(Load|Kill|Restart)$$' -timeout 20m ./e2e

.PHONY: bench-tour
bench-tour: ## Measure logouts through many sites in three browsers; writes bench/README.md
	@scripts/install-test-tools.sh
	@TOUR_CSV=$(CURDIR)/bench/tour.csv go test -tags bench -count=1 -v -run '^TestMeasureTour$$' -timeout 60m ./e2e
	@go run ./bench/plot

.PHONY: fuzz
fuzz: ## Fuzz each target for a minute; FUZZTIME=10m for longer
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
