package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// fuzzPeers is the correspondent of a fuzzWorld, and what must hold of direct
// paths.
type fuzzPeers struct {
	w        *fuzzWorld
	unasked  []role.Send // messages not answered yet
	accepted map[netip.Addr]time.Time
	direct   netip.Addr // care-of address of the direct path in force
	sent     map[mh.Type][]time.Time
}

func (p *fuzzPeers) act(c byte, i int) {
	w := p.w
	switch c {
	case 32, 33:
		w.step(role.PeerSeen{Pair: toCN, Inbound: c == 33})
	case 34: // the correspondent answers all
		p.answer(func(s role.Send, msg mh.Message) []role.Event { return answerOf(w.t, s, msg) })
	case 35: // or says no
		p.answer(func(s role.Send, msg mh.Message) []role.Event {
			if bu, ok := msg.(*mh.BindingUpdate); ok {
				return []role.Event{peerBA(w.t, s, bu, mh.Status(128+i%12), sequenceOf(bu.Sequence+uint16(i)*uint16(i%2)))}
			}
			return answerOf(w.t, s, msg)
		})
	case 36: // somebody else does
		p.answer(func(s role.Send, msg mh.Message) []role.Event {
			if bu, ok := msg.(*mh.BindingUpdate); ok {
				return []role.Event{unauthenticBA(w.t, s, bu, mh.Status(i%3*68))}
			}
			return nil
		})
	case 37:
		w.step(message(w.t, &mh.BindingError{Status: mh.Status(1 + i%2), HomeAddress: hoa.Addr()}, cn))
	case 38:
		w.step(message(w.t, &mh.BindingRefreshRequest{}, cn))
	case 39:
		w.step(role.TrafficSeen{Pair: toCN, Traffic: role.Traffic{PacketsIn: uint64(i)}})
	case 40:
		w.step(FlushPeer{Peer: cn})
	case 41:
		w.step(StopOptimization{Peer: cn})
	case 42:
		w.step(StartOptimization{Peer: cn})
	}
}

func (p *fuzzPeers) answer(f func(role.Send, mh.Message) []role.Event) {
	unasked := p.unasked
	p.unasked = nil
	for _, s := range unasked {
		msg, err := mh.Parse(s.Raw)
		if err != nil {
			p.w.t.Fatal(err)
		}
		for _, ev := range f(s, msg) {
			p.note(ev, s, msg)
			p.w.step(ev)
		}
	}
}

// note remembers what the correspondent has really accepted, and until when.
func (p *fuzzPeers) note(ev role.Event, s role.Send, msg mh.Message) {
	bu, ok := msg.(*mh.BindingUpdate)
	if !ok {
		return
	}
	answer, err := mh.Parse(ev.(role.MessageIn).Raw)
	if err != nil {
		p.w.t.Fatal(err)
	}
	ba := answer.(*mh.BindingAcknowledgement)
	if _, authentic := mh.Find[mh.BindingAuthorizationData](ba.Options); !authentic || !ba.Status.Accepted() || bu.Lifetime == 0 {
		return
	}
	if p.accepted == nil {
		p.accepted = make(map[netip.Addr]time.Time)
	}
	p.accepted[s.Src] = p.w.now.Add(bu.Lifetime)
}

// checkSend: test inits carry no extension header, and the home address goes
// through the tunnel or on the home link; a Binding Update comes from a care-of
// address that the kernel has; not more than three of a kind in a second.
func (p *fuzzPeers) checkSend(s role.Send) {
	w := p.w
	w.t.Helper()
	msg, err := mh.Parse(s.Raw)
	if err != nil {
		w.t.Fatal(err)
	}
	p.unasked = append(p.unasked, s)
	if len(p.unasked) > 20 {
		p.unasked = p.unasked[10:]
	}
	path := w.path()
	away := path.Mode == role.PathTunnelled
	switch msg := msg.(type) {
	case *mh.HomeTestInit:
		if s.Src != hoa.Addr() || s.HomeAddress.IsValid() || !away && path.Mode != role.PathHome {
			w.t.Fatalf("Home Test Init %+v with path %s", s, renderPath(path))
		}
	case *mh.CareOfTestInit:
		if !away || s.Src != path.CareOf || s.HomeAddress.IsValid() || !w.usable[s.Src] {
			w.t.Fatalf("Care-of Test Init %+v with path %s", s, renderPath(path))
		}
	case *mh.BindingUpdate:
		if away && (s.Src != path.CareOf || s.HomeAddress != hoa.Addr() || !w.usable[s.Src]) {
			w.t.Fatalf("Binding Update %+v with path %s", s, renderPath(path))
		}
		if !away && (s.Src != hoa.Addr() || msg.Lifetime != 0 || path.Mode != role.PathHome) {
			w.t.Fatalf("Binding Update %+v with path %s", s, renderPath(path))
		}
		if msg.Home || msg.Lifetime > 420*time.Second {
			w.t.Fatalf("Binding Update %+v", msg)
		}
	}
	if p.sent == nil {
		p.sent = make(map[mh.Type][]time.Time)
	}
	sent := p.sent[msg.Type()]
	if n := len(sent); n >= 3 && w.now.Sub(sent[n-3]) <= time.Second {
		w.t.Fatalf("more than three of %v in a second", msg.Type())
	}
	p.sent[msg.Type()] = append(sent, w.now)
}

// checkSet: the direct path is used from what the correspondent has accepted,
// and not longer.
func (p *fuzzPeers) checkSet(d role.Direct) {
	w := p.w
	w.t.Helper()
	until, ok := p.accepted[d.CareOf]
	if !ok || w.now.Add(d.Lifetime).After(until) || d.Pair != toCN || d.Side != role.Ours || d.Lifetime <= 0 {
		w.t.Fatalf("direct path %+v; the correspondent has accepted %v", d, p.accepted)
	}
	p.direct = d.CareOf
}

// check: no packet leaves directly from where we are not.
func (p *fuzzPeers) check() {
	w := p.w
	w.t.Helper()
	if !p.direct.IsValid() {
		return
	}
	if path := w.path(); path.Mode != role.PathTunnelled || path.CareOf != p.direct || !w.usable[p.direct] || !w.upNow[path.Ifindex] {
		w.t.Fatalf("packets leave directly from %s with path %s", p.direct, renderPath(path))
	}
}
