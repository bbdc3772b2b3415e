package bench

import (
	"os"
	"testing"

	"mip6d/test/bench/report"
	"mip6d/test/testkernel"
)

// What `make bench` measures, with next to nothing of everything: that it works,
// not what comes out.
func TestKernelBench(t *testing.T) {
	testkernel.Require(t)
	o := Options{
		Sizes: []int{20}, ForwardSizes: []int{20}, PerInterface: []int{40}, Rounds: 1, Sample: 10, Seconds: 1, Dir: t.TempDir(), Out: os.Stdout,
	}
	var r report.Report
	if err := HomeAgent(t.Context(), o, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Registrations) != 4 || len(r.Memory) != 1 || len(r.Forwarding) != 1 {
		t.Fatalf("%+v", r)
	}
	for _, x := range r.Registrations {
		if x.Lost+x.Refused > 0 || x.Begun < 10 || x.PerSecond <= 0 || x.P50 <= 0 || x.P99 < x.P50 {
			t.Errorf("%+v", x)
		}
	}
	if f := r.Forwarding[0]; f.Mbit <= 0 || f.PPS <= 0 || f.PlainMbit <= 0 || f.PlainPPS <= 0 {
		t.Errorf("%+v", f)
	}
	if err := PerInterface(t.Context(), o, &r); err != nil {
		t.Fatal(err)
	}
	// What the kernel's memory grew by is lost in its noise with so few.
	if x := r.InterfacePerBinding; len(x) != 1 || x[0].PerSecond <= 0 || x[0].Mip6d <= 0 {
		t.Errorf("%+v", x)
	}
	gaps, err := handovers(t.Context(), o, optimisticWireGuard, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(gaps) != 1 || gaps[0] <= 0 {
		t.Errorf("gaps %v", gaps)
	}
}
