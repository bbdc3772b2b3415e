package ha

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// acknowledge sends a Binding Acknowledgement that accepts (§9.5.4): to where
// the Binding Update came from, not to its alternate care-of address, with a
// type 2 routing header unless that was the home address itself. A home agent
// always answers, A flag or not.
func (m *Machine) acknowledge(r *request, status mh.Status, lifetime time.Duration) {
	ba := m.newAck(r, status)
	ba.Lifetime = lifetime
	ba.Router = r.bu.Router // RFC 3963 §6.6: its mobile network is forwarded
	ba.KeyMgmt = m.movesKeys(r)
	if advice := m.p.RefreshAdvice; !m.p.Stored && lifetime > 0 && advice >= lifetimeUnit && advice < lifetime {
		ba.Options = append(ba.Options, mh.BindingRefreshAdvice{Interval: advice})
	}
	if lifetime > 0 {
		for _, a := range r.ipv4Answers {
			ba.Options = append(ba.Options, a)
		}
	}
	if r.hasID {
		ba.Options = append(ba.Options, mh.MesgID{Timestamp: r.stamp})
	}
	m.sendAck(r, ba)
}

// movesKeys says whether the management of dynamic keys follows the mobile node: where
// both can (§10.3.1).
func (m *Machine) movesKeys(r *request) bool {
	return r.bu.KeyMgmt && r.mn != nil && r.mn.KeyMgmt
}

// refuse counts a Binding Update that is rejected, and sends an acknowledgement
// that says so. Those are limited in rate: what provokes them may be forged, or
// replayed. A flood of forgeries must not silence what mobile nodes need to
// hear, nor a flood of one's replays what the others do.
func (m *Machine) refuse(r *request, status mh.Status, counter role.Counter) {
	m.count(counter)
	rate := &m.strangers
	if r.authentic {
		rate = m.node(r.home).refusalRate()
	}
	if !m.mayAnswer(rate) {
		return
	}
	m.emit(role.Notice{
		Kind: role.NoticeBindingRefused, HoA: r.home, CoA: r.careOf, HA: r.local, Ifindex: r.ifindex,
		Sequence: r.bu.Sequence, Status: status, HasStatus: true, Text: "binding update refused",
	})
	ba := m.newAck(r, status)
	if status == mh.StatusSequenceOutOfWindow {
		ba.Sequence, _ = m.node(r.home).lastSequence()
	}
	if r.hasID {
		stamp := r.stamp
		if status == mh.StatusIDMismatch {
			// Our seconds, their fraction: how they set their clock (RFC 4285 §6).
			stamp = toNTP(m.now)&^0xffffffff | stamp&0xffffffff
		}
		ba.Options = append(ba.Options, mh.MesgID{Timestamp: stamp})
	}
	m.sendAck(r, ba)
}

// newAck begins a Binding Acknowledgement, in the machine's one place for it.
func (m *Machine) newAck(r *request, status mh.Status) *mh.BindingAcknowledgement {
	m.ack = mh.BindingAcknowledgement{Header: mh.Header{Options: m.ack.Options[:0]}, Status: status, Sequence: r.bu.Sequence}
	return &m.ack
}

// noAuthenticator stands where the authenticator will be.
var noAuthenticator [rr.AuthenticatorLen]byte

// sendAck authenticates and sends.
func (m *Machine) sendAck(r *request, ba *mh.BindingAcknowledgement) {
	var auth *Auth
	if r.mn != nil {
		auth = r.mn.Auth
	}
	if auth != nil {
		if id, ok := mh.Find[mh.MobileNodeIdentifier](r.bu.Options); ok {
			ba.Options = slices.Insert(ba.Options, 0, mh.Option(id)) // RFC 4283 §3.2: before authentication
		}
		ba.Options = append(ba.Options, mh.MobilityMessageAuthentication{
			Subtype: mh.SubtypeMNHA, SPI: auth.SPI, Authenticator: noAuthenticator[:],
		})
	}
	raw, err := mh.Marshal(ba)
	if err != nil {
		m.emit(role.Notice{Kind: role.NoticeFault, HoA: r.home, Warn: true, Text: "build a Binding Acknowledgement: " + err.Error()})
		return
	}
	if auth != nil {
		var room [usualLen]byte
		covered := mh.AppendCovered(room[:], raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
		mac := rr.MNHA(auth.Key, r.careOf, r.home, covered)
		copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	}
	mh.SetChecksum(raw, r.local, r.home)
	send := role.Send{Src: r.local, Dst: r.src, RoutingHome: r.home, Raw: raw}
	if r.direct {
		send.RoutingHome = netip.Addr{}
		send.Ifindex, send.Neighbour = m.isBack(r, ba.Status)
	}
	m.emit(send)
}

// isBack says whether a refusal goes to the mobile node on its home link (§10.3.2:
// MUST): by routes it would take the tunnel, as long as there is a binding.
func (m *Machine) isBack(r *request, status mh.Status) (ifindex int, yes bool) {
	link, _, onLink := m.p.link(r.home)
	if status.Accepted() || !onLink || link.Ifindex == 0 || link.Ifindex != r.ifindex {
		return 0, false
	}
	// What IPsec is to protect has to pass the kernel, which finds the neighbour
	// itself when it is told the link.
	return link.Ifindex, r.mn == nil || r.mn.SA == 0
}

// bindingError answers a message that we can't make sense of, to where it came
// from (§9.3.3): never to an address that is not one node's, and limited in
// rate.
func (m *Machine) bindingError(ev role.MessageIn, status mh.Status) {
	if !unicast(ev.Src) {
		return
	}
	if !m.mayAnswer(&m.strangers) {
		return
	}
	home := ev.HomeAddress
	if !home.IsValid() {
		home = netip.IPv6Unspecified()
	}
	raw, err := mh.Marshal(&mh.BindingError{Status: status, HomeAddress: home})
	if err != nil {
		return // a message without options always fits
	}
	mh.SetChecksum(raw, ev.Dst, ev.Src)
	m.emit(role.Send{Src: ev.Dst, Dst: ev.Src, Raw: raw})
}

func (m *Machine) mayAnswer(rate *bul.Rate) bool {
	if rate.Next(m.now).After(m.now) {
		m.count(role.CountRateLimited)
		return false
	}
	rate.Note(m.now)
	return true
}
