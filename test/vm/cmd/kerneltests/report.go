package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// report prints what go test would print, from the tests' -test.v output, and
// remembers what went wrong.
type report struct {
	out     io.Writer
	verbose bool
	name    string
	output  bytes.Buffer
	part    []byte
	passed  int      // of the current package
	done    []string // their names
	skipped []string
	failed  int

	total    int
	failures []string
}

func newReport(out io.Writer, verbose bool) *report { return &report{out: out, verbose: verbose} }

func (r *report) begin(name string) {
	r.name, r.part, r.skipped = name, nil, nil
	r.passed, r.failed, r.done = 0, 0, nil
	r.output.Reset()
}

// Write takes the test binary's output.
func (r *report) Write(p []byte) (int, error) {
	if r.verbose {
		r.out.Write(p)
	}
	r.output.Write(p)
	r.part = append(r.part, p...)
	for {
		i := bytes.IndexByte(r.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		r.line(string(r.part[:i]))
		r.part = r.part[i+1:]
	}
}

// line counts the ends of top-level tests and benchmarks, and of subtests only
// skips.
func (r *report) line(l string) {
	trimmed := strings.TrimLeft(l, " ")
	if name, ok := strings.CutPrefix(trimmed, "--- SKIP: "); ok {
		r.skipped = append(r.skipped, name)
		return
	}
	if name, ok := strings.CutPrefix(l, "--- PASS: "); ok {
		r.done = append(r.done, strings.Fields(name)[0])
	}
	switch {
	case strings.HasPrefix(l, "--- PASS: "), strings.HasPrefix(l, "Benchmark") && strings.Contains(l, "ns/op"):
		r.passed++
	case strings.HasPrefix(l, "--- FAIL: "):
		r.failed++
	}
}

func (r *report) end(code int, took time.Duration) {
	r.total += r.passed + r.failed
	bad := code != 0 || len(r.skipped) > 0 || r.passed+r.failed == 0
	if bad && !r.verbose {
		r.out.Write(r.output.Bytes())
	}
	if !bad {
		fmt.Fprintf(r.out, "ok  \t%s\t%.3fs\t%d on a real kernel\n", r.name, took.Seconds(), r.passed)
		return
	}
	fmt.Fprintf(r.out, "FAIL\t%s\t%.3fs\n", r.name, took.Seconds())
	switch {
	case code != 0:
		r.failures = append(r.failures, fmt.Sprintf("%s: %d failed, exit status %d", r.name, r.failed, code))
	case len(r.skipped) > 0:
		r.failures = append(r.failures, fmt.Sprintf("%s: skipped, but none may be: %s", r.name, strings.Join(r.skipped, ", ")))
	default:
		r.failures = append(r.failures, r.name+": no test ran")
	}
}

// lockedUp is abort where the tests that have not passed are to run once more. It returns
// those that have.
func (r *report) lockedUp(err error) (done []string) {
	r.total += r.passed
	fmt.Fprintf(r.out, "kerneltests: the guest's kernel locked up in %s, after %d tests that passed; the others run in a new VM\n%v\n", r.name, r.passed, err)
	return r.done
}

// abort prints what the running package had said when the VM ended.
func (r *report) abort() {
	if !r.verbose {
		r.out.Write(r.output.Bytes())
	}
	fmt.Fprintf(r.out, "FAIL\t%s\n", r.name)
}

func (r *report) verdict(packages int) error {
	if r.total == 0 {
		r.failures = append(r.failures, "no real-kernel test ran at all")
	}
	if len(r.failures) > 0 {
		return errors.New("FAIL\n\t" + strings.Join(r.failures, "\n\t"))
	}
	fmt.Fprintf(r.out, "kerneltests: %d tests in %d packages passed\n", r.total, packages)
	return nil
}
