package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name, output string
		code         int
		want         string // "" for success
	}{
		{"pass", "=== RUN   TestKernelA\n--- PASS: TestKernelA (0.00s)\nPASS\n", 0, ""},
		{"a line in two writes", "--- PASS: Test|KernelA (0.00s)\nPASS\n", 0, ""},
		{"benchmark", "BenchmarkKernelA  \t 1000\t 123 ns/op\nPASS\n", 0, ""},
		{"fail", "--- FAIL: TestKernelA (0.00s)\nFAIL\n", 1, "1 failed, exit status 1"},
		{"crash after a pass", "--- PASS: TestKernelA (0.00s)\npanic: x\n", 2, "exit status 2"},
		{"skip", "--- PASS: TestKernelA (0.00s)\n--- SKIP: TestKernelB (0.00s)\nPASS\n", 0, "TestKernelB"},
		{"skipped subtest", "--- PASS: TestKernelA (0.00s)\n    --- SKIP: TestKernelA/x (0.00s)\nPASS\n", 0, "TestKernelA/x"},
		{"nothing ran", "testing: warning: no tests to run\nPASS\n", 0, "no test ran"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReport(io.Discard, false)
			r.begin("p")
			for part := range strings.SplitSeq(tt.output, "|") {
				fmt.Fprint(r, part)
			}
			r.end(tt.code, time.Second)
			err := r.verdict(1)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("verdict %v, want %q", err, tt.want)
			}
		})
	}
}
