package mh

import (
	"bytes"
	"runtime"
	"testing"
)

// allocated is how many octets a function allocates per call.
func allocated(f func()) uint64 {
	const rounds = 200
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / rounds
}

// A length field that no octets stand behind costs nothing.
func TestAllocationIsBoundedByWhatIsThere(t *testing.T) {
	for name, b := range map[string][]byte{
		"Header Len":    unhex(t, "3b ff 05 00 0000 8001 c000 0064 01020000"),
		"Option Length": unhex(t, "3b 01 05 00 0000 8001 c000 0064 c8ff 0000"),
		"good":          unhex(t, "3b 01 05 00 0000 8001 c000 0064 01020000"),
	} {
		if n := allocated(func() { _, _ = Parse(b) }); n > 700 {
			t.Errorf("%s: %d octets allocated for a message of %d", name, n, len(b))
		}
	}
	// The worst that a sender can do is many empty options: one interface each.
	worst := append(unhex(t, "3b ff 05 00 0000 8001 c000 0064"), bytes.Repeat([]byte{200, 0}, 1018)...)
	if n := allocated(func() { _, _ = Parse(worst) }); n > 128<<10 {
		t.Errorf("%d octets allocated for a message of %d", n, len(worst))
	}
}
