package ha

import (
	"errors"
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// messageIn looks at a Mobility Header in the order of RFC 6275 §9.2: the
// checksum before anything else, whose answer is silence.
func (m *Machine) messageIn(ev role.MessageIn) {
	src, dst := ev.Src, ev.Dst
	if ev.HomeAddress.IsValid() {
		src = ev.HomeAddress
	}
	if ev.RoutingHome.IsValid() {
		dst = ev.RoutingHome
	}
	if !mh.ChecksumOK(ev.Raw, src, dst) {
		m.count(role.CountBadChecksum)
		return
	}
	if !m.p.isOurs(ev.Dst) || ev.RoutingHome.IsValid() {
		m.count(role.CountNotForUs)
		return
	}
	msg, err := mh.Parse(ev.Raw)
	if err != nil {
		m.malformed(ev, err)
		return
	}
	if bu, ok := msg.(*mh.BindingUpdate); ok {
		m.bindingUpdate(ev, bu)
		return
	}
	m.count(role.CountNotForUs) // a correspondent node's business, or a mobile node's
}

// malformed answers as §9.2 says. A Parameter Problem is left to the kernel,
// which has checked Payload Proto and Header Len before we saw the message: two
// answers would be one too many.
func (m *Machine) malformed(ev role.MessageIn, err error) {
	var p *mh.ParseError
	if errors.As(err, &p) && p.Answer == mh.AnswerBindingError {
		m.count(role.CountUnknownType)
		m.bindingError(ev, p.Status)
		return
	}
	m.count(role.CountMalformed)
}

// request is a Binding Update on its way to an answer.
type request struct {
	at      time.Time // of its reception
	home    netip.Addr
	careOf  netip.Addr
	src     netip.Addr // on the wire, where the answer goes
	local   netip.Addr // our address it was sent to
	direct  bool       // sent from the home address itself, without the option
	ifindex int
	sa      uint32 // that it came in through
	raw     []byte
	bu      *mh.BindingUpdate
	mn      *MobileNode // nil: not configured
	stamp   uint64      // Mesg-ID; 0: none
	hasID   bool        // a Mesg-ID option was there

	prefixes []netip.Prefix // behind a mobile router, sorted
	named    bool           // by itself, not by the prefix table

	ipv4        netip.Addr                      // to be bound as well, or invalid
	ipv4Answers []mh.IPv4AddressAcknowledgement // to each that was asked for

	before    role.Binding // what it replaces, where node.was says that there is one
	authentic bool         // not just anybody can have made it
	granted   role.Binding
	status    mh.Status // of the acceptance
}

// delete says whether the request is a de-registration (§9.5.1).
func (r *request) delete() bool { return r.bu.Lifetime == 0 || r.careOf == r.home }

func newRequest(now time.Time, ev role.MessageIn, bu *mh.BindingUpdate) *request {
	r := &request{
		at: now, home: ev.HomeAddress, src: ev.Src, local: ev.Dst, ifindex: ev.Ifindex, sa: ev.SA, careOf: ev.Src, raw: ev.Raw, bu: bu,
	}
	if !r.home.IsValid() {
		r.home, r.direct = ev.Src, true
	}
	// In a de-registration the alternate care-of address means nothing; its
	// care-of address is the packet's source (§10.3.2, RFC 4285 §5.1).
	if alt, ok := mh.Find[mh.AlternateCareOfAddress](bu.Options); ok && bu.Lifetime > 0 {
		r.careOf = alt.CareOf
	}
	if id, ok := mh.Find[mh.MesgID](bu.Options); ok {
		r.stamp, r.hasID = id.Timestamp, true
	}
	return r
}
