package cn

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

var (
	t0    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	hoa   = netip.MustParseAddr("2001:db8:1::100")
	coa   = netip.MustParseAddr("2001:db8:f1::100")
	coaB  = netip.MustParseAddr("2001:db8:f2::100")
	local = netip.MustParseAddr("2001:db8:c::1")
	pair  = role.Pair{Local: local, Peer: hoa}
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

// dry is a source of randomness that has run out.
type dry struct{}

func (dry) Read([]byte) (int, error) { return 0, io.EOF }

// bed drives one machine and plays kernel and mobile node for it.
type bed struct {
	t       testing.TB
	m       *Machine
	now     time.Time
	refuse  error // what the kernel says
	slow    bool  // the kernel has not answered yet
	owed    []role.Event
	effects []role.Effect
	counts  map[role.Counter]int
}

func newBed(t testing.TB, change ...func(*Params)) *bed {
	p := Params{Policy: role.Policy{Default: true}}
	for _, c := range change {
		c(&p)
	}
	return &bed{t: t, m: New(p, &counting{}), now: t0, counts: make(map[role.Counter]int)}
}

// step hands over events and carries out what follows.
func (b *bed) step(events ...role.Event) {
	b.effects = nil
	for len(events) > 0 {
		ev := events[0]
		events = events[1:]
		for _, e := range b.m.Step(b.now, ev) {
			b.effects = append(b.effects, e)
			if c, ok := e.(role.Count); ok {
				b.counts[c.Counter]++
			}
			if id := role.IDOf(e); id != 0 {
				done := role.Done{ID: id, Err: b.refuse}
				if b.slow {
					b.owed = append(b.owed, done)
				} else {
					events = append(events, done)
				}
			}
		}
	}
}

// answerKernel gives the answers that are owed.
func (b *bed) answerKernel() {
	owed := b.owed
	b.owed = nil
	b.step(owed...)
}

// wait lets time pass with all the ticks that the machine wants.
func (b *bed) wait(d time.Duration) {
	b.t.Helper()
	end := b.now.Add(d)
	var all []role.Effect
	for n := 0; ; n++ {
		next := b.m.Deadline()
		if next.IsZero() || next.After(end) {
			break
		}
		if n > 1000 {
			b.t.Fatal("the machine wants ticks without end")
		}
		if next.After(b.now) {
			b.now = next
		}
		b.step(role.Tick{})
		all = append(all, b.effects...)
	}
	b.now, b.effects = end, all
}

func (b *bed) sends() (list []role.Send) {
	for _, e := range b.effects {
		if s, ok := e.(role.Send); ok {
			list = append(list, s)
		}
	}
	return list
}

// sent is the only message of the last step, parsed; its checksum is right.
func (b *bed) sent() (role.Send, mh.Message) {
	b.t.Helper()
	sends := b.sends()
	if len(sends) != 1 {
		b.t.Fatalf("%d messages sent, want one", len(sends))
	}
	to := sends[0].Dst
	if sends[0].RoutingHome.IsValid() {
		to = sends[0].RoutingHome
	}
	if !mh.ChecksumOK(sends[0].Raw, sends[0].Src, to) {
		b.t.Errorf("wrong checksum: %x", sends[0].Raw)
	}
	msg, err := mh.Parse(sends[0].Raw)
	if err != nil {
		b.t.Fatal(err)
	}
	return sends[0], msg
}

func (b *bed) silent(what string) {
	b.t.Helper()
	if n := len(b.sends()); n != 0 {
		b.t.Errorf("%s: %d messages sent", what, n)
	}
}

func (b *bed) directs() (set []role.Direct, cleared int) {
	for _, e := range b.effects {
		switch e := e.(type) {
		case role.SetDirect:
			set = append(set, e.Direct)
		case role.ClearDirect:
			cleared++
		}
	}
	return set, cleared
}

func message(t testing.TB, msg mh.Message, src, home netip.Addr) role.MessageIn {
	t.Helper()
	raw, err := mh.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	from := src
	if home.IsValid() {
		from = home
	}
	mh.SetChecksum(raw, from, local)
	return role.MessageIn{Src: src, Dst: local, HomeAddress: home, Raw: raw}
}

var cookie = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}

// tokens runs return routability for two addresses.
func (b *bed) tokens(home, careOf netip.Addr) (hot *mh.HomeTest, cot *mh.CareOfTest) {
	b.t.Helper()
	b.step(message(b.t, &mh.HomeTestInit{Cookie: cookie}, home, netip.Addr{}))
	_, msg := b.sent()
	hot = msg.(*mh.HomeTest)
	b.step(message(b.t, &mh.CareOfTestInit{Cookie: cookie}, careOf, netip.Addr{}))
	_, msg = b.sent()
	return hot, msg.(*mh.CareOfTest)
}

// update is a Binding Update in the making.
type update struct {
	bu           *mh.BindingUpdate
	src, home    netip.Addr
	careOf       netip.Addr // in the authenticator
	kbm          [20]byte
	unauthorized bool
	spoil        func(raw []byte)
	local        netip.Addr
}

// bu makes a Binding Update of sequence number seq with fresh tokens.
func (b *bed) bu(seq uint16, change ...func(*update)) role.MessageIn {
	b.t.Helper()
	u := &update{bu: &mh.BindingUpdate{Sequence: seq, Ack: true, Lifetime: 400 * time.Second}, src: coa, home: hoa, local: local}
	for _, c := range change {
		c(u)
	}
	effects := b.effects
	hot, cot := b.tokens(u.home, u.src)
	b.effects = effects
	if _, ok := mh.Find[mh.NonceIndices](u.bu.Options); !ok && !u.unauthorized {
		u.bu.Options = append(u.bu.Options, mh.NonceIndices{Home: hot.NonceIndex, CareOf: cot.NonceIndex})
	}
	if u.kbm == [20]byte{} {
		u.kbm = rr.Kbm(hot.Token, cot.Token)
		if u.bu.Lifetime == 0 {
			u.kbm = rr.KbmDelete(hot.Token)
		}
	}
	if !u.careOf.IsValid() {
		u.careOf = u.src
		if u.bu.Lifetime == 0 {
			u.careOf = u.home
		}
	}
	return b.seal(u)
}

// seal authorizes and marshals.
func (b *bed) seal(u *update) role.MessageIn {
	b.t.Helper()
	if !u.unauthorized {
		u.bu.Options = append(u.bu.Options, mh.BindingAuthorizationData{})
	}
	raw, err := mh.Marshal(u.bu)
	if err != nil {
		b.t.Fatal(err)
	}
	if !u.unauthorized {
		mac := rr.Authenticator(u.kbm[:], u.careOf, u.local, mh.Covered(raw, mh.OptionBindingAuthorizationData, 0))
		copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	}
	if u.spoil != nil {
		u.spoil(raw)
	}
	ev := role.MessageIn{Src: u.src, Dst: u.local, HomeAddress: u.home, Raw: raw}
	if u.src == u.home {
		ev.HomeAddress = netip.Addr{}
	}
	mh.SetChecksum(raw, u.home, u.local)
	return ev
}

// ack is the Binding Acknowledgement sent in the last step.
func (b *bed) ack() (role.Send, *mh.BindingAcknowledgement) {
	b.t.Helper()
	s, msg := b.sent()
	ba, ok := msg.(*mh.BindingAcknowledgement)
	if !ok {
		b.t.Fatalf("sent %T", msg)
	}
	return s, ba
}

func (b *bed) want(status mh.Status) *mh.BindingAcknowledgement {
	b.t.Helper()
	_, ba := b.ack()
	if ba.Status != status {
		b.t.Errorf("status %d, want %d", ba.Status, status)
	}
	return ba
}

func lifetime(d time.Duration) func(*update) { return func(u *update) { u.bu.Lifetime = d } }
func from(a netip.Addr) func(*update)        { return func(u *update) { u.src = a } }
func of(a netip.Addr) func(*update)          { return func(u *update) { u.home = a } }
func quiet(u *update)                        { u.bu.Ack = false }

// bound is a bed with a binding of sequence number 1.
func bound(t testing.TB, change ...func(*Params)) *bed {
	t.Helper()
	b := newBed(t, change...)
	b.step(b.bu(1))
	b.want(0)
	return b
}
