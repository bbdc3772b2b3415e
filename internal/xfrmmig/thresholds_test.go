package xfrmmig

import (
	"encoding/hex"
	"testing"

	"mip6d/test/testkernel"
)

func TestThresholdsAreWhatIproute2Writes(t *testing.T) {
	const command, want = "ip xfrm policy set hthresh6 0 128", "ffffffff" + "06000400" + "00800000"
	if got := hex.EncodeToString(agentThresholds.encode()); got != want {
		t.Errorf("%s\n got %s\nwant %s", command, got, want)
	}
	for _, short := range []string{"", "ffffff", "ffffffff0500040000"} {
		if _, ok := decodeThresholds(unhex(t, short)); ok {
			t.Errorf("%q has thresholds", short)
		}
	}
}

// A home agent that protects somebody has policies hashed; a cleanup takes that back. What somebody has chosen stays.
func TestKernelThresholdsAreAHomeAgents(t *testing.T) {
	testkernel.Namespace(t)
	c, err := Dial()
	must(t, err)
	defer c.Close()
	want := func(when string, want thresholds) {
		t.Helper()
		got, err := c.thresholds()
		must(t, err)
		if got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	list := []Protection{managed(hoa, 5)}
	must(t, openGuard(t, AtMobileNode).Protect(list))
	must(t, openGuard(t, AtHomeAgent).Protect(nil))
	want("a mobile node, and a home agent that protects nobody", kernelThresholds)
	for range 2 {
		must(t, openGuard(t, AtHomeAgent).Protect(list))
		want("a home agent", agentThresholds)
	}
	must(t, c.Cleanup())
	want("after a cleanup", kernelThresholds)

	chosen := thresholds{64, 64}
	must(t, c.changeThresholds(kernelThresholds, chosen))
	must(t, openGuard(t, AtHomeAgent).Protect(list))
	must(t, c.Cleanup())
	want("chosen by somebody", chosen)
}
