package rtnl

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"mip6d/test/testkernel"
)

// TestKernelTunnelTraffic: what goes into the tunnel is counted there, and other
// interfaces are nobody's business.
func TestKernelTunnelTraffic(t *testing.T) {
	testkernel.Namespace(t)
	link(t)
	b, err := OpenBindings(Marks{})
	must(t, err)
	defer b.Close()
	list := bindings(1)
	list[0].HomeAgent = coa // an address of ours, so that the tunnel can be used
	must(t, b.Set(list)[0])
	traffic := func() Traffic {
		t.Helper()
		all, err := TunnelTraffic(Marks{})
		must(t, err)
		if len(all) != 1 || all[0].Device != DefaultTunnelName {
			t.Fatalf("devices %+v, want %s alone", all, DefaultTunnelName)
		}
		return all[0]
	}
	before := traffic()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(list[0].HomeAddress, 9)))
	must(t, err)
	defer conn.Close()
	_, err = conn.Write(make([]byte, 1000))
	must(t, err)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		now := traffic()
		if now.OutPackets > before.OutPackets && now.OutBytes >= before.OutBytes+1000 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("before %+v, after a packet %+v", before, now)
		}
	}
}
