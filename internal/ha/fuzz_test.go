package ha

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// FuzzStep plays a home agent any sequence of events, two octets each, for two
// home addresses with the same link-local one, and compares with a model of
// kernel and store: what is acknowledged is in force and stored, what fails is set
// right, no answer is waited for twice, and time goes on. It may crash at any time
// and then goes on from the store: nothing that was acknowledged is lost, and
// nothing is accepted that is not later than all that was answered.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 3, 0, 1, 0})                               // register
	f.Add([]byte{0, 1, 3, 0, 1, 0, 0, 0x42, 1, 0, 0, 0x83, 1, 0}) // and move, and de-register
	f.Add([]byte{0, 1, 3, 0, 2, 0, 0, 2, 3, 0, 1, 0, 4, 255, 4, 255})
	f.Add([]byte{0, 1, 0, 0x42, 0, 0x83, 3, 1, 5, 0, 0, 7})
	f.Add([]byte{0, 0x21, 0, 0x31, 3, 0, 3, 1, 3, 2, 1, 0, 1, 0, 5, 1, 1, 0, 2, 0, 4, 2, 1, 0}) // two, then a reload
	f.Add([]byte{6, 0, 1, 0, 0, 0x21, 3, 2, 4, 255, 2, 0, 1, 0})                                // restored
	f.Add([]byte{0, 9, 3, 0, 1, 0, 0, 0x4a, 2, 0, 1, 0, 5, 1, 1, 0, 0, 8, 0, 0x89, 1, 0})       // a mobile router
	f.Add([]byte{0, 1, 3, 0, 1, 0, 1, 0, 8, 0, 0, 1, 1, 0, 1, 0})                               // a crash
	f.Add([]byte{0, 1, 3, 0, 1, 0, 1, 0, 0, 0x83, 1, 0, 8, 0})                                  // before the store has a de-registration
	f.Add([]byte{0, 1, 3, 0, 1, 0, 2, 0, 0, 2, 8, 0, 4, 255, 8, 0})
	f.Add([]byte{7, 1, 3, 0, 1, 0, 1, 0, 7, 0x11, 3, 1, 1, 0, 1, 0, 7, 0x81, 1, 0, 1, 0, 7, 0x12, 1, 0, 5, 1, 1, 0, 1, 0}) // one IPv4 address, two who want it
	f.Add([]byte{5, 0x42, 7, 1, 3, 0, 1, 0, 1, 0, 5, 2, 7, 0x11, 3, 1, 1, 0, 1, 0, 1, 0})                                  // its own, then of the pool
	f.Add([]byte{0, 1, 3, 0, 1, 0, 1, 0, 9, 2, 0, 1, 1, 0, 1, 0, 9, 0, 0, 1, 3, 0, 1, 0})                                  // drained, and serving again
	f.Add([]byte{0, 1, 3, 0, 1, 0, 1, 0, 9, 1, 0, 1, 1, 0, 9, 1, 8, 0})                                                    // deleted by hand, twice
	f.Fuzz(func(t *testing.T, script []byte) {
		m := newModel(t)
		for ; len(script) >= 2; script = script[2:] {
			m.play(script[0]%10, script[1])
			m.begun = true
			if d := m.b.m.Deadline(); !d.IsZero() && !d.After(m.b.now) {
				t.Fatalf("wants to be called at %v, which is past, at %v", d, m.b.now)
			}
		}
		m.settle()
	})
}

var twoHomes = [2]netip.Addr{hoa, netip.MustParseAddr("2001:db8:2::100")}

// model is a kernel that carries out what it is asked when it is told to.
type model struct {
	t        *testing.T
	b        *bed
	begun    bool
	sequence uint16
	has      map[netip.Addr]netip.Addr // home → care-of; invalid: something was left half done
	nets     map[netip.Addr][]netip.Prefix
	ipv4     map[netip.Addr]netip.Addr // home → IPv4 home address
	waiting  []errand
	probing  map[netip.Addr]bool
	served   int
	own      int // who of those served, counted from one, has the pool's address for its own

	stored   map[netip.Addr]role.Registration
	answered map[netip.Addr]uint64 // the latest timestamp that was accepted, and the store could keep
	broken   bool                  // the store has refused something that nobody waits for
}

// errand is to kernel or store.
type errand struct {
	id    role.ID
	hoa   netip.Addr
	coa   netip.Addr // invalid: clear
	net   []netip.Prefix
	ip4   netip.Addr
	store *role.Registration
}

func twoHomesParams(served int) Params {
	p := params()
	p.Links[0].Prefixes = append(p.Links[0].Prefixes, Prefix{Prefix: netip.MustParsePrefix("2001:db8:2::/64")})
	p.MobileNodes = nil
	if served > 0 {
		p.IPv4Pool = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}
	}
	for _, a := range twoHomes[:served] {
		p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: a, Auth: &Auth{SPI: 256, Key: key}})
		if a == twoHomes[0] { // a mobile router, with one prefix more at times
			p.MobileNodes[0].Router, p.MobileNodes[0].Prefixes = true, []netip.Prefix{netA, netB}[served%2:]
		}
	}
	return p
}

func (m *model) params() Params {
	p := twoHomesParams(m.served)
	if m.own > 0 && m.own <= len(p.MobileNodes) {
		p.MobileNodes[m.own-1].IPv4HomeAddress = p.IPv4Pool[0].Addr()
	}
	return p
}

func newModel(t *testing.T) *model {
	return &model{
		t: t, b: newBed(t, twoHomesParams(2)),
		has: make(map[netip.Addr]netip.Addr), nets: make(map[netip.Addr][]netip.Prefix), ipv4: make(map[netip.Addr]netip.Addr), probing: make(map[netip.Addr]bool),
		stored: make(map[netip.Addr]role.Registration), answered: make(map[netip.Addr]uint64), served: 2,
	}
}

func (m *model) play(kind, arg byte) {
	home := twoHomes[arg>>4&1]
	switch kind {
	case 0, 7: // a Binding Update: bits say whose, from where, for how long, how new; 7: with an IPv4 home address
		m.sequence += uint16(arg & 7)
		m.step(m.b.bu(m.sequence, func(u *update) {
			u.home = home
			if arg&0x40 != 0 {
				u.src = coaB
			}
			if arg&0x80 != 0 {
				u.bu.Lifetime = 0
			}
			u.bu.LinkLocal = arg&0x20 != 0
			if kind == 7 {
				u.more = mh.Options{mh.IPv4HomeAddress{PrefixLen: 32, Addr: netip.IPv4Unspecified()}}
			}
			if arg&8 != 0 {
				asRouter([][]string{nil, {netB.String()}, {netB.String(), netA.String()}}[arg%3]...)(u)
			}
		}))
	case 1, 2: // the kernel answers
		m.answer(kind == 1)
	case 3: // a detection ends
		a := []netip.Addr{twoHomes[0], twoHomes[1], hoaLL, hoaLL}[arg&3]
		delete(m.probing, a)
		m.step(role.DADDone{Ifindex: link, Addr: a, Duplicate: arg&0x80 != 0})
	case 4: // time passes
		m.pass(time.Duration(arg) * time.Second)
	case 5:
		m.served, m.own = int(arg&0x3f)%3, int(arg>>6)
		m.step(Reconfigured{Params: m.params()})
	case 6: // only ever before everything else
		if m.begun {
			return
		}
		ev := restored(role.Binding{
			HomeAddress: home, CareOf: coaA, HomeAgent: local, Expires: m.b.now.Add(time.Duration(arg) * time.Second),
		})
		m.stored[home] = ev.Registrations[0]
		m.step(ev)
	case 8:
		m.crash()
	case 9: // the operator
		if arg&1 != 0 {
			m.step(Delete{HomeAddress: home})
			return
		}
		m.step(Drain{On: arg&2 != 0})
	}
}

// crash ends this run at whatever it was doing, and begins another from the store.
// Then what nobody has set again is swept (see cmd/mip6d).
func (m *model) crash() {
	m.b.m, m.waiting = New(m.params()), nil
	clear(m.probing)
	var ev role.Restored
	for _, home := range twoHomes {
		if r, ok := m.stored[home]; ok {
			ev.Registrations = append(ev.Registrations, r)
		}
	}
	m.step(ev)
	for home := range m.has {
		if _, bound := m.b.m.Binding(home); !bound {
			delete(m.has, home)
		}
	}
}

func (m *model) pass(d time.Duration) {
	m.b.now = m.b.now.Add(d)
	m.step(role.Tick{})
}

// answer carries out the oldest request, or leaves it half done.
func (m *model) answer(well bool) {
	if len(m.waiting) == 0 {
		return
	}
	r := m.waiting[0]
	m.waiting = m.waiting[1:]
	var err error
	switch {
	case !well && r.store != nil:
		err = errors.New("no space left on device")
		m.broken = m.broken || r.id == 0
	case r.store != nil && r.store.Empty():
		delete(m.stored, r.hoa)
	case r.store != nil:
		m.stored[r.hoa] = *r.store
	case !well:
		err = errors.New("no buffer space available")
		m.has[r.hoa] = netip.Addr{}
	case r.coa.IsValid():
		m.has[r.hoa], m.nets[r.hoa] = r.coa, r.net
		if m.ipv4[r.hoa] = r.ip4; r.ip4.IsValid() {
			for _, other := range twoHomes {
				if other != r.hoa && m.has[other].IsValid() && m.ipv4[other] == r.ip4 {
					m.t.Fatalf("%s is the address of two", r.ip4)
				}
			}
		}
	default:
		delete(m.has, r.hoa)
		delete(m.ipv4, r.hoa)
	}
	if r.id != 0 {
		m.step(role.Done{ID: r.id, Err: err})
	}
}

func (m *model) step(ev role.Event) {
	for _, e := range m.b.m.Step(m.b.now, ev) {
		switch e := e.(type) {
		case role.SetBinding:
			if len(e.Binding.MobilePrefixes) > 0 != e.Binding.MobileRouter {
				m.t.Fatalf("%+v", e.Binding)
			}
			m.ask(errand{e.ID, e.Binding.HomeAddress, e.Binding.CareOf, e.Binding.MobilePrefixes, e.Binding.IPv4HomeAddress, nil})
		case role.ClearBinding:
			m.ask(errand{id: e.ID, hoa: e.HomeAddress})
		case role.StoreRegistration:
			m.waiting = append(m.waiting, errand{id: e.ID, hoa: e.Registration.HomeAddress, store: &e.Registration})
		case role.StartDAD:
			m.probing[e.Addr] = true
		case role.Send:
			m.sent(e)
		}
	}
	for _, home := range twoHomes {
		n := 0
		for _, r := range m.waiting {
			if r.hoa == home && r.store == nil {
				n++
			}
		}
		if n > 3 { // one in work, one that sets right, one of a reload meanwhile
			m.t.Fatalf("%d requests for %s at once", n, home)
		}
	}
	if n := len(m.b.m.atWork()); m.b.m.making > n || m.b.m.making < 0 {
		m.t.Fatalf("%d bindings in the making with %d nodes at work", m.b.m.making, n)
	}
}

func (m *model) ask(r errand) {
	if r.id == 0 {
		m.t.Fatalf("nobody will hear what became of %v", r)
	}
	m.waiting = append(m.waiting, r)
}

func (m *model) sent(e role.Send) {
	msg, err := mh.Parse(e.Raw)
	if err != nil {
		m.t.Fatal(err)
	}
	ba, ok := msg.(*mh.BindingAcknowledgement)
	if !ok || !ba.Status.Accepted() {
		return
	}
	at, bound := m.has[e.RoutingHome]
	kept := m.stored[e.RoutingHome]
	if id, ok := mh.Find[mh.MesgID](ba.Options); ok {
		if before := m.answered[e.RoutingHome]; !m.broken && int64(id.Timestamp-before) <= 0 && before != 0 {
			m.t.Fatalf("%x is accepted after %x", id.Timestamp, before)
		}
		m.answered[e.RoutingHome] = id.Timestamp
	}
	switch {
	case kept.Bound != (ba.Lifetime > 0) || kept.Bound && kept.Binding.Sequence != ba.Sequence:
		m.t.Fatalf("acknowledged: sequence number %d, lifetime %v; stored: %+v", ba.Sequence, ba.Lifetime, kept)
	case ba.Lifetime > 0 && (!bound || !at.IsValid()):
		m.t.Fatalf("a binding is acknowledged with %v in the kernel (there: %v)", at, bound)
	case ba.Lifetime > 0 && ba.Router != (len(m.nets[e.RoutingHome]) > 0):
		m.t.Fatalf("R %v is acknowledged with the networks %v in the kernel", ba.Router, m.nets[e.RoutingHome])
	case ba.Lifetime > 0 && m.ipv4[e.RoutingHome] != acknowledged4(ba):
		m.t.Fatalf("the IPv4 home address %s is acknowledged with %s in the kernel", acknowledged4(ba), m.ipv4[e.RoutingHome])
	case ba.Lifetime == 0 && bound:
		m.t.Fatalf("a de-registration is acknowledged with %v in the kernel", at)
	}
}

// acknowledged4 is the IPv4 home address that an acknowledgement promises.
func acknowledged4(ba *mh.BindingAcknowledgement) netip.Addr {
	if o, ok := mh.Find[mh.IPv4AddressAcknowledgement](ba.Options); ok && o.Status.Accepted() {
		return o.Addr
	}
	return netip.Addr{}
}

// settle lets everything end well; then the kernel has what the cache says, and
// nobody is left waiting.
func (m *model) settle() {
	for range 50 {
		for len(m.waiting) > 0 {
			m.answer(true)
		}
		for a := range m.probing {
			delete(m.probing, a)
			m.step(role.DADDone{Ifindex: link, Addr: a})
		}
		if len(m.waiting) == 0 && len(m.probing) == 0 {
			if !m.b.m.unsettled() {
				break
			}
			m.pass(time.Second)
		}
	}
	if n := len(m.b.m.atWork()); n > 0 || m.b.m.making > 0 || len(m.b.m.dads) > 0 || len(m.b.m.asked) > 0 {
		m.t.Fatalf("in quiet: %d at work, %d in the making, %d detections, %d requests",
			n, m.b.m.making, len(m.b.m.dads), len(m.b.m.asked))
	}
	bindings := m.b.m.Bindings()
	if len(bindings) != len(m.has) {
		m.t.Fatalf("in quiet: bindings %v, in the kernel %v", bindings, m.has)
	}
	for home, r := range m.stored {
		if _, bound := m.b.m.Binding(home); r.Bound && !bound {
			m.t.Fatalf("in quiet: %+v stored, and not in force", r.Binding)
		}
	}
	for _, b := range bindings {
		if kept := m.stored[b.HomeAddress]; !kept.Bound || kept.Binding.CareOf != b.CareOf || kept.Binding.Sequence != b.Sequence ||
			kept.Binding.IPv4HomeAddress != b.IPv4HomeAddress {
			m.t.Fatalf("in quiet: %+v in force, stored %+v", b, kept)
		}
		if m.ipv4[b.HomeAddress] != b.IPv4HomeAddress {
			m.t.Fatalf("in quiet: %s has %s, in the kernel %s", b.HomeAddress, b.IPv4HomeAddress, m.ipv4[b.HomeAddress])
		}
		if m.has[b.HomeAddress] != b.CareOf {
			m.t.Fatalf("in quiet: %s bound at %s, in the kernel at %s", b.HomeAddress, b.CareOf, m.has[b.HomeAddress])
		}
	}
}

// unsettled says whether kernel or store are still to be set right.
func (m *Machine) unsettled() bool {
	for _, n := range m.nodes {
		if n.unsure || n.unstored {
			return true
		}
	}
	return false
}
