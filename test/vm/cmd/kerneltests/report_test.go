package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// After a lockup what has passed counts, and is not run again.
func TestGoesOnAfterALockup(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, false)
	r.begin("mip6d/x")
	r.Write([]byte("=== RUN   TestKernelA\n--- PASS: TestKernelA (0.10s)\n=== RUN   TestKernelB/sub\n    --- PASS: TestKernelB/sub (0.10s)\n"))
	done := r.lockedUp(errors.New("softlockup: hung tasks"))
	if !slices.Equal(done, []string{"TestKernelA"}) || !strings.Contains(out.String(), "locked up in mip6d/x") {
		t.Errorf("done %v, said %q", done, out.String())
	}
	args := strings.Join(options{run: "TestKernel", skip: "Slow"}.testArgs("x.test", done), " ")
	if !strings.HasSuffix(args, "-test.skip Slow|^(TestKernelA)$") {
		t.Errorf("arguments %s", args)
	}
	r.begin("mip6d/x")
	r.Write([]byte("--- PASS: TestKernelB (0.20s)\n"))
	r.end(0, 0)
	if err := r.verdict(1); err != nil || !strings.Contains(out.String(), "2 tests in 1 packages passed") {
		t.Errorf("%v, %q", err, out.String())
	}
}
