package bench

import (
	"crypto/ecdh"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/test/bench/report"
	"mip6d/test/netns/topology"
)

func TestHotPath(t *testing.T) {
	const output = `goos: linux
pkg: mip6d/internal/cn
BenchmarkTestInit/HoTI 	     100	      1000 ns/op	   2000 ops/s	      64 B/op	       1 allocs/op
BenchmarkTestInit/HoTI 	     100	      3000 ns/op	   1000 ops/s	      64 B/op	       1 allocs/op
BenchmarkTestInit/HoTI 	     100	      2000 ns/op	   1500 ops/s	      64 B/op	       1 allocs/op
BenchmarkBindingUpdate 	     100	     20000 ns/op	    500 ops/s	    4000 B/op	      60 allocs/op
BenchmarkMemory        	       1	 900000000 ns/op	    650.5 B/binding	 5000 B/op	      50 allocs/op
PASS
`
	var r report.Report
	hotPath("internal/cn", output, &r)
	want := report.Report{
		Correspondent: report.Correspondent{HoTI: 1500, BU: 500, Bytes: 650.5},
		Allocations: []report.Allocation{
			{Path: "internal/cn TestInit/HoTI", Allocations: 1, Bytes: 64, Nanoseconds: 2000},
			{Path: "internal/cn BindingUpdate", Allocations: 60, Bytes: 4000, Nanoseconds: 20000},
		},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	if err := os.WriteFile(file, []byte("MemTotal:  1000 kB\nMemFree:  300 kB\nCached: 50 kB\nSwapCached: 7 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := memory(file, "MemTotal", "-MemFree", "-Cached"); err != nil || got != 650<<10 {
		t.Errorf("%d (%v)", got, err)
	}
	if _, err := memory(file, "MemTotal", "-AnonPages"); err == nil || !strings.Contains(err.Error(), "AnonPages") {
		t.Errorf("%v", err)
	}
	if n, err := kernelMemory(); err != nil || n <= 0 {
		t.Errorf("%d (%v)", n, err)
	}
}

// The attributes of WG_CMD_SET_DEVICE, as linux/wireguard.h describes them.
func TestWireGuardDevice(t *testing.T) {
	key, err := ecdh.X25519().NewPrivateKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	peer := wgPeer{key: key.PublicKey(), allowed: netip.MustParsePrefix("2001:db8::/64"), endpoint: netip.AddrPortFrom(topology.HACoreAddr, wgPort)}
	var got strings.Builder
	for _, a := range device(key, peer) {
		got.WriteString(hex.EncodeToString(a.Serialize()))
	}
	zeros := strings.Repeat("00", 32)
	want := "08000200" + "77673000" + // ifname wg0
		"24000300" + zeros + // private key
		"06000600" + "6cca0000" + // port, and padding
		"78000880" + "74000080" + // peers, the first
		"24000100" + hex.EncodeToString(key.PublicKey().Bytes()) +
		"20000400" + "0a00" + "ca6c" + "00000000" + "20010db8000a00000000000000000001" + "00000000" + // endpoint
		"2c000980" + "28000080" + // allowed addresses, the first
		"06000100" + "0a000000" + "14000200" + "20010db8000000000000000000000000" + "05000300" + "40000000"
	if got.String() != want {
		t.Errorf("\n%s, want\n%s", got.String(), want)
	}
}
