# make build | demo | test | lint | bench | clean      (docs/testing.md says more)

SHELL        := /bin/bash
# Static and small: these run in a guest without a C library, and on any distribution.
GOBUILD      := CGO_ENABLED=0 go build -trimpath
KERNELTESTS  := go run ./test/vm/cmd/kerneltests
# Packages with goroutines of their own are also tested with the race detector.
RACE         := ./internal/engine ./internal/ctl ./internal/netmon ./internal/mhsock ./internal/proxynd ./internal/store

.PHONY: build demo test test-go test-race test-kernel lint bench clean deps

build:
	$(GOBUILD) -o build/bin/ ./cmd/...

demo: deps
	go run ./test/demo/cmd/demo

test: lint test-go test-race test-kernel

# Unit tests, the simulation's seeds, the fuzz targets' corpora.
test-go:
	go test ./...

test-race:
	go test -race $(foreach p,$(RACE),$(if $(wildcard $(p)),$(p)/...))

test-kernel: deps
	$(KERNELTESTS)

lint:
	scripts/lint

# Figures on a real kernel (BenchmarkKernel…), not assertions; the machine's load shows in them.
bench: deps
	$(KERNELTESTS) -bench '^BenchmarkKernel'

# QEMU where it is missing. With ALLOW_SKIP=1 its absence is no error here.
deps:
	@scripts/install-qemu || [ "$(ALLOW_SKIP)" = 1 ]

clean:
	rm -rf build
