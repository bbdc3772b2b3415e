package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mip6d/test/bench/report"
)

// HotPaths are the packages whose benchmarks are run, with those that count.
var HotPaths = []struct{ Package, Benchmarks string }{
	{"internal/cn", "TestInit|BindingUpdate|Memory"},
	{"internal/ha", "Refresh/^1000$"},
	{"internal/proxynd", "RespondAmong100000"},
}

// TestBinary is the file of a package's tests in Options.Packages.
func TestBinary(pkg string) string { return strings.ReplaceAll(pkg, "/", "-") + ".test" }

// Correspondent runs the benchmarks of the hot paths: a correspondent node's
// rates, and what each message allocates.
func Correspondent(ctx context.Context, o Options, r *report.Report) error {
	for _, p := range HotPaths {
		fmt.Fprintf(o.Out, "benchmarks of %s\n", p.Package)
		cmd := exec.CommandContext(ctx, filepath.Join(o.Packages, TestBinary(p.Package)), "-test.run", "^$", "-test.bench", p.Benchmarks,
			"-test.benchmem", "-test.cpu", "1", "-test.count", strconv.Itoa(o.Rounds), "-test.benchtime", fmt.Sprintf("%dms", 300*o.Seconds))
		cmd.Dir = o.Dir
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("benchmarks of %s: %w\n%s", p.Package, err, out)
		}
		hotPath(p.Package, string(out), r)
	}
	return nil
}

// hotPath takes the figures of one package's benchmarks over.
func hotPath(pkg, output string, r *report.Report) {
	names, figures := parseBenchmarks(output)
	for _, name := range names {
		of := func(unit string) float64 { return report.Median(figures[name][unit]) }
		switch pkg + " " + name {
		case "internal/cn TestInit/HoTI":
			r.Correspondent.HoTI = of("ops/s")
		case "internal/cn BindingUpdate":
			r.Correspondent.BU = of("ops/s")
		case "internal/cn Memory":
			r.Correspondent.Bytes = of("B/binding")
			continue
		}
		r.Allocations = append(r.Allocations, report.Allocation{
			Path: pkg + " " + name, Allocations: of("allocs/op"), Bytes: of("B/op"), Nanoseconds: of("ns/op"),
		})
	}
}

// parseBenchmarks reads what go test prints of benchmarks: name, number of
// repetitions, then pairs of a figure and its unit. The names are without
// Benchmark, in their order.
func parseBenchmarks(output string) (names []string, figures map[string]map[string][]float64) {
	figures = make(map[string]map[string][]float64)
	for line := range strings.Lines(output) {
		words := strings.Fields(line)
		name, ok := "", false
		if len(words) >= 4 {
			name, ok = strings.CutPrefix(words[0], "Benchmark")
		}
		if !ok {
			continue
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
			figures[name] = make(map[string][]float64)
		}
		for i := 2; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil {
				figures[name][words[i+1]] = append(figures[name][words[i+1]], v)
			}
		}
	}
	return names, figures
}
