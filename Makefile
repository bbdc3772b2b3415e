# make build | demo | packages | test | soak | test-ike | test-packages | test-prometheus | test-report | lint | conformance | reference | bench | bench-parts | clean   (docs/testing.md says more)

SHELL        := /bin/bash
# Static and small: these run in a guest without a C library, and on any distribution.
GOBUILD       = CGO_ENABLED=0 go build -trimpath -ldflags '-X mip6d/internal/ctl.version=$(shell VERSION='$(VERSION)' scripts/version)'
KERNELTESTS  := go run ./test/vm/cmd/kerneltests
# Packages with goroutines of their own are also tested with the race detector.
RACE         := ./internal/engine ./internal/ctl ./internal/netmon ./internal/mhsock ./internal/proxynd ./internal/store ./internal/metrics ./internal/journal

.PHONY: build demo packages test soak test-ike test-packages test-go test-race test-kernel test-prometheus test-report lint conformance reference bench bench-parts clean deps

# VERSION=1.2.3 or what git says (scripts/version), as for packages.
build:
	$(GOBUILD) -o build/bin/ ./cmd/...

# build/packages/mip6d_….deb and ….rpm; VERSION=1.2.3 or what git says.
packages:
	scripts/make-packages

demo: deps
	go run ./test/demo/cmd/demo

test: lint test-go test-race test-kernel

# Unit tests, the simulation's seeds, the fuzz targets' corpora.
test-go: deps
	go test ./...

test-race:
	go test -race $(foreach p,$(RACE),$(if $(wildcard $(p)),$(p)/...))

test-kernel: deps
	$(KERNELTESTS)

# The packages built twice and compared, installed, upgraded and purged on Debian machines with systemd in the VM, and
# what systemd-networkd does there. Some minutes, so not part of test; makes a small Debian with mmdebstrap at the first time.
test-packages: deps
	scripts/test-packages

# Certificates and what else goes wrong or is chosen with strongSwan; some minutes. What must always work is part of test.
test-ike: deps
	scripts/test-ike

# Debian's Prometheus scrapes daemons in the VM; half a minute and a download, so no part of test.
test-prometheus: deps
	scripts/test-prometheus

# Headless Chromium shows what mip6ctl report writes; build/test-report has the page and a picture of it. Installs the
# browser where there is none, so no part of test.
test-report:
	scripts/test-report

# Hours: the simulation with a thousand mobile nodes over many seeds, every fuzz target of a machine for FUZZ, a
# home agent killed KILLS times under load, system calls that fail, longer floods. SOAK are flags of the first
# (go run ./test/soak/cmd/soak -h).
SOAK  := -for 1h
FUZZ  := 5m
KILLS := 1000
soak: deps
	go run ./test/soak/cmd/soak $(SOAK)
	$(foreach p,ha mn cn homelink listener,go test ./internal/$(p) -run '^$$' -fuzz '^FuzzStep$$' -fuzztime $(FUZZ) &&) \
	go test ./internal/engine -run '^$$' -fuzz '^FuzzEngine$$' -fuzztime $(FUZZ)
	VMRUN_FLAGS='-timeout 6h' scripts/vmtest ./test/netns -run '^Test(Soak|KernelKillsUnderLoad|KernelOverload)' -v -timeout 6h -args \
		-kills=$(KILLS) -fault.rounds=40 -overload.time=3s

lint:
	scripts/lint

# docs/conformance.md, written anew; fails when that has changed it (test-go fails then, too).
conformance:
	go run ./test/conformance/cmd/conformance

# The manual pages' parts that are made (man/), and configs/mip6d.schema.json, written anew; test-go fails while one is stale.
reference:
	go test ./test/reference ./cmd/mip6ctl -run '^TestReference' -count 1 -args -update

# build/bench/report.json and docs/benchmarks.md: figures, not assertions. Up to 45 minutes under software emulation; SHORT=1
# takes a few, with fewer bindings. REMARK says what else the machine was doing.
bench: deps
	go run ./test/bench/cmd/bench $(if $(SHORT),-short) -remark '$(REMARK)'

# Figures of single parts (BenchmarkKernel… on a real kernel), and the demonstration's handovers with routers that advertise
# often (RFC 6275 §7.5) and as most do.
bench-parts: deps
	$(KERNELTESTS) -bench '^BenchmarkKernel'
	go test ./internal/cn -run XXX -bench . -cpu 1
	go run ./test/demo/cmd/demo -ra fast -dir build/bench/fast
	go run ./test/demo/cmd/demo -ra usual -dir build/bench/usual

# QEMU and the like where they are missing. With ALLOW_SKIP=1 its absence is no error here.
deps:
	@scripts/install-qemu || [ "$(ALLOW_SKIP)" = 1 ]

clean:
	rm -rf build
