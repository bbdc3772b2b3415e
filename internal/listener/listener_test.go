package listener

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mip6d/internal/icmp6"
	"mip6d/internal/mld"
	"mip6d/internal/role"
)

var (
	agent   = netip.MustParseAddr("2001:db8:1::1")
	hoa     = netip.MustParseAddr("2001:db8:1::100")
	hoa2    = netip.MustParseAddr("2001:db8:1::200")
	coa     = netip.MustParseAddr("2001:db8:f1::5")
	coa2    = netip.MustParseAddr("2001:db8:f2::5")
	group   = netip.MustParseAddr("ff0e::42")
	other   = netip.MustParseAddr("ff3e::43")
	source  = netip.MustParseAddr("2001:db8:c::10")
	source2 = netip.MustParseAddr("2001:db8:c::11")
	host    = netip.MustParseAddr("fe80::5") // a mobile node's on its tunnel
	addrs   = cmpopts.EquateComparable(netip.Addr{})
)

const homeLink = 7

// bed is a machine with the bindings that it may look at.
type bed struct {
	t        *testing.T
	m        *Machine
	now      time.Time
	bindings map[netip.Addr]role.Binding
	counted  map[role.Counter]int
	told     []string
}

func newBed(t *testing.T, p Params) *bed {
	b := &bed{t: t, now: time.Unix(1e9, 0), bindings: make(map[netip.Addr]role.Binding), counted: make(map[role.Counter]int)}
	p.Binding = func(home netip.Addr) (role.Binding, bool) { x, ok := b.bindings[home]; return x, ok }
	b.m = New(p)
	return b
}

func (b *bed) bind(home, careOf netip.Addr) {
	x := role.Binding{HomeAddress: home, CareOf: careOf, HomeAgent: agent, Ifindex: homeLink}
	b.bindings[home] = x
	b.m.Registered(b.now, x)
}

func (b *bed) end(home netip.Addr) {
	delete(b.bindings, home)
	b.m.Ended(home)
}

// step returns the effects but for counters, which it adds up.
func (b *bed) step(ev role.Event) (out []role.Effect) {
	for _, e := range b.m.Step(b.now, ev) {
		switch e := e.(type) {
		case role.Count:
			b.counted[e.Counter]++
		case role.Notice:
			b.told = append(b.told, string(e.Kind)+" "+e.HoA.String()+" "+e.Peer.String())
		default:
			out = append(out, e)
		}
	}
	return out
}

// pass lets time go on, with each deadline kept, and gathers what is sent and set.
func (b *bed) pass(d time.Duration) (out []role.Effect) {
	end := b.now.Add(d)
	for i := 0; ; i++ {
		next := b.m.Deadline()
		if next.IsZero() || next.After(end) {
			b.now = end
			return out
		}
		if i > 1000 {
			b.t.Fatal("the machine asks for a turn without end")
		}
		b.now = later(b.now, next)
		out = append(out, b.step(role.Tick{})...)
	}
}

// report is what a mobile node says from an inner source by a care-of address.
func report(careOf, src netip.Addr, records ...mld.Record) Heard {
	body := []byte{143, 0, 0, 0, 0, 0, 0, byte(len(records))}
	for _, r := range records {
		g := r.Group.As16()
		body = append(append(body, byte(r.Type), 0, 0, byte(len(r.Sources))), g[:]...)
		for _, s := range r.Sources {
			a := s.As16()
			body = append(body, a[:]...)
		}
	}
	return Heard{HomeAgent: agent, CareOf: careOf, Packet: packet(src, body)}
}

func packet(src netip.Addr, body []byte) []byte {
	dst := netip.MustParseAddr("ff02::16")
	icmp6.SetChecksum(body, src, dst)
	s, d := src.As16(), dst.As16()
	n := 8 + len(body)
	p := append([]byte{0x60, 0, 0, 0, byte(n >> 8), byte(n), 0, 1}, s[:]...)
	p = append(append(p, d[:]...), 58, 0, 5, 2, 0, 0, 1, 0)
	return append(p, body...)
}

func join(g netip.Addr) mld.Record { return mld.Record{Type: mld.ChangeToExcludeMode, Group: g} }
func drop(g netip.Addr) mld.Record { return mld.Record{Type: mld.ChangeToIncludeMode, Group: g} }

func (b *bed) want(got []role.Effect, want ...role.Effect) {
	b.t.Helper()
	if diff := cmp.Diff(want, got, addrs, cmpopts.EquateEmpty()); diff != "" {
		b.t.Error(diff)
	}
}

func (b *bed) bound() {
	b.t.Helper()
	b.bind(hoa, coa)
	b.pass(0) // the first query
}

var set = role.SetListener{HomeAddress: hoa, Group: group}

// The home agent asks at once, again soon, and then for ever: through the tunnel, with a
// packet that a listener takes for a general query.
func TestRFC6275_10_4_3_QueriesGoThroughTheTunnel(t *testing.T) {
	b := newBed(t, Params{})
	b.bind(hoa, coa)
	if at := b.m.Deadline(); at.After(b.now) {
		t.Errorf("the first query is due %v after the binding", at.Sub(b.now))
	}
	query := func(response time.Duration) role.Effect {
		q := mld.Query{MaxResponse: response, Robustness: 2, Interval: 125 * time.Second}
		return role.SendTunnelled{HomeAgent: agent, CareOf: coa, Packet: q.Packet(netip.MustParseAddr("fe80::1"))}
	}
	b.want(b.pass(0), query(time.Second))
	b.want(b.pass(9 * time.Second))
	b.want(b.pass(time.Second), query(time.Second))
	b.want(b.pass(125*time.Second), query(10*time.Second))
	b.bind(hoa, coa2) // a move does not need one more
	moved := b.pass(125 * time.Second)
	if len(moved) != 1 || moved[0].(role.SendTunnelled).CareOf != coa2 {
		t.Errorf("after a move: %+v", moved)
	}
	b.end(hoa)
	b.want(b.pass(time.Hour))
	if b.counted[CountQueries] != 4 {
		t.Errorf("%d queries counted", b.counted[CountQueries])
	}
}

// Reports by the tunnel of the binding count, of both versions, from a link-local
// address or the home address.
//
// Requirements: 6275-10.4.3-1
func TestRFC6275_10_4_3_ReportsThroughTheTunnel(t *testing.T) {
	g := group.As16()
	v1 := func(t mld.Type) Heard {
		return Heard{HomeAgent: agent, CareOf: coa, Packet: packet(host, append([]byte{byte(t), 0, 0, 0, 0, 0, 0, 0}, g[:]...))}
	}
	for name, c := range map[string]struct{ joins, leaves Heard }{
		"version 2":              {report(coa, host, join(group)), report(coa, host, drop(group))},
		"version 2, current":     {report(coa, host, mld.Record{Type: mld.ModeIsExclude, Group: group}), report(coa, host, drop(group))},
		"from the home address":  {report(coa, hoa, join(group)), report(coa, hoa, drop(group))},
		"version 1, with a Done": {v1(mld.TypeReport), v1(mld.TypeDone)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, Params{})
			b.bound()
			b.want(b.step(c.joins), set)
			if v := b.m.Memberships(b.now); len(v) != 1 || v[0].Group != group || v[0].HomeAddress != hoa || v[0].Remaining != 260*time.Second {
				t.Errorf("memberships: %+v", v)
			}
			b.want(b.step(c.leaves), role.ClearListener{HomeAddress: hoa, Group: group})
			if v := b.m.Memberships(b.now); len(v) != 0 {
				t.Errorf("memberships after leaving: %+v", v)
			}
			b.want(b.step(c.leaves)) // again: nothing to do
			told := []string{"group_joined " + hoa.String() + " " + group.String(), "group_left " + hoa.String() + " " + group.String()}
			if diff := cmp.Diff(told, b.told); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Who does not come by a binding's tunnel is nobody: another care-of address, another
// home agent's address, another's home address, no address at all.
func TestRFC6275_5_5_ReportsFromElsewhereAreIgnored(t *testing.T) {
	b := newBed(t, Params{})
	b.bound()
	b.bind(hoa2, coa2)
	b.pass(0)
	elsewhere := report(coa, host, join(group))
	elsewhere.HomeAgent = coa
	for _, ev := range []Heard{
		report(netip.MustParseAddr("2001:db8:f1::bad"), hoa, join(group)),
		report(netip.MustParseAddr("2001:db8:f1::bad"), host, join(group)),
		report(coa, hoa2, join(group)),
		report(coa, netip.IPv6Unspecified(), join(group)),
		elsewhere,
	} {
		b.want(b.step(ev))
	}
	if b.counted[CountUnbound] != 5 {
		t.Errorf("counted: %v", b.counted)
	}
	bad := report(coa, host, join(group))
	bad.Packet[60]++
	b.want(b.step(bad))
	if b.counted[CountBadReport] != 1 {
		t.Errorf("counted: %v", b.counted)
	}
}

// Requirements: 6275-10.4.2-4, 6275-10.4.2-5
func TestRFC6275_10_4_2_OnlyGlobalScopeUnlessConfigured(t *testing.T) {
	local := []string{"ff01::42", "ff02::42", "ff03::42", "ff04::42", "ff05::42", "ff08::42", "ff00::42", "ff0f::42", "2001:db8::1"}
	joins := func(p Params) (got []string) {
		b := newBed(t, p)
		b.bound()
		for _, s := range local {
			for _, e := range b.step(report(coa, host, join(netip.MustParseAddr(s)))) {
				got = append(got, e.(role.SetListener).Group.String())
			}
		}
		return got
	}
	if got := joins(Params{}); len(got) != 0 {
		t.Errorf("tunnelled: %v", got)
	}
	everything := []mld.Scope{0, 1, 2, 5, 8}
	if diff := cmp.Diff([]string{"ff05::42", "ff08::42"}, joins(Params{Scopes: everything})); diff != "" {
		t.Error(diff)
	}
}

func TestSources(t *testing.T) {
	b := newBed(t, Params{})
	b.bound()
	sources := func(s ...netip.Addr) role.Effect { return role.SetListener{HomeAddress: hoa, Group: group, Sources: s} }
	record := func(typ mld.RecordType, s ...netip.Addr) []role.Effect {
		return b.step(report(coa, host, mld.Record{Type: typ, Group: group, Sources: s}))
	}
	b.want(record(mld.BlockOldSources, source))
	b.want(record(mld.AllowNewSources))
	b.want(record(mld.AllowNewSources, source2), sources(source2))
	b.want(record(mld.AllowNewSources, source, source), sources(source, source2))
	b.want(record(mld.BlockOldSources, source2), sources(source))
	b.want(record(mld.ModeIsInclude, source2), sources(source2))
	b.want(record(mld.BlockOldSources, source2), role.ClearListener{HomeAddress: hoa, Group: group})
	var many []netip.Addr
	for a := source; len(many) <= maxSources; a = a.Next() {
		many = append(many, a)
	}
	b.want(record(mld.ChangeToIncludeMode, many...), set) // everybody's
	b.want(record(mld.AllowNewSources, source))           // nothing new
	b.want(record(mld.RecordType(9), source))             // RFC 3810 §5.2.12
	b.want(record(mld.ChangeToExcludeMode, source), set)
}

// A membership that is not reported again ends; one that is lives on.
func TestMembershipTime(t *testing.T) {
	b := newBed(t, Params{QueryInterval: 10 * time.Second})
	b.bound()
	b.step(report(coa, host, join(group), join(other)))
	b.pass(25 * time.Second)
	b.step(report(coa, host, mld.Record{Type: mld.ModeIsExclude, Group: group}))
	var ended []role.Effect
	for _, e := range b.pass(10 * time.Second) {
		if _, query := e.(role.SendTunnelled); !query {
			ended = append(ended, e)
		}
	}
	b.want(ended, role.ClearListener{HomeAddress: hoa, Group: other})
	if v := b.m.Memberships(b.now); len(v) != 1 || v[0].Group != group {
		t.Errorf("memberships: %+v", v)
	}
}

// A binding's end is its memberships' end, and nothing is left for the next one.
func TestBindingEndEndsMembership(t *testing.T) {
	b := newBed(t, Params{MaxGroups: 1})
	b.bound()
	b.step(report(coa, host, join(group)))
	b.end(hoa)
	b.m.Ended(hoa)
	if v := b.m.Memberships(b.now); len(v) != 0 {
		t.Errorf("memberships: %+v", v)
	}
	b.want(b.step(report(coa, host, join(group))))
	b.bind(hoa2, coa)
	b.pass(0)
	b.want(b.step(report(coa, host, join(other))), role.SetListener{HomeAddress: hoa2, Group: other})
}

// Memberships go with a binding that moves; what comes from the old care-of address is
// not the mobile node's any more.
func TestMembershipMoves(t *testing.T) {
	b := newBed(t, Params{})
	b.bound()
	b.step(report(coa, host, join(group)))
	b.bind(hoa, coa2)
	b.want(b.step(report(coa, host, drop(group))))
	if v := b.m.Memberships(b.now); len(v) != 1 || v[0].CareOf != coa2 {
		t.Errorf("memberships: %+v", v)
	}
	b.want(b.step(report(coa2, host, drop(group))), role.ClearListener{HomeAddress: hoa, Group: group})
}

// Two home addresses in one tunnel: the inner source says which, if it can.
func TestTwoHomeAddressesInOneTunnel(t *testing.T) {
	b := newBed(t, Params{})
	b.bound()
	b.bind(hoa2, coa)
	b.pass(0)
	b.want(b.step(report(coa, hoa2, join(group))), role.SetListener{HomeAddress: hoa2, Group: group})
	b.want(b.step(report(coa, netip.MustParseAddr("fe80::200"), join(other))), role.SetListener{HomeAddress: hoa2, Group: other})
	b.want(b.step(report(coa, host, join(group))), set)
}

func TestBounds(t *testing.T) {
	b := newBed(t, Params{MaxGroups: 3, MaxGroupsPerNode: 2})
	b.bound()
	b.bind(hoa2, coa2)
	b.pass(0)
	g := []netip.Addr{group}
	for len(g) < 4 {
		g = append(g, g[len(g)-1].Next())
	}
	got := b.step(report(coa, host, join(g[0]), join(g[1]), join(g[2])))
	if len(got) != 2 {
		t.Errorf("one node has %d groups", len(got))
	}
	got = b.step(report(coa2, host, join(g[1]), join(g[2]))) // one that is there, one new
	if len(got) != 2 {
		t.Errorf("the other has %d groups", len(got))
	}
	b.step(report(coa2, host, drop(g[1])))
	b.want(b.step(report(coa2, host, join(g[3]))))
	if b.counted[CountTooMany] != 2 {
		t.Errorf("counted: %v", b.counted)
	}
}

func TestReconfigured(t *testing.T) {
	b := newBed(t, Params{Scopes: []mld.Scope{mld.ScopeSiteLocal}, QueryInterval: time.Hour})
	b.bound()
	site := netip.MustParseAddr("ff05::42")
	b.step(report(coa, host, join(group), join(site)))
	b.pass(time.Minute)
	p := b.m.p
	p.Scopes, p.QueryInterval = nil, 10*time.Second
	b.want(b.step(Reconfigured{Params: p}), role.ClearListener{HomeAddress: hoa, Group: site})
	if got := b.pass(10 * time.Second); len(got) != 1 {
		t.Errorf("the new interval does not count: %+v", got)
	}
}

// While a binding that has expired waits for its replacement nothing is sent, and nothing
// is lost.
func TestBindingBetweenTwo(t *testing.T) {
	b := newBed(t, Params{QueryInterval: 10 * time.Second})
	b.bound()
	b.step(report(coa, host, join(group)))
	delete(b.bindings, hoa)
	b.want(b.pass(2 * time.Minute))
	b.bind(hoa, coa)
	if got := b.pass(time.Second); len(got) != 1 {
		t.Errorf("after the binding is back: %+v", got)
	}
	if v := b.m.Memberships(b.now); len(v) != 1 {
		t.Errorf("memberships: %+v", v)
	}
}

func TestVirtualHomeLinkIsNotAsked(t *testing.T) {
	b := newBed(t, Params{})
	b.bindings[hoa] = role.Binding{HomeAddress: hoa, CareOf: coa, HomeAgent: agent}
	b.m.Registered(b.now, b.bindings[hoa])
	b.want(b.pass(time.Hour))
}
