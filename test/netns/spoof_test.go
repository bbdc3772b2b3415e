package netns

import (
	"encoding/binary"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
)

// A packet that claims to come from the home address inside a tunnel whose
// outer source is not the bound care-of address must not be forwarded (RFC 6275
// §10.4.5). The same packet from the care-of address is.
//
// Requirements: 6275-8.4-5, 6275-10.4.5-2
func TestKernelSpoofedReverseTunnelIsDropped(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	coa := w.careOf(t, time.Time{})
	attacker, err := w.AddHost("attacker", topology.Foreign1, hostOnForeign1)
	if err != nil {
		t.Fatal(err)
	}
	atCN, err := capture.Start(w.CN, topology.CNInterface, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer atCN.Close()
	// A UDP packet to a port of its own, from HoA to CN.
	inner := func(port uint16) []byte {
		udp := binary.BigEndian.AppendUint16(nil, 9)
		udp = binary.BigEndian.AppendUint16(udp, port)
		udp = append(udp, 0, 8, 0xff, 0xff)
		return capture.IPv6Packet(topology.HoA, topology.CNAddr, capture.ProtoUDP, udp)
	}
	arrived := func(port uint16) func(capture.Packet) bool {
		return func(p capture.Packet) bool {
			return p.IP != nil && p.IP.Proto == capture.ProtoUDP && p.IP.Src == topology.HoA &&
				len(p.IP.Payload) >= 4 && binary.BigEndian.Uint16(p.IP.Payload[2:]) == port
		}
	}
	toRouter := func(packet []byte) []byte { return capture.EthernetFrame("02:00:00:00:f1:01", packet) }
	send := func(port uint16, outer string) {
		t.Helper()
		src := hostOnForeign1
		if outer == "care-of" {
			src = coa
		}
		packet := capture.IPv6Packet(src, topology.HAAddr, capture.ProtoIPv6, inner(port))
		if err := capture.Inject(attacker, "eth0", toRouter(packet)); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	send(1001, "attacker")
	send(1002, "care-of") // arrives after the first, had that been let through
	if _, err := atCN.Wait(within(t, 2*time.Second), start, arrived(1002)); err != nil {
		t.Errorf("a packet from the bound care-of address: %v", err)
	}
	time.Sleep(200 * time.Millisecond)
	if n := len(atCN.Select(start, arrived(1001))); n > 0 {
		t.Error("a packet from an address that is not bound was forwarded")
	}
}
