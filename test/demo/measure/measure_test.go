package measure

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/test/demo/report"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

var (
	epoch  = time.Unix(1_700_000_000, 0)
	coa    = netip.MustParseAddr("2001:db8:f2::11")
	router = netip.MustParseAddr("fe80::1")
)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func ms(v int) *report.Ms {
	m := report.Ms(time.Duration(v) * time.Millisecond)
	return &m
}

func icmp(t int, typ byte, out bool) capture.Packet {
	return capture.Packet{Time: at(t), Out: out, IP: &capture.IPv6{Src: router, Proto: capture.ProtoICMPv6, Payload: []byte{typ, 0, 0, 0}}}
}

func mobility(t int, typ byte, out bool, src, dst netip.Addr) capture.Packet {
	return capture.Packet{Time: at(t), Out: out, IP: &capture.IPv6{Src: src, Dst: dst, Proto: capture.ProtoMH, Payload: []byte{59, 1, typ, 0, 0, 0}}}
}

// observation is a move in which everything goes well: link down at -5, up at 0.
func observation() Observation {
	o := Observation{
		Name: "move", From: topology.Foreign1, To: topology.Foreign2,
		LinkDown: at(-5), LinkUp: at(0), End: at(1000),
		Wire: []capture.Packet{
			icmp(-50, capture.ICMPRouterAdvertisement, false), // of the old link
			mobility(-20, capture.MHBindingUpdate, true, coa, topology.HAAddr),
			icmp(2, capture.ICMPRouterAdvertisement, false),
			icmp(40, capture.ICMPRouterAdvertisement, false),
			mobility(5, capture.MHBindingUpdate, true, coa, topology.HAAddr),
			mobility(9, capture.MHBindingAcknowledgement, false, topology.HAAddr, coa),
		},
		Addresses: []AddressNews{{at(1), router}, {at(4), coa}, {at(30), coa}},
		Streams:   []Stream{{Name: "mn → cn"}, {Name: "cn → mn"}},
	}
	for t := -1000; t < 1500; t += 10 {
		for i := range o.Streams {
			p := traffic.Probe{Sent: at(t), Replied: at(t + 2)}
			if t >= -10 && t < 10+10*i { // the second stream loses one more
				p.Replied = time.Time{}
			}
			o.Streams[i].Probes = append(o.Streams[i].Probes, p)
		}
	}
	return o
}

func TestHandover(t *testing.T) {
	got, move := Handover(observation())
	want := report.Handover{
		Name: "move", From: "foreign1", To: "foreign2", LinkUp: ms(0), RA: ms(2), CoAReady: ms(4), BUSent: ms(5), BAReceived: ms(9),
		FirstPacket:  ms(12),
		Interruption: *ms(40), // replies at -18 and 22
		Lost:         2 + 3,
		Sent:         2 * 150, // from 500 ms before the link went down to the end
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if move.BUs != 1 || move.Leaked != 0 || move.CareOf != coa.String() || len(move.Streams) != 2 || len(move.Streams[0].Probes) != 150 {
		t.Errorf("move: %d BUs, %d leaked, from %s, %d streams", move.BUs, move.Leaked, move.CareOf, len(move.Streams))
	}
}

func TestRetransmissionsAndLeaksAreCounted(t *testing.T) {
	o := observation()
	leak := capture.Packet{Time: at(3), Out: true, IP: &capture.IPv6{Src: topology.HoA, Dst: topology.CNAddr, Proto: capture.ProtoTCP}}
	signal := mobility(1005, capture.MHBindingUpdate, true, coa, topology.HAAddr) // after the end
	o.Wire = append(o.Wire, mobility(500, capture.MHBindingUpdate, true, coa, topology.HAAddr), leak, signal)
	if _, move := Handover(o); move.BUs != 2 || move.Leaked != 1 {
		t.Errorf("%d BUs, %d leaked; want 2 and 1", move.BUs, move.Leaked)
	}
	o.To = topology.Home
	if _, move := Handover(o); move.Leaked != 0 {
		t.Error("a packet of the home address on its home link was called a leak")
	}
}

func TestNothingSeenIsNull(t *testing.T) {
	o := observation()
	o.Wire, o.Addresses = nil, nil
	for i := range o.Streams {
		for j := range o.Streams[i].Probes {
			if o.Streams[i].Probes[j].Sent.After(o.LinkDown) {
				o.Streams[i].Probes[j].Replied = time.Time{}
			}
		}
	}
	h, _ := Handover(o)
	if h.RA != nil || h.CoAReady != nil || h.BUSent != nil || h.BAReceived != nil || h.FirstPacket != nil {
		t.Errorf("something was reported that was not there: %+v", h)
	}
	if h.Interruption < *ms(1000) {
		t.Errorf("interruption %v ms though nothing ever came back", h.Interruption.Float())
	}
}

func TestRouteOptimisation(t *testing.T) {
	o := observation()
	direct := func(ms int, out bool, home, routing netip.Addr) capture.Packet {
		return capture.Packet{Time: at(ms), Out: out, IP: &capture.IPv6{Proto: capture.ProtoICMPv6, Payload: []byte{128, 0, 0, 0}, HomeAddress: home, RoutingHome: routing}}
	}
	var none netip.Addr
	o.Wire = append(o.Wire,
		direct(-10, true, topology.HoA, none), // on the old link
		mobility(5, capture.MHCareOfTestInit, true, coa, topology.CNDirectAddr),
		mobility(8, capture.MHCareOfTest, false, topology.CNDirectAddr, coa),
		mobility(10, capture.MHBindingUpdate, true, coa, topology.CNDirectAddr),
		direct(14, false, none, topology.HoA),
		direct(15, true, topology.HoA, none),
	)
	o.Direct = []Stream{{Name: "direct", Probes: o.Streams[1].Probes}}
	got, move := Handover(o)
	want := &report.RO{CoTI: ms(5), CoT: ms(8), BU: ms(10), FirstDirect: ms(14), Interruption: *ms(40), Lost: 3, Sent: 150}
	if diff := cmp.Diff(want, got.RO); diff != "" {
		t.Error(diff)
	}
	if move.BUs != 1 || len(move.Streams) != 3 {
		t.Errorf("%d Binding Updates to the home agent, %d streams", move.BUs, len(move.Streams))
	}
}

func TestStretch(t *testing.T) {
	var slow, fast Stream
	for i := range 100 {
		slow.Probes = append(slow.Probes, traffic.Probe{Sent: at(i), Replied: at(i + 6)})
		fast.Probes = append(fast.Probes, traffic.Probe{Sent: at(i), Replied: at(i + 4)})
	}
	got := Stretch([]Stream{slow}, []Stream{fast}, at(50), at(90))
	want := &report.Stretch{TunnelRTT: *ms(6), DirectRTT: *ms(4), Ratio: 1.5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if Stretch([]Stream{slow}, nil, at(0), at(90)) != nil {
		t.Error("a comparison with nothing")
	}
}
