package ha

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

var (
	t0    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	hoa   = netip.MustParseAddr("2001:db8:1::100")
	hoaLL = netip.MustParseAddr("fe80::100")
	coaA  = netip.MustParseAddr("2001:db8:f1::100")
	coaB  = netip.MustParseAddr("2001:db8:f2::100")
	local = netip.MustParseAddr("2001:db8:1::1")
	key   = []byte("0123456789abcdef")
)

const link = 3

func params() Params {
	return Params{
		Links: []Link{{
			Ifindex: link, Address: local,
			Prefixes: []Prefix{{Prefix: netip.MustParsePrefix("2001:db8:1::/64"), Valid: role.Infinite}},
		}},
		MobileNodes: []MobileNode{{HomeAddress: hoa, Auth: &Auth{SPI: 256, Key: key}}},
	}
}

// bed is a home agent and what it did.
type bed struct {
	t      *testing.T
	m      *Machine
	now    time.Time
	counts map[role.Counter]int
	acks   []ack
	asked  []role.ID // SetBinding and ClearBinding that were not answered
	sets   []role.Binding

	// The store answers at once, with storeErr; once after meanwhile.
	stored    map[netip.Addr]role.Registration
	storeErr  error
	meanwhile []role.Event
}

// ack is a Binding Acknowledgement that was sent.
type ack struct {
	role.Send
	ba *mh.BindingAcknowledgement
}

func newBed(t *testing.T, p Params) *bed {
	return &bed{t: t, m: New(p), now: t0, counts: make(map[role.Counter]int), stored: make(map[netip.Addr]role.Registration)}
}

// step hands in an event and renders the effects that are no counts, notices or the
// store's.
func (b *bed) step(ev role.Event) []string {
	b.t.Helper()
	var lines []string
	var answers []role.Event
	for _, e := range b.m.Step(b.now, ev) {
		switch e := e.(type) {
		case role.SetBinding:
			b.ask(e.ID)
			b.sets = append(b.sets, e.Binding)
			lines = append(lines, fmt.Sprintf("set %s at %s", e.Binding.HomeAddress, e.Binding.CareOf))
		case role.ClearBinding:
			b.ask(e.ID)
			lines = append(lines, fmt.Sprintf("clear %s", e.HomeAddress))
		case role.StartDAD:
			lines = append(lines, fmt.Sprintf("dad %s", e.Addr))
		case role.Advertise:
			lines = append(lines, fmt.Sprintf("advertise %s router=%v", e.Addr, e.Router))
		case role.Send:
			lines = append(lines, b.sent(e))
		case role.Count:
			b.counts[e.Counter]++
		case role.Notice:
		case role.StoreRegistration:
			if b.storeErr == nil {
				b.stored[e.Registration.HomeAddress] = e.Registration
			}
			if e.Registration.Empty() {
				delete(b.stored, e.Registration.HomeAddress)
			}
			if e.ID != 0 {
				answers = append(answers, role.Done{ID: e.ID, Err: b.storeErr})
			}
		default:
			lines = append(lines, fmt.Sprintf("%T", e))
		}
	}
	if len(answers) > 0 {
		answers, b.meanwhile = append(b.meanwhile, answers...), nil
	}
	for _, a := range answers {
		lines = append(lines, b.step(a)...)
	}
	return lines
}

// restored is what a store has of bindings.
func restored(list ...role.Binding) role.Restored {
	var ev role.Restored
	for _, x := range list {
		ev.Registrations = append(ev.Registrations, role.Registration{
			HomeAddress: x.HomeAddress, Bound: true, Binding: x, Sequence: x.Sequence, Sequent: true, Stamp: x.ReplayStamp,
		})
	}
	return ev
}

func (b *bed) ask(id role.ID) {
	if id != 0 {
		b.asked = append(b.asked, id)
	}
}

// sent checks what every message must have, and renders it.
func (b *bed) sent(e role.Send) string {
	b.t.Helper()
	to := e.Dst
	if e.RoutingHome.IsValid() {
		to = e.RoutingHome
	}
	if !mh.ChecksumOK(e.Raw, e.Src, to) {
		b.t.Errorf("the checksum is not over %s and %s", e.Src, to)
	}
	msg, err := mh.Parse(e.Raw)
	if err != nil {
		b.t.Fatalf("sent what can't be parsed: %v", err)
	}
	switch m := msg.(type) {
	case *mh.BindingAcknowledgement:
		b.acks = append(b.acks, ack{e, m})
		return fmt.Sprintf("ba %d seq %d lifetime %v", m.Status, m.Sequence, m.Lifetime)
	case *mh.BindingError:
		return fmt.Sprintf("be %d to %s", m.Status, e.Dst)
	}
	return msg.Type().String()
}

// done answers the oldest unanswered effect.
func (b *bed) done(err error) []string {
	b.t.Helper()
	if len(b.asked) == 0 {
		b.t.Fatal("nothing waits for the kernel")
	}
	id := b.asked[0]
	b.asked = b.asked[1:]
	return b.step(role.Done{ID: id, Err: err})
}

func (b *bed) dad(duplicate bool) []string {
	b.t.Helper()
	return b.step(role.DADDone{Ifindex: link, Addr: hoa, Duplicate: duplicate})
}

func (b *bed) lastAck() ack {
	b.t.Helper()
	if len(b.acks) == 0 {
		b.t.Fatal("nothing was acknowledged")
	}
	return b.acks[len(b.acks)-1]
}

// update is a Binding Update in the making.
type update struct {
	bu        mh.BindingUpdate
	src       netip.Addr
	home      netip.Addr // Home Address option; invalid: none
	alternate netip.Addr
	stamp     time.Time // zero: no Mesg-ID
	spi       uint32    // zero: no authentication
	key       []byte
	careOf    netip.Addr // for the authenticator
	mnid      string
	more      mh.Options // in front of the authentication
}

// bu is a right home registration from coaA; change alters it.
func (b *bed) bu(sequence uint16, change ...func(*update)) role.MessageIn {
	b.t.Helper()
	u := update{
		bu:  mh.BindingUpdate{Sequence: sequence, Ack: true, Home: true, Lifetime: 400 * time.Second},
		src: coaA, home: hoa, spi: 256, key: key, stamp: b.now,
	}
	for _, f := range change {
		f(&u)
	}
	if !u.careOf.IsValid() {
		u.careOf = u.src
		if u.alternate.IsValid() && u.bu.Lifetime > 0 {
			u.careOf = u.alternate
		}
	}
	bu := u.bu
	if u.alternate.IsValid() {
		bu.Options = append(bu.Options, mh.AlternateCareOfAddress{CareOf: u.alternate})
	}
	if u.mnid != "" {
		bu.Options = append(bu.Options, mh.MobileNodeIdentifier{Subtype: mh.SubtypeNAI, Identifier: []byte(u.mnid)})
	}
	if !u.stamp.IsZero() {
		bu.Options = append(bu.Options, mh.MesgID{Timestamp: toNTP(u.stamp)})
	}
	bu.Options = append(bu.Options, u.more...)
	if u.spi != 0 {
		bu.Options = append(bu.Options, mh.MobilityMessageAuthentication{
			Subtype: mh.SubtypeMNHA, SPI: u.spi, Authenticator: make([]byte, rr.AuthenticatorLen),
		})
	}
	raw, err := mh.Marshal(&bu)
	if err != nil {
		b.t.Fatal(err)
	}
	source := u.src
	if u.home.IsValid() {
		source = u.home
	}
	if u.spi != 0 {
		mac := rr.MNHA(u.key, u.careOf, source, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
		copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	}
	mh.SetChecksum(raw, source, local)
	return role.MessageIn{Ifindex: link, Src: u.src, Dst: local, HomeAddress: u.home, Raw: raw}
}

// from sends from another care-of address.
func from(a netip.Addr) func(*update) { return func(u *update) { u.src = a } }

// deregister asks for the end, from a care-of address.
func deregister(u *update) { u.bu.Lifetime = 0 }

// atHome sends from the home address itself.
func atHome(u *update) { u.src, u.home, u.bu.Lifetime = hoa, netip.Addr{}, 0 }

func withKey(k string) func(*update) { return func(u *update) { u.key = []byte(k) } }

// bound is a bed with a binding at coaA of sequence number 1.
func bound(t *testing.T, p Params) *bed {
	t.Helper()
	b := newBed(t, p)
	b.step(b.bu(1))
	b.dad(false)
	b.done(nil)
	b.tick(time.Second)
	if len(b.m.Bindings()) != 1 || b.lastAck().ba.Status != 0 {
		t.Fatal("no binding to begin with")
	}
	return b
}

// tick lets time pass.
func (b *bed) tick(d time.Duration) []string {
	b.t.Helper()
	b.now = b.now.Add(d)
	return b.step(role.Tick{})
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "; "), strings.Join(want, "; "); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
