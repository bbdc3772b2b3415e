package mn

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// FuzzStep drives a machine with any order of events and answers, and checks
// after every step what must hold whatever happens.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 2, 8, 20, 1, 0, 2, 9, 20, 12, 0, 1, 20})              // away, away, home
	f.Add([]byte{2, 10, 20, 16, 1, 2, 8, 30, 3, 11, 20, 1, 40, 17, 5, 6}) // two interfaces
	f.Add([]byte{2, 8, 21, 13, 2, 9, 14, 22, 2, 10, 15, 60, 61, 62, 63})  // rejections
	f.Add([]byte{2, 10, 18, 2, 10, 19, 30, 0, 50, 8, 51, 4, 52, 10, 53})  // home, DAD
	// Route optimisation: registered, then away again, then home.
	f.Add([]byte{2, 8, 20, 20, 12, 32, 34, 34, 34, 20, 50, 0, 2, 16, 20, 20, 34, 12, 34, 34, 20, 0, 2, 10, 20, 20, 12, 34, 34})
	f.Add([]byte{2, 8, 20, 20, 12, 33, 35, 34, 36, 34, 37, 38, 34, 34, 39, 34, 23, 40, 34, 41, 42, 34, 34, 53, 53, 53, 34})
	// A mobile router; with discovery; both. Two interfaces, and a planned change.
	f.Add([]byte{253, 2, 8, 20, 12, 3, 17, 20, 50, 12, 0, 2, 10, 20, 12})
	f.Add([]byte{254, 2, 8, 20, 20, 43, 43, 12, 34, 15, 53, 53, 43, 43, 12, 0, 2, 10, 20, 12})
	f.Add([]byte{255, 3, 17, 20, 20, 43, 43, 12, 2, 8, 20, 20, 46, 12, 60, 60, 0, 53})
	// Prefix discovery: told, deprecated, invalid, at home again.
	f.Add([]byte{2, 8, 20, 20, 45, 20, 44, 20, 44, 44, 53, 53, 45, 44, 60, 60, 0, 2, 10, 20, 20, 12})
	// An IPv4 home address: its own, and an assigned one that is lost, with moves.
	f.Add([]byte{251, 2, 8, 20, 47, 16, 20, 48, 12, 2, 9, 20, 49, 47, 0, 2, 10, 20, 12})
	f.Add([]byte{250, 2, 8, 20, 47, 53, 48, 53, 12, 49, 47, 16, 20, 47, 0, 2, 10, 20, 12, 0, 2, 8, 20, 47})
	// The home agent that was found drains: then home, then to another link.
	f.Add([]byte{254, 2, 8, 20, 20, 43, 43, 12, 53, 29, 56, 0, 2, 10, 20, 20, 53, 12, 53})
	f.Add([]byte{254, 2, 8, 20, 20, 43, 43, 12, 53, 29, 56, 50, 56, 43, 43, 0, 2, 16, 20, 20, 56, 43, 43, 53, 56, 53, 53})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		var kind byte
		if len(script) > 0 && script[0] >= 250 {
			kind, script = script[0], script[1:]
		}
		w := newFuzzWorld(t, kind)
		w.step(role.Start{})
		for i, c := range script {
			w.act(c, i)
			w.checkDeadline()
		}
	})
}

// fuzzWorld is a bed that also knows the truth.
type fuzzWorld struct {
	*bed
	upNow    map[int]bool
	homeSeen map[int]bool                 // home prefix heard since the link came up
	usable   map[netip.Addr]bool          // care-of addresses that the kernel has
	owed     []role.Event                 // answers not given yet
	sent     map[netip.Addr][]time.Time   // Binding Updates, by home agent
	resync   bool                         // a sequence number was corrected since the last Binding Update
	last     uint16                       // sequence number last sent
	asked    map[role.ID]role.SetHomePath // for nothing but uniqueness
	peers    *fuzzPeers
	given4   map[netip.Addr]bool // IPv4 home addresses that were ever acknowledged
}

// newFuzzWorld makes one of a mobile host with a home agent, of a mobile router, of
// either that has to find its home agent, or of one that wants an IPv4 home address.
func newFuzzWorld(t *testing.T, kind byte) *fuzzWorld {
	p := authParams()
	if kind == 253 || kind == 255 {
		p.Homes[0].Network = routerParams(kind == 255).Homes[0].Network
	}
	if kind == 254 || kind == 255 {
		p.Homes[0].HomeAgent = netip.Addr{}
	}
	if kind == 250 || kind == 251 {
		p.Homes[0].IPv4 = &IPv4{Addr: []netip.Addr{any4, hoa4}[kind-250], Default: true}
	}
	p.Homes[0].Fixed = true // what is checked knows one home address
	p.Optimization.Policy.Default = true
	b := newBed(t, p)
	w := &fuzzWorld{bed: b, given4: make(map[netip.Addr]bool), upNow: make(map[int]bool), homeSeen: make(map[int]bool),
		sent: make(map[netip.Addr][]time.Time), usable: make(map[netip.Addr]bool), asked: make(map[role.ID]role.SetHomePath)}
	w.last = b.m.bul.Sequence(b.m.homes[0].key())
	w.peers = &fuzzPeers{w: w}
	return w
}

// act is one thing that happens in the world.
func (w *fuzzWorld) act(c byte, i int) {
	ifindex := eth
	if c&1 == 1 {
		ifindex = wan
	}
	switch c {
	case 0, 1:
		w.upNow[ifindex], w.homeSeen[ifindex] = false, false
		w.step(down(ifindex))
	case 2, 3:
		w.upNow[ifindex], w.homeSeen[ifindex] = true, false
		w.step(up(ifindex))
	case 4, 5:
		w.lose(ifindex, func(a netip.Addr) role.Event { return role.DADFailed{Ifindex: ifindex, Addr: a} })
	case 6, 7:
		w.lose(ifindex, func(a netip.Addr) role.Event { return role.AddressGone{Ifindex: ifindex, Addr: a} })
	case 8, 9:
		w.step(ra(ifindex, routerA, netA))
	case 10, 11:
		w.homeSeen[ifindex] = w.upNow[ifindex]
		w.step(homeRA(ifindex))
	case 12:
		w.answer(mh.StatusAccepted)
	case 13:
		w.answer(mh.StatusSequenceOutOfWindow, sequenceOf(uint16(i*7919)))
	case 14:
		w.answer(mh.StatusIDMismatch, homeAgentClock(w.bed, time.Duration(i)*time.Minute))
	case 15:
		w.answer(mh.Status(128 + i%48))
	case 16, 17:
		w.step(ra(ifindex, routerB, netB))
	case 18:
		w.resync = w.resync || !w.m.homes[0].homeAgent().IsValid() // one that is found has numbers of its own
		w.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()})
	case 19:
		w.step(role.RouterUnreachable{Ifindex: eth, Router: routerA})
	case 20, 21, 22: // the kernel answers
		owed := w.owed
		w.owed = nil
		for _, ev := range owed {
			w.step(ev)
		}
	case 23: // the kernel refuses what it was asked first
		if len(w.owed) > 0 {
			ev := w.owed[0]
			w.owed = w.owed[1:]
			if d, ok := ev.(role.Done); ok {
				d.Err = errors.New("refused")
				ev = d
			}
			w.step(ev)
		}
	case 24, 25:
		w.step(edit(ra(ifindex, routerA, netA), withInterval(100*time.Millisecond)))
	case 26, 27:
		w.step(edit(ra(ifindex, routerA, netB), func(ra *icmp6.RouterAdvertisement) {
			ra.Options = append(ra.Options, pio(netA, 0, 0))
		}))
	case 28:
		w.answer(mh.StatusAccepted, lifetimeOf(time.Duration(i)*time.Second))
	case 29:
		w.step(message(w.t, &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}, ha))
	case 30:
		w.step(role.MessageIn{Ifindex: eth, Src: ha, Dst: coaA, RoutingHome: hoa.Addr(), Raw: []byte{59, byte(i), 6, 0}})
	case 31:
		w.step(edit(ra(eth, haRouter, netA), func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = 0 }))
	case 43: // a reply to the last request, or the like of it
		w.resync = true // each home agent has its own numbers
		if r := w.m.homes[0].found; i%4 > 0 {
			w.step(w.reply(r.id, i%3 > 0, ha))
		} else {
			w.step(w.reply(uint16(i), true, ha2))
		}
	case 44: // the home agent's prefixes: lifetimes of seconds or days, and another's
		valid := time.Duration(i%7) * 40 * time.Second
		w.step(w.mpa(w.m.homes[0].prefix.id, homePIO(valid, valid/time.Duration(1+i%3)), pio(newNet, time.Hour, time.Hour)))
	case 45:
		w.answer(mh.StatusPrefixDiscoveryNecessary)
	case 47: // an IPv4 home address: the right one, or one of two
		a := []netip.Addr{hoa4, hoa4, hoa4.Next()}[i%3]
		w.given4[a] = true
		w.answer(mh.StatusAccepted, with4(mh.IPv4Accepted, a))
	case 48: // none
		w.answer(mh.StatusAccepted, with4(mh.IPv4Status(128+i%6), hoa4))
	case 49: // such as no host can have, or as goes with no binding
		w.answer(mh.Status(i%3*64), with4(mh.IPv4Accepted, []netip.Addr{netip.MustParseAddr("224.0.0.1"), any4}[i%2]))
	case 56: // a home agent that drains
		w.answer(mh.StatusInsufficientResources)
	case 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42:
		w.peers.act(c, i)
	default: // time passes: 1 ms to about 4 minutes
		w.pass(time.Millisecond << (c % 18))
	}
}

// lose takes the first address of an interface away.
func (w *fuzzWorld) lose(ifindex int, ev func(netip.Addr) role.Event) {
	for _, v := range w.m.Interfaces(w.now) {
		if v.Ifindex == ifindex && v.CareOf.IsValid() {
			delete(w.usable, v.CareOf)
			w.step(ev(v.CareOf))
			return
		}
	}
}

func (w *fuzzWorld) answer(s mh.Status, opts ...func(*mh.BindingAcknowledgement)) {
	if len(w.bus) > 0 {
		w.resync = w.resync || s == mh.StatusSequenceOutOfWindow
		w.step(w.ba(w.lastBU(), s, opts...))
	}
}

// pass lets time pass with all the ticks that the machine wants.
func (w *fuzzWorld) pass(d time.Duration) {
	end := w.now.Add(d)
	for range 5000 {
		next := w.m.Deadline()
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(role.Tick{})
		w.checkDeadline()
	}
	w.t.Fatalf("5000 ticks in %v", d)
}

// checkDeadline: a machine that was just stepped never wants to be stepped at
// once again, or it would turn in circles.
func (w *fuzzWorld) checkDeadline() {
	if d := w.m.Deadline(); !d.IsZero() && !d.After(w.now) {
		w.step(role.Tick{})
		if d := w.m.Deadline(); !d.IsZero() && !d.After(w.now) {
			w.t.Fatalf("a tick at %v leaves a deadline of %v", w.now.Sub(t0), d.Sub(t0))
		}
	}
}

func (w *fuzzWorld) step(ev role.Event) {
	w.t.Helper()
	switch ev := ev.(type) {
	case role.AddressReady:
		w.usable[ev.Addr] = true
	}
	effects := w.m.Step(w.now, ev)
	if len(effects) > 60 {
		w.t.Fatalf("%d effects of one step", len(effects))
	}
	for _, e := range effects {
		w.record(e)
		w.check(e)
	}
	w.peers.check()
	w.check4()
}

// check4: the path has the IPv4 home address that the home agent has given last, and
// nothing else.
func (w *fuzzWorld) check4() {
	w.t.Helper()
	h := w.m.homes[0]
	if a := h.ipv4.addr; a.IsValid() && (!w.given4[a] || h.IPv4 == nil || !h.IPv4.Addr.IsUnspecified() && a != h.IPv4.Addr) {
		w.t.Fatalf("%s is no IPv4 home address of ours", a)
	}
	if h.ipv4.addr.IsValid() && h.ipv4.refused != mh.IPv4Accepted {
		w.t.Fatalf("%s is in use and refused", h.ipv4.addr)
	}
	if p := h.path; p.Mode == role.PathTunnelled && p.IPv4 != h.ipv4.addr {
		w.t.Fatalf("the path has the IPv4 home address %s, the home agent %s", p.IPv4, h.ipv4.addr)
	}
}

// checkAsked4: every Binding Update but one that ends the binding asks for the IPv4 home
// address (RFC 5555 §4.4.2).
func (w *fuzzWorld) checkAsked4(bu *mh.BindingUpdate) {
	w.t.Helper()
	o, asked := mh.Find[mh.IPv4HomeAddress](bu.Options)
	h := w.m.homes[0]
	if asked != (h.IPv4 != nil && bu.Lifetime > 0) {
		w.t.Fatalf("an IPv4 home address is asked for: %v, with a lifetime of %v", asked, bu.Lifetime)
	}
	if asked && o.Addr != h.IPv4.Addr && !(h.IPv4.Addr.IsUnspecified() && w.given4[o.Addr]) {
		w.t.Fatalf("%s is asked for", o.Addr)
	}
}

// check is what must hold of every effect.
func (w *fuzzWorld) check(e role.Effect) {
	w.t.Helper()
	switch e := e.(type) {
	case role.SetHomePath:
		if _, again := w.asked[e.ID]; again || e.ID == 0 {
			w.t.Fatalf("path with ID %d", e.ID)
		}
		w.asked[e.ID] = e
		w.owed = append(w.owed, role.Done{ID: e.ID})
		w.checkPath(e.Path)
	case role.AddCareOf:
		if e.Prefix.Addr() == hoa.Addr() || !w.upNow[e.Ifindex] || e.Valid <= 0 {
			w.t.Fatalf("%+v", e)
		}
		w.owed = append(w.owed, role.Done{ID: e.ID}, role.AddressReady{Ifindex: e.Ifindex, Addr: e.Prefix.Addr()})
	case role.RemoveCareOf:
		p, h := w.path(), w.m.homes[0]
		if w.usable[e.Addr] && p.Mode == role.PathTunnelled && p.CareOf == e.Addr && h.careOf != nil && !h.careOf.gone {
			w.t.Fatalf("the care-of address %v is taken away while in use", e.Addr)
		}
		delete(w.usable, e.Addr)
	case role.Send:
		if e.Dst == cn {
			w.peers.checkSend(e)
			return
		}
		w.checkSend(e)
	case role.SetDirect:
		w.owed = append(w.owed, role.Done{ID: e.ID})
		w.peers.checkSet(e.Direct)
	case role.ClearDirect:
		w.peers.direct = netip.Addr{}
	case role.SolicitRouter:
		if !w.upNow[e.Ifindex] {
			w.t.Fatalf("solicitation on interface %d, which is down", e.Ifindex)
		}
	case role.TellNeighbor:
		if w.path().Mode != role.PathAnswering || len(e.LinkAddr) == 0 || e.Neighbor != w.path().HomeAgent {
			w.t.Fatalf("%+v in mode %v", e, w.path().Mode)
		}
	case role.Advertise:
		if w.path().Mode != role.PathHome {
			w.t.Fatalf("advertisement in mode %v", w.path().Mode)
		}
	}
}

// checkPath: at home only where the home prefix was heard since the link came
// up; tunnelled only from an address that the kernel has.
func (w *fuzzWorld) checkPath(p role.HomePath) {
	w.t.Helper()
	switch p.Mode {
	case role.PathHome, role.PathDeregistering, role.PathAnswering:
		if !w.upNow[p.Ifindex] || !w.homeSeen[p.Ifindex] {
			w.t.Fatalf("path %s, but this is not known to be the home link", renderPath(p))
		}
	}
}

func (w *fuzzWorld) checkSend(e role.Send) {
	w.t.Helper()
	s, ok := w.readBU(e)
	if !ok {
		return
	}
	w.checkAsked4(s.bu)
	if !e.Dst.IsValid() {
		w.t.Fatal("Binding Update to nobody")
	}
	if !w.resync && s.bu.Sequence != w.last+1 {
		w.t.Fatalf("sequence %d after %d", s.bu.Sequence, w.last)
	}
	w.last, w.resync = s.bu.Sequence, false
	if n := len(w.sent[e.Dst]); n >= 3 && w.now.Sub(w.sent[e.Dst][n-3]) <= time.Second {
		w.t.Fatal("more than MAX_UPDATE_RATE Binding Updates a second")
	}
	w.sent[e.Dst] = append(w.sent[e.Dst], w.now)
	if !w.upNow[e.Ifindex] {
		w.t.Fatalf("Binding Update on interface %d, which is down", e.Ifindex)
	}
	auth, _ := mh.Find[mh.MobilityMessageAuthentication](s.bu.Options)
	mac := rr.MNHA(key, s.coa, hoa.Addr(), mh.Covered(e.Raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	if !rr.Equal(auth.Authenticator, mac) || !s.bu.Ack || !s.bu.Home {
		w.t.Fatalf("%+v", s.bu)
	}
	if s.bu.Lifetime == 0 {
		if w.m.homes[0].stage == stageInvalid {
			return // away, for the last time
		}
		if mode := w.path().Mode; e.Src != hoa.Addr() || mode != role.PathDeregistering && mode != role.PathAnswering {
			w.t.Fatalf("de-registration from %v in mode %v", e.Src, mode)
		}
		return
	}
	p := w.path()
	// In a planned change the packets still take, or wait for, the old care-of address.
	if p.Mode != role.PathTunnelled || p.CareOf != e.Src && !p.Hold || !w.usable[p.CareOf] || s.coa != e.Src || e.HomeAddress != hoa.Addr() || !w.usable[e.Src] {
		w.t.Fatalf("Binding Update from %v with path %s; the kernel has %v", e.Src, renderPath(p), w.usable)
	}
}
