package report

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mip6d/internal/ctl"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	hoa   = netip.MustParseAddr("2001:db8:1::100")
	agent = netip.MustParseAddr("2001:db8:1::1")
	coaA  = netip.MustParseAddr("2001:db8:f1::100")
	coaB  = netip.MustParseAddr("2001:db8:f2::100")
	peer  = netip.MustParseAddr("2001:db8:c::1")
)

func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

// journal is told what happened as a daemon is.
type journal struct{ events []ctl.Event }

func (j *journal) tell(ms int, n role.Notice) {
	e := ctl.NewEvent(at(ms), n, func(i int) string { return []string{"", "wlan0", "wwan0"}[i] })
	e.Number = uint64(len(j.events) + 1)
	j.events = append(j.events, e)
}

// registers is a handover on an interface whose link has just come up.
func (j *journal) registers(ms, ifindex int, coa netip.Addr) {
	j.tell(ms, role.Notice{Kind: role.NoticeLinkUp, Ifindex: ifindex})
	j.tell(ms+4, role.Notice{Kind: role.NoticeRouter, Ifindex: ifindex})
	j.tell(ms+6, role.Notice{Kind: role.NoticeCareOfReady, CoA: coa, Ifindex: ifindex})
	j.binds(ms+7, ifindex, coa)
}

func (j *journal) binds(ms, ifindex int, coa netip.Addr) {
	n := role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, CoA: coa, HA: agent, Ifindex: ifindex, Sequence: 1, Lifetime: time.Minute}
	j.tell(ms, n)
	n.Kind, n.HasStatus = role.NoticeAckReceived, true
	j.tell(ms+13, n)
	n.Kind = role.NoticeRegistered
	j.tell(ms+13, n)
}

func (j *journal) down(ms, ifindex int) {
	j.tell(ms, role.Notice{Kind: role.NoticeLinkDown, Ifindex: ifindex})
}

func (j *journal) follow(t *testing.T, until int) *Node {
	t.Helper()
	nodes := Follow(j.events, at(until))
	if len(nodes) != 1 || nodes[0].Home != hoa {
		t.Fatalf("mobile nodes %+v", nodes)
	}
	return nodes[0]
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

// TestHandoverFromLinkToLink: a first registration, a refresh, a handover with what was seen of it, and route optimisation.
func TestHandoverFromLinkToLink(t *testing.T) {
	var j journal
	j.registers(0, 1, coaA)
	j.binds(30_000, 1, coaA)
	j.down(60_000, 1)
	j.registers(60_050, 1, coaB)
	for _, ms := range []int{60_100, 60_200} {
		j.tell(ms, role.Notice{Kind: role.NoticeDirect, HoA: hoa, CoA: coaB, Peer: peer})
	}
	n := j.follow(t, 90_000)
	same(t, "handovers", []Handover{{
		Home: hoa, To: coaA, Interface: "wlan0", LinkUp: at(0), Router: at(4), CareOfReady: at(6), UpdateSent: at(7), AckReceived: at(20), Done: at(20), Updates: 1,
	}, {
		Home: hoa, From: coaA, To: coaB, Interface: "wlan0", LinkDown: at(60_000), LinkUp: at(60_050), Router: at(60_054), CareOfReady: at(60_056),
		UpdateSent: at(60_057), AckReceived: at(60_070), Done: at(60_070), Direct: at(60_100), Updates: 1,
	}}, n.Handovers)
	same(t, "stays", []Stay{
		{From: at(20), To: at(60_000), CareOf: coaA, Interface: "wlan0"}, {From: at(60_070), To: at(90_000), CareOf: coaB, Interface: "wlan0"},
	}, n.Stays)
	if _, ok := n.Handovers[0].Interruption(); ok {
		t.Error("a first registration has interrupted something")
	}
	if d, ok := n.Handovers[1].Interruption(); !ok || d != 70*time.Millisecond {
		t.Errorf("interrupted for %v, %t", d, ok)
	}
}

// TestPlannedHandover: the other interface has been up for long, and nothing was lost.
func TestPlannedHandover(t *testing.T) {
	var j journal
	j.registers(0, 1, coaA)
	j.tell(100, role.Notice{Kind: role.NoticeLinkUp, Ifindex: 2})
	j.tell(110, role.Notice{Kind: role.NoticeCareOfReady, CoA: coaB, Ifindex: 2})
	j.binds(100_000, 2, coaB)
	j.down(100_500, 1) // not the one in use
	n := j.follow(t, 200_000)
	h := n.Handovers[len(n.Handovers)-1]
	if d, ok := h.Interruption(); len(n.Handovers) != 2 || !ok || d != 0 {
		t.Errorf("%d handovers, the last interrupted for %v, %t", len(n.Handovers), d, ok)
	}
	if !h.LinkUp.IsZero() || h.Began() != at(100_000) {
		t.Errorf("begins %v with the link's coming up long before", h.Began())
	}
	if len(n.Stays) != 2 || n.Stays[1].To != at(200_000) {
		t.Errorf("stays %+v", n.Stays)
	}
}

// TestHandoverThatDoesNotEnd: Binding Updates are sent again, one is refused, and then the link is gone.
func TestHandoverThatDoesNotEnd(t *testing.T) {
	var j journal
	j.registers(0, 1, coaA)
	j.down(1000, 1)
	j.tell(1100, role.Notice{Kind: role.NoticeLinkUp, Ifindex: 1})
	update := role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, CoA: coaB, HA: agent, Ifindex: 1, Lifetime: time.Minute}
	j.tell(1200, update)
	j.tell(2200, update)
	j.tell(2300, role.Notice{Kind: role.NoticeAckReceived, HoA: hoa, CoA: coaB, HA: agent, Ifindex: 1, Status: mh.StatusAdministrativelyProhibited, HasStatus: true})
	j.down(3000, 1)
	j.registers(4000, 1, coaA)
	n := j.follow(t, 5000)
	if len(n.Handovers) != 3 {
		t.Fatalf("%d handovers", len(n.Handovers))
	}
	if h := n.Handovers[1]; h.Updates != 2 || !h.Done.IsZero() || h.Refused == "" || !h.AckReceived.IsZero() {
		t.Errorf("%+v", h)
	}
	if d, _ := n.Handovers[2].Interruption(); d != 3020*time.Millisecond {
		t.Errorf("interrupted for %v, want that since the last path that stood", d)
	}
	j.events = j.events[:len(j.events)-6]
	if n := j.follow(t, 5000); len(n.Handovers) != 2 || !n.Handovers[1].Done.IsZero() {
		t.Errorf("at the journal's end: %+v", n.Handovers)
	}
}

// TestHandoverHome: and away again.
func TestHandoverHome(t *testing.T) {
	var j journal
	j.registers(0, 1, coaA)
	j.down(1000, 1)
	j.tell(1050, role.Notice{Kind: role.NoticeLinkUp, Ifindex: 1})
	j.tell(1060, role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, CoA: hoa, HA: agent, Ifindex: 1})
	j.tell(1080, role.Notice{Kind: role.NoticeAtHome, HoA: hoa, Ifindex: 1})
	j.tell(1090, role.Notice{Kind: role.NoticeAtHome, HoA: hoa, Ifindex: 1})
	j.down(2000, 1)
	j.registers(2100, 1, coaB)
	n := j.follow(t, 3000)
	if len(n.Handovers) != 3 || !n.Handovers[1].ToHome || !n.Handovers[2].FromHome || n.Handovers[1].UpdateSent != at(1060) {
		t.Fatalf("%+v", n.Handovers)
	}
	for i, want := range map[int]time.Duration{1: 80 * time.Millisecond, 2: 120 * time.Millisecond} {
		if d, ok := n.Handovers[i].Interruption(); !ok || d != want {
			t.Errorf("handover %d interrupted for %v, %t; want %v", i, d, ok, want)
		}
	}
	same(t, "stays", []Stay{
		{From: at(20), To: at(1000), CareOf: coaA, Interface: "wlan0"}, {From: at(1080), To: at(2000), Interface: "wlan0"},
		{From: at(2120), To: at(3000), CareOf: coaB, Interface: "wlan0"},
	}, n.Stays)
}

// TestAtTheHomeAgent: what it sees of one binding; bindings at correspondents are none of it.
func TestAtTheHomeAgent(t *testing.T) {
	var j journal
	binding := func(ms int, kind role.NoticeKind, coa netip.Addr, took time.Duration) {
		j.tell(ms, role.Notice{Kind: kind, HoA: hoa, CoA: coa, HA: agent, Ifindex: 1, Took: took, HasStatus: true})
	}
	binding(0, role.NoticeBindingRefreshed, coaA, time.Millisecond)
	binding(1000, role.NoticeBindingMoved, coaB, 2*time.Millisecond)
	j.tell(1001, role.Notice{Kind: role.NoticeBindingMoved, HoA: hoa, CoA: coaB, Peer: peer})
	binding(2000, role.NoticeBindingDeleted, coaB, 3*time.Millisecond)
	binding(3000, role.NoticeBindingCreated, coaA, time.Second)
	binding(9000, role.NoticeBindingExpired, coaA, 0)
	n := j.follow(t, 10_000)
	same(t, "handovers", []Handover{
		{Home: hoa, From: coaA, To: coaB, Interface: "wlan0", Agent: true, UpdateSent: at(998), Done: at(1000), Took: 2 * time.Millisecond},
		{Home: hoa, From: coaB, ToHome: true, Interface: "wlan0", Agent: true, UpdateSent: at(1997), Done: at(2000), Took: 3 * time.Millisecond},
		{Home: hoa, FromHome: true, To: coaA, Interface: "wlan0", Agent: true, UpdateSent: at(2000), Done: at(3000), Took: time.Second},
	}, n.Handovers)
	same(t, "stays", []Stay{
		{From: at(0), To: at(1000), CareOf: coaA, Interface: "wlan0"}, {From: at(1000), To: at(2000), CareOf: coaB, Interface: "wlan0"},
		{From: at(2000), To: at(3000), Interface: "wlan0"}, {From: at(3000), To: at(9000), CareOf: coaA, Interface: "wlan0"},
	}, n.Stays)
	for _, h := range n.Handovers {
		if _, ok := h.Interruption(); ok {
			t.Error("a home agent knows of an interruption")
		}
	}
}
