package mn

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Names of the test's little world. eth0 is better than wwan0.
var (
	ha  = netip.MustParseAddr("2001:db8:1::1")
	hoa = netip.MustParsePrefix("2001:db8:1::100/64")

	homeNet = netip.MustParsePrefix("2001:db8:1::/64")
	netA    = netip.MustParsePrefix("2001:db8:a::/64")
	netB    = netip.MustParsePrefix("2001:db8:b::/64")
	netC    = netip.MustParsePrefix("2001:db8:c::/64")

	coaA = netip.MustParseAddr("2001:db8:a:0:a8:bbff:fecc:ddee")
	coaB = netip.MustParseAddr("2001:db8:b:0:a8:bbff:fecc:ddee")
	coaC = netip.MustParseAddr("2001:db8:c:0:a8:bbff:fecc:ddee")
	wanB = netip.MustParseAddr("2001:db8:b:0:a8:bbff:fecc:dd01")

	haRouter = netip.MustParseAddr("fe80::1")
	routerA  = netip.MustParseAddr("fe80::a")
	routerA2 = netip.MustParseAddr("fe80::a2")
	routerB  = netip.MustParseAddr("fe80::b")

	ethMAC = []byte{0x02, 0xa8, 0xbb, 0xcc, 0xdd, 0xee}
	wanMAC = []byte{0x02, 0xa8, 0xbb, 0xcc, 0xdd, 0x01}
	haMAC  = []byte{0x02, 0, 0, 0, 0, 1}

	key = []byte("0123456789abcdef")
	t0  = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
)

const (
	eth = 2
	wan = 3
)

// counting is a source of randomness that repeats itself in every run.
type counting struct{ n byte }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		c.n++
		b[i] = c.n
	}
	return len(b), nil
}

// bed drives one machine and plays kernel and home agent for it.
type bed struct {
	t   *testing.T
	m   *Machine
	now time.Time

	manualDone  bool // don't answer effects
	manualReady bool // don't announce care-of addresses
	directErr   error

	stored   map[string]role.ListEntry // by home address and peer
	leases   map[netip.Prefix]role.Lease
	storeErr error
	stores   int // effects, failed or not

	effects []role.Effect // of the last event and what it set off
	bus     []sentBU      // all Binding Updates to home agents so far
	paths   []role.HomePath
	counts  map[role.Counter]int
	notices []role.Notice
}

// sentBU is one Binding Update as the home agent sees it.
type sentBU struct {
	at   time.Time
	send role.Send
	bu   *mh.BindingUpdate
	coa  netip.Addr
}

func (s sentBU) stamp() uint64 {
	o, _ := mh.Find[mh.MesgID](s.bu.Options)
	return o.Timestamp
}

func defaultParams() Params {
	return Params{
		Homes:      []Home{{HomeAddress: hoa, HomeAgent: ha, Lifetime: 400 * time.Second}},
		Interfaces: []Interface{{Name: "eth0", Preference: 10}, {Name: "wwan0", Preference: 20}},
	}
}

func authParams() Params {
	p := defaultParams()
	p.Homes[0].Auth = &Auth{SPI: 256, Key: key, MNID: "mn100@example.org"}
	return p
}

func newBed(t *testing.T, p Params) *bed {
	t.Helper()
	return &bed{t: t, m: New(p, &counting{}), now: t0, counts: make(map[role.Counter]int), stored: make(map[string]role.ListEntry), leases: make(map[netip.Prefix]role.Lease)}
}

// started is a bed whose machine has started.
func started(t *testing.T, p Params) *bed {
	b := newBed(t, p)
	b.step(role.Start{})
	return b
}

// step hands over events and carries out what follows, and returns what was
// wanted, one line for each effect but notices and counts.
func (b *bed) step(events ...role.Event) []string {
	b.t.Helper()
	b.effects = nil
	for len(events) > 0 {
		ev := events[0]
		events = events[1:]
		effects := b.m.Step(b.now, ev)
		b.effects = append(b.effects, effects...)
		for _, e := range effects {
			b.record(e)
			events = append(events, b.answer(e)...)
		}
	}
	return render(b.effects)
}

// answer is what kernel and engine say to an effect.
func (b *bed) answer(e role.Effect) []role.Event {
	switch e := e.(type) {
	case role.SetHomePath:
		if !b.manualDone {
			return []role.Event{role.Done{ID: e.ID}}
		}
	case role.SetDirect:
		if !b.manualDone {
			return []role.Event{role.Done{ID: e.ID, Err: b.directErr}}
		}
	case role.StoreListEntry:
		b.stores++
		key := e.Entry.HomeAddress.String() + " " + e.Entry.Peer.String()
		switch {
		case b.storeErr != nil:
		case e.Drop:
			delete(b.stored, key)
		default:
			b.stored[key] = e.Entry
		}
		if e.ID != 0 {
			return []role.Event{role.Done{ID: e.ID, Err: b.storeErr}}
		}
	case role.StoreLease:
		b.stores++
		net := e.Lease.HomeAddress.Masked()
		switch {
		case b.storeErr != nil:
		case e.Drop:
			delete(b.leases, net)
		default:
			b.leases[net] = e.Lease
		}
		if e.ID != 0 {
			return []role.Event{role.Done{ID: e.ID, Err: b.storeErr}}
		}
	case role.AddCareOf:
		var evs []role.Event
		if !b.manualDone {
			evs = append(evs, role.Done{ID: e.ID})
		}
		if !b.manualReady {
			evs = append(evs, role.AddressReady{Ifindex: e.Ifindex, Addr: e.Prefix.Addr()})
		}
		return evs
	}
	return nil
}

func (b *bed) record(e role.Effect) {
	switch e := e.(type) {
	case role.Send:
		if s, ok := b.readBU(e); ok {
			b.bus = append(b.bus, s)
		}
	case role.SetHomePath:
		b.paths = append(b.paths, e.Path)
	case role.Count:
		b.counts[e.Counter]++
	case role.Notice:
		b.notices = append(b.notices, e)
	}
}

func (b *bed) readBU(e role.Send) (sentBU, bool) {
	b.t.Helper()
	src := e.Src
	if e.HomeAddress.IsValid() {
		src = e.HomeAddress
	}
	if !mh.ChecksumOK(e.Raw, src, e.Dst) {
		b.t.Errorf("a message leaves with a wrong checksum: %x", e.Raw)
	}
	msg, err := mh.Parse(e.Raw)
	if err != nil {
		b.t.Errorf("a message leaves that does not parse: %v", err)
		return sentBU{}, false
	}
	bu, ok := msg.(*mh.BindingUpdate)
	if !ok || e.Dst == cn || e.Dst == cn2 {
		return sentBU{}, false
	}
	s := sentBU{at: b.now, send: e, bu: bu, coa: e.Src}
	if alt, ok := mh.Find[mh.AlternateCareOfAddress](bu.Options); ok {
		s.coa = alt.CareOf
	}
	return s, true
}

// wait lets time pass, with a Tick whenever the machine wants one, and returns
// what was wanted.
func (b *bed) wait(d time.Duration) []string {
	b.t.Helper()
	end := b.now.Add(d)
	var all []role.Effect
	for n := 0; ; n++ {
		next := b.m.Deadline()
		if next.IsZero() || next.After(end) {
			break
		}
		if n > 10000 {
			b.t.Fatalf("the machine wants ticks without end; next at %v", next.Sub(t0))
		}
		if next.After(b.now) {
			b.now = next
		}
		b.step(role.Tick{})
		all = append(all, b.effects...)
	}
	b.now = end
	b.effects = all
	return render(all)
}

// lastBU is the Binding Update sent last.
func (b *bed) lastBU() sentBU {
	b.t.Helper()
	if len(b.bus) == 0 {
		b.t.Fatal("no Binding Update was sent")
	}
	return b.bus[len(b.bus)-1]
}

// path is the path last asked for.
func (b *bed) path() role.HomePath {
	b.t.Helper()
	if len(b.paths) == 0 {
		b.t.Fatal("no path was asked for")
	}
	return b.paths[len(b.paths)-1]
}

// ack answers the last Binding Update with a status, as it asks.
func (b *bed) ack(status mh.Status, opts ...func(*mh.BindingAcknowledgement)) []string {
	b.t.Helper()
	return b.step(b.ba(b.lastBU(), status, opts...))
}

// ba makes the home agent's answer to a Binding Update.
func (b *bed) ba(s sentBU, status mh.Status, opts ...func(*mh.BindingAcknowledgement)) role.MessageIn {
	b.t.Helper()
	ba := &mh.BindingAcknowledgement{Status: status, Sequence: s.bu.Sequence}
	if status.Accepted() {
		ba.Lifetime, ba.Router = s.bu.Lifetime, s.bu.Router
	}
	if id, ok := mh.Find[mh.MobileNodeIdentifier](s.bu.Options); ok {
		ba.Options = append(ba.Options, id)
	}
	if stamp := s.stamp(); stamp != 0 {
		ba.Options = append(ba.Options, mh.MesgID{Timestamp: stamp})
	}
	for _, o := range opts {
		o(ba)
	}
	auth := b.m.p.Homes[0].Auth
	signed := auth != nil && !unsigned(ba)
	if signed {
		ba.Options = append(ba.Options, mh.MobilityMessageAuthentication{
			Subtype: mh.SubtypeMNHA, SPI: auth.SPI, Authenticator: make([]byte, 12)})
	}
	raw := marshal(b.t, ba)
	if signed {
		signBA(raw, s.coa, hoa.Addr(), auth.Key)
	}
	mh.SetChecksum(raw, ha, hoa.Addr())
	in := role.MessageIn{Ifindex: s.send.Ifindex, Src: ha, Dst: s.send.Src, Raw: raw}
	if s.send.HomeAddress.IsValid() {
		in.RoutingHome = s.send.HomeAddress
	}
	return in
}

// unsigned says whether an option function brought its own authentication.
func unsigned(ba *mh.BindingAcknowledgement) bool {
	_, ok := mh.Find[mh.MobilityMessageAuthentication](ba.Options)
	return ok
}

func signBA(raw []byte, coa, home netip.Addr, key []byte) {
	mac := rr.MNHA(key, coa, home, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
}

func marshal(t *testing.T, m mh.Message) []byte {
	t.Helper()
	raw, err := mh.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func lifetimeOf(d time.Duration) func(*mh.BindingAcknowledgement) {
	return func(ba *mh.BindingAcknowledgement) { ba.Lifetime = d }
}

func sequenceOf(n uint16) func(*mh.BindingAcknowledgement) {
	return func(ba *mh.BindingAcknowledgement) { ba.Sequence = n }
}

func withOption(o mh.Option) func(*mh.BindingAcknowledgement) {
	return func(ba *mh.BindingAcknowledgement) { ba.Options = append(ba.Options, o) }
}

// Events.

func up(ifindex int) role.LinkUp {
	if ifindex == wan {
		return role.LinkUp{Ifindex: wan, Name: "wwan0", LinkAddr: wanMAC}
	}
	return role.LinkUp{Ifindex: eth, Name: "eth0", LinkAddr: ethMAC}
}

func down(ifindex int) role.LinkDown { return role.LinkDown{Ifindex: ifindex} }

// ra is an advertisement of a default router with prefixes of long lifetimes.
func ra(ifindex int, router netip.Addr, nets ...netip.Prefix) role.RouterSeen {
	adv := &icmp6.RouterAdvertisement{RouterLifetime: 1800 * time.Second}
	for _, n := range nets {
		adv.Options = append(adv.Options, pio(n, 24*time.Hour, 12*time.Hour))
	}
	return role.RouterSeen{Ifindex: ifindex, Router: router, RA: adv}
}

// homeRA is the home agent's own advertisement.
func homeRA(ifindex int) role.RouterSeen {
	return role.RouterSeen{Ifindex: ifindex, Router: haRouter, RA: &icmp6.RouterAdvertisement{
		Header: icmp6.Header{Options: icmp6.Options{
			icmp6.SourceLinkLayerAddress{LinkAddr: haMAC},
			icmp6.PrefixInformation{Length: 64, OnLink: true, Autonomous: true, RouterAddress: true,
				Valid: 24 * time.Hour, Preferred: 12 * time.Hour, Prefix: ha},
		}},
		HomeAgent: true, RouterLifetime: 1800 * time.Second,
	}}
}

func pio(n netip.Prefix, valid, preferred time.Duration) icmp6.PrefixInformation {
	return icmp6.PrefixInformation{Length: uint8(n.Bits()), OnLink: true, Autonomous: true,
		Valid: valid, Preferred: preferred, Prefix: n.Addr()}
}

// edit changes an advertisement.
func edit(ev role.RouterSeen, f func(*icmp6.RouterAdvertisement)) role.RouterSeen {
	f(ev.RA)
	return ev
}

func withInterval(d time.Duration) func(*icmp6.RouterAdvertisement) {
	return func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, icmp6.AdvertisementInterval{Interval: d})
	}
}

// render writes effects as lines; notices and counts are left out.
func render(effects []role.Effect) []string {
	var lines []string
	for _, e := range effects {
		switch e := e.(type) {
		case role.SolicitNeighbor:
			lines = append(lines, fmt.Sprintf("solicit %v on %d", e.Target, e.Ifindex))
		case role.SolicitRouter:
			lines = append(lines, fmt.Sprintf("solicit %d", e.Ifindex))
		case role.AddCareOf:
			lines = append(lines, fmt.Sprintf("add %v on %d", e.Prefix, e.Ifindex))
		case role.RemoveCareOf:
			lines = append(lines, fmt.Sprintf("remove %v on %d", e.Addr, e.Ifindex))
		case role.SetHomePath:
			lines = append(lines, "path "+renderPath(e.Path))
		case role.Advertise:
			lines = append(lines, fmt.Sprintf("advertise %v on %d", e.Addr, e.Ifindex))
		case role.TellNeighbor:
			lines = append(lines, fmt.Sprintf("tell %x of %v on %d", e.LinkAddr, e.Addr, e.Ifindex))
		case role.Send:
			lines = append(lines, renderSend(e))
		case role.Notice, role.Count, role.KeepRouters, role.ShareRouters, role.StopAdvertising, role.StoreListEntry, role.StoreLease:
		default:
			lines = append(lines, fmt.Sprintf("%T %+v", e, e))
		}
	}
	return lines
}

func renderPath(p role.HomePath) string {
	switch p.Mode {
	case role.PathTunnelled:
		text := fmt.Sprintf("tunnelled %v to %v on %d", p.CareOf, p.HomeAgent, p.Ifindex)
		if p.Hold {
			text += ", held"
		}
		return text
	case role.PathDeregistering:
		return fmt.Sprintf("deregistering on %d, home agent at %x", p.Ifindex, p.HomeAgentLinkAddr)
	case role.PathAnswering:
		return fmt.Sprintf("answering on %d", p.Ifindex)
	case role.PathHome:
		if p.DAD {
			return fmt.Sprintf("home on %d with DAD", p.Ifindex)
		}
		return fmt.Sprintf("home on %d", p.Ifindex)
	}
	return p.Mode.String()
}

func renderSend(e role.Send) string {
	msg, err := mh.Parse(e.Raw)
	if err != nil {
		return "send garbage: " + err.Error()
	}
	var b strings.Builder
	switch msg := msg.(type) {
	case *mh.BindingUpdate:
		fmt.Fprintf(&b, "BU lifetime %v from %v", msg.Lifetime, e.Src)
		if e.HomeAddress.IsValid() {
			fmt.Fprintf(&b, " home %v", e.HomeAddress)
		}
	default:
		fmt.Fprintf(&b, "%v from %v", msg.Type(), e.Src)
	}
	return b.String()
}

// expect compares effects with lines.
func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Places to start a test from.

// awayAt is a machine that is registered at netA on eth0.
func awayAt(t *testing.T, p Params) *bed {
	t.Helper()
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	if v := b.m.Bindings(b.now)[0]; !v.Registered || v.Bound != coaA {
		t.Fatalf("not registered at %v: %+v", coaA, v)
	}
	return b
}

// homeAt is a machine that has been at home since its start.
func homeAt(t *testing.T, p Params) *bed {
	t.Helper()
	b := started(t, p)
	b.step(up(eth))
	b.step(homeRA(eth))
	if b.path().Mode != role.PathHome {
		t.Fatalf("not at home but %v", b.path())
	}
	return b
}

// move brings eth0 to another link with news from the driver.
func (b *bed) move(ev role.RouterSeen) []string {
	b.t.Helper()
	b.step(down(eth))
	b.wait(20 * time.Millisecond)
	b.step(up(eth))
	b.wait(5 * time.Millisecond)
	return b.step(ev)
}
