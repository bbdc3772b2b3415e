package probe

import (
	"encoding/hex"
	"net/netip"
	"testing"
)

// TestMigrateBytes has the layout of struct xfrm_userpolicy_id, of XFRMA_POLICY_TYPE
// and of XFRMA_MIGRATE as docs/kernel.md gives it, on a little-endian machine. That
// the kernel takes it and moves the policy is shown by TestKernelEveryProbeIsOK.
func TestMigrateBytes(t *testing.T) {
	if native.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the expected bytes are a little-endian machine's")
	}
	a := func(n string) netip.Addr { return netip.MustParseAddr("100::" + n) }
	got := migration{src: a("1"), dst: a("2"), oldSrc: a("3"), oldDst: a("4"), newSrc: a("5"), newDst: a("6")}.encode()
	const (
		to     = "0100000000000000000000000000000"
		zeroes = "0000000000000000"
	)
	want := to + "2" + to + "1" + // selector: destination, source
		zeroes + // ports
		"0a00" + "8080" + "00" + "000000" + "00000000" + "00000000" + // family, prefix lengths, protocol, interface, user
		"00000000" + "01" + "000000" + // index, direction out
		"0a001000" + "000000000000" + "0000" + // policy type main
		"50001100" + to + "4" + to + "3" + to + "6" + to + "5" + // old and new, destination before source
		"32" + "01" + "0000" + "83180000" + "0a00" + "0a00" // ESP, tunnel, reqid, families
	if hex.EncodeToString(got) != want {
		t.Errorf("got  %x\nwant %s", got, want)
	}
}
