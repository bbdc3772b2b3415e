package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/bench"
	"mip6d/test/bench/report"
)

// full and short are how much is measured.
var (
	full = bench.Options{
		Sizes: []int{1000, 2000, 10_000, 100_000}, ForwardSizes: []int{1, 1000, 100_000}, PerInterface: []int{1000, 2000},
		Rounds: 5, Sample: 2000, Seconds: 3,
	}
	short = bench.Options{
		Sizes: []int{1000, 2000, 10_000}, ForwardSizes: []int{1, 1000, 10_000}, PerInterface: []int{1000, 2000},
		Rounds: 5, Sample: 500, Seconds: 1,
	}
)

// measure measures one part after the other, and writes a report of what there is
// also when one fails.
func measure(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	// What Go gives back of huge pages would count as the kernel's.
	if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("do without huge pages: %w", err)
	}
	b := full
	if o.short {
		b = short
	}
	var err error
	if b.Dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	b.Packages, b.Out = filepath.Join(b.Dir, packages), os.Stdout
	r := report.Report{Date: time.Now().UTC().Format(time.DateOnly), Kernel: release(), Rounds: b.Rounds, Short: o.short}
	var errs []error
	for _, part := range []struct {
		name string
		run  func(context.Context, bench.Options, *report.Report) error
	}{
		{"handover", bench.Handovers}, {"correspondent", bench.Correspondent}, {"homeagent", bench.HomeAgent},
		{"perinterface", bench.PerInterface}, // last: the kernel takes minutes to get rid of the interfaces
	} {
		if o.only != "" && o.only != part.name {
			continue
		}
		began := time.Now()
		fmt.Println(part.name)
		if err := part.run(ctx, b, &r); err != nil {
			fmt.Println(err)
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
		}
		fmt.Printf("  took %.0f s\n", time.Since(began).Seconds())
	}
	return errors.Join(append(errs, write(filepath.Join(o.dir, "report.json"), r.Write))...)
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// machine says what was measured on.
func machine(where, remark string) string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	s := fmt.Sprintf("%s on %d × %s", where, runtime.NumCPU(), model)
	if remark != "" {
		s += "; " + remark
	}
	return s
}

func write(name string, to func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(to(f), f.Close())
}
