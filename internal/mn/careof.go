package mn

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/role"
)

// careOf is a care-of address of ours. It is formed by stateless address
// autoconfiguration (RFC 6275 §11.5.3, RFC 4862 §5.5.3) but by us, not by the
// kernel, which would wait a second where we need not.
type careOf struct {
	addr netip.Addr
	net  netip.Prefix

	id    role.ID
	made  time.Time // first AddCareOf
	asked time.Time // latest AddCareOf
	ready bool      // may be used as a source

	// What the kernel was told of its lifetimes; zero: no end.
	validUntil, preferredUntil time.Time

	dead    bool      // its prefix is not on our link any more
	retired time.Time // when it was replaced
	gone    bool      // not configured any more: nothing may point here
}

// careOfs returns all addresses of ours on a link.
func (l *link) careOfs() []*careOf {
	all := slices.Clone(l.stale)
	if l.careOf != nil {
		all = append(all, l.careOf)
	}
	return all
}

// formCareOf gives a link the care-of address that its routers' prefixes call
// for, and takes away one they don't.
func (m *Machine) formCareOf(l *link) {
	c := l.careOf
	if c != nil && !l.up && m.due(l.since.Add(m.p.LinkLinger)) {
		m.remove(l, c)
		return
	}
	if !l.up || !l.confirmed {
		return
	}
	if !m.wanted(l) {
		m.retire(l, false)
		return
	}
	if c != nil && l.unheard(c.net) {
		return // wait for its router to answer before moving on
	}
	net, ok := m.choosePrefix(l)
	switch {
	case ok && c != nil && c.net == net:
		m.renew(l, c)
	case ok:
		if m.now.Before(l.hold) {
			return
		}
		m.retire(l, c != nil && !l.knows(c.net))
		m.makeCareOf(l, net)
	case c != nil && !l.knows(c.net):
		m.retire(l, true) // withdrawn or expired, and nothing in its place
	}
}

// wanted says whether anyone needs a care-of address on a link. The home link
// of every home address needs none; other links keep theirs ready.
func (m *Machine) wanted(l *link) bool {
	return slices.ContainsFunc(m.homes, func(h *home) bool {
		return h.stage != stageDuplicate && h.stage != stageInvalid && !m.hasPrefix(l, h.subnet())
	}) || slices.ContainsFunc(m.stateful, func(s *stateful) bool {
		return s.home == nil && !m.hasPrefix(l, s.subnet()) // so that there is an address at all
	})
}

// choosePrefix returns the prefix to form the care-of address from: that of a
// present default router (§11.5.4: MUST), not deprecated (§11.5.3); the one in
// use before others, so that several routers on a link don't make us wander.
func (m *Machine) choosePrefix(l *link) (netip.Prefix, bool) {
	var best netip.Prefix
	bestRank := 0
	for _, r := range l.routers {
		if !m.isDefault(r) {
			continue
		}
		for _, p := range r.prefixes {
			if rank := m.rank(l, p); rank > bestRank {
				best, bestRank = p.net, rank
			}
		}
	}
	return best, bestRank > 0
}

// rank orders prefixes for choosePrefix; 0: unusable.
func (m *Machine) rank(l *link, p *prefix) int {
	current := l.careOf != nil && l.careOf.net == p.net
	preferred := !m.due(p.preferredUntil)
	switch {
	case !p.auto || p.superseded || p.net.Bits() != 64 || m.due(p.validUntil) || m.behindUs(p.net):
		return 0
	case !current && p.mark <= l.mark:
		return 0 // heard before the link came up: it may be another link's
	case preferred && current:
		return 4
	case preferred:
		return 3
	case current:
		return 2
	default:
		return 1
	}
}

// makeCareOf forms an address and has it configured.
func (m *Machine) makeCareOf(l *link, net netip.Prefix) {
	for i, c := range l.stale {
		if c.net == net && !c.gone { // back where we were a moment ago
			l.stale = slices.Delete(l.stale, i, i+1)
			c.dead, c.retired = false, time.Time{}
			l.careOf = c
			m.ask(l, c)
			return
		}
	}
	c := &careOf{addr: m.formAddress(l, net), net: net, made: m.now}
	l.careOf = c
	m.ask(l, c)
}

// ask has a care-of address configured, or its lifetimes changed.
func (m *Machine) ask(l *link, c *careOf) {
	c.id, c.asked = m.id(), m.now
	if m.there[address{l.ifindex, c.addr}] && !c.ready {
		m.ready(l, c) // of an earlier run: the kernel won't announce it again
	}
	c.validUntil, c.preferredUntil = m.lifetimes(l, c.net)
	m.emit(role.AddCareOf{
		ID:        c.id,
		Ifindex:   l.ifindex,
		Prefix:    netip.PrefixFrom(c.addr, c.net.Bits()),
		Preferred: m.left(c.preferredUntil),
		Valid:     m.left(c.validUntil),
		DAD:       l.DAD,
	})
}

// renew keeps the kernel's idea of the lifetimes near the routers', without a
// request for every advertisement, and asks again where no answer came.
func (m *Machine) renew(l *link, c *careOf) {
	valid, preferred := m.lifetimes(l, c.net)
	overdue := !c.ready && m.due(c.asked.Add(m.p.AddressTimeout))
	if overdue || m.drifted(c.validUntil, valid) || m.drifted(c.preferredUntil, preferred) {
		m.ask(l, c)
	}
}

// drifted says whether two ends differ by more than a factor of two in what is
// left.
func (m *Machine) drifted(told, now time.Time) bool {
	a, b := m.left(told), m.left(now)
	if a == role.Infinite || b == role.Infinite {
		return a != b
	}
	return a < b/2 || b < a/2
}

// lifetimes returns the latest ends advertised for a prefix.
func (m *Machine) lifetimes(l *link, net netip.Prefix) (valid, preferred time.Time) {
	found := false
	for _, r := range l.routers {
		p := r.prefix(net)
		if p == nil {
			continue
		}
		if !found {
			valid, preferred, found = p.validUntil, p.preferredUntil, true
			continue
		}
		valid, preferred = laterEnd(valid, p.validUntil), laterEnd(preferred, p.preferredUntil)
	}
	if !found {
		return m.now, m.now
	}
	return valid, preferred
}

// laterEnd returns the later of two ends, where zero is no end.
func laterEnd(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if b.After(a) {
		return b
	}
	return a
}

// formAddress joins a prefix with an interface identifier: from the link-layer
// address as RFC 4291 appendix A has it, or random after a collision on this
// link, or where the link has no address of its own.
func (m *Machine) formAddress(l *link, net netip.Prefix) netip.Addr {
	if iid, ok := eui64(l.linkAddr); ok && l.dadFailures == 0 && !l.tainted && !m.isHomeAddress(join(net, iid)) {
		return join(net, iid)
	}
	return join(net, m.randomIID(func(iid [8]byte) bool { return !m.isHomeAddress(join(net, iid)) }))
}

// randomIID returns a random interface identifier that will do.
func (m *Machine) randomIID(will func([8]byte) bool) [8]byte {
	for range 8 {
		if iid := [8]byte(m.random(8)); !reservedIID(iid) && will(iid) {
			return iid
		}
	}
	return [8]byte{6: 0xca, 7: 0xfe} // no randomness at all; DAD will tell
}

func (m *Machine) isHomeAddress(a netip.Addr) bool {
	return slices.ContainsFunc(m.homes, func(h *home) bool { return h.HomeAddress.Addr() == a })
}

func join(net netip.Prefix, iid [8]byte) netip.Addr {
	b := net.Addr().As16()
	copy(b[8:], iid[:])
	return netip.AddrFrom16(b)
}

// HomeAddress joins a home subnet's prefix of 64 bits with the interface identifier of a
// link-layer address of 6 or 8 octets; false for others, and for identifiers that no host
// may have.
func HomeAddress(subnet netip.Prefix, linkAddr []byte) (netip.Prefix, bool) {
	iid, ok := eui64(linkAddr)
	if !ok || subnet.Bits() != 64 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(join(subnet, iid), 64), true
}

// eui64 makes a modified EUI-64 interface identifier (RFC 4291 appendix A).
func eui64(linkAddr []byte) (iid [8]byte, ok bool) {
	switch len(linkAddr) {
	case 6:
		copy(iid[:], linkAddr[:3])
		iid[3], iid[4] = 0xff, 0xfe
		copy(iid[5:], linkAddr[3:])
	case 8:
		copy(iid[:], linkAddr)
	default:
		return iid, false
	}
	iid[0] ^= 0x02
	return iid, !reservedIID(iid)
}

// reservedIID says whether an interface identifier is the subnet-router anycast
// address's or one of RFC 2526's.
func reservedIID(iid [8]byte) bool {
	if iid == [8]byte{} {
		return true
	}
	return iid[0] == 0xfd && iid[7]&0x80 != 0 && [6]byte(iid[1:7]) == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
}

// retire replaces the care-of address of a link. It stays configured for what
// is still on its way to it (§11.5.4), see cleanup.
func (m *Machine) retire(l *link, dead bool) {
	c := l.careOf
	if c == nil {
		return
	}
	l.careOf = nil
	c.dead, c.retired = dead, m.now
	l.stale = append(l.stale, c)
}

// remove takes an address back.
func (m *Machine) remove(l *link, c *careOf) {
	for _, h := range m.homes {
		if h.careOf != c { // the Binding Update for another has been waiting for so long
			m.blockFrom(h, c)
		}
	}
	m.emit(role.RemoveCareOf{Ifindex: l.ifindex, Addr: c.addr})
	delete(m.there, address{l.ifindex, c.addr})
	m.forget(l, c)
}

// blockFrom has nothing leave from a care-of address any more.
func (m *Machine) blockFrom(h *home, c *careOf) {
	if f := h.handoff; f != nil && f.careOf == c && h.careOf != c {
		m.endHandoff(h) // by the new one; nothing is lost that would not be
	}
	if h.path.Mode == role.PathTunnelled && h.path.CareOf == c.addr {
		m.setPath(h, role.HomePath{Mode: role.PathBlocked})
	}
}

// forget drops an address that is not configured any more.
func (m *Machine) forget(l *link, c *careOf) {
	c.gone = true
	if l.careOf == c {
		l.careOf = nil
	}
	l.stale = slices.DeleteFunc(l.stale, func(x *careOf) bool { return x == c })
}

// cleanup takes replaced addresses back: one whose link is gone when no binding
// uses it or its time is over, another when the new one is registered.
func (m *Machine) cleanup(l *link) {
	for _, c := range slices.Clone(l.stale) {
		used, settled := false, true
		for _, h := range m.homes {
			used = used || h.careOf == c || h.path.Mode == role.PathTunnelled && h.path.CareOf == c.addr
			settled = settled && h.settled(m)
		}
		if c.dead && (!used || m.due(c.retired.Add(m.p.LinkLinger))) || !used && settled {
			m.remove(l, c)
		}
	}
}

// find returns one of our addresses on a link.
func (m *Machine) find(ifindex int, addr netip.Addr) (*link, *careOf) {
	l := m.link(ifindex)
	if l == nil {
		return nil, nil
	}
	for _, c := range l.careOfs() {
		if c.addr == addr {
			return l, c
		}
	}
	return l, nil
}

// address is one on an interface.
type address struct {
	ifindex int
	addr    netip.Addr
}

func (m *Machine) addressReady(ev role.AddressReady) {
	for _, h := range m.homes {
		if h.addr() == ev.Addr && h.stage == stageHome && h.link.ifindex == ev.Ifindex {
			h.homeDADs = 0 // nobody else has it
		}
	}
	// The kernel knows few addresses besides ours; a bound all the same.
	if len(m.there) < maxAddresses {
		m.there[address{ev.Ifindex, ev.Addr}] = true
	}
	m.noDuplicate(ev.Ifindex, ev.Addr)
	m.noteLease(ev)
	if l, c := m.find(ev.Ifindex, ev.Addr); c != nil && !c.ready {
		m.ready(l, c)
	}
}

func (m *Machine) ready(l *link, c *careOf) {
	c.ready = true
	m.notice(role.Notice{Kind: role.NoticeCareOfReady, CoA: c.addr, Ifindex: l.ifindex, Text: "care-of address ready"})
}

func (m *Machine) dadFailed(ev role.DADFailed) {
	delete(m.there, address{ev.Ifindex, ev.Addr})
	m.forgetLease(address{ev.Ifindex, ev.Addr})
	for _, h := range m.homes {
		if h.HomeAddress.Addr() == ev.Addr {
			m.homeDuplicate(h, ev)
			return
		}
	}
	l, c := m.find(ev.Ifindex, ev.Addr)
	if c == nil {
		if l != nil {
			m.foreignDuplicate(l, ev)
		}
		return
	}
	m.count(role.CountDADFailure)
	m.notice(role.Notice{Kind: role.NoticeDADFailed, CoA: c.addr, Ifindex: l.ifindex, Warn: true,
		Text: "another node has the care-of address"})
	m.remove(l, c)
	l.dadFailures++
	if l.dadFailures%dadTries == 0 {
		l.hold = m.now.Add(m.p.SolicitMax)
	}
}

// addressGone: someone took a care-of address away. Unless it was just made, in
// which case we may be fighting with someone, it is made again at once.
func (m *Machine) addressGone(ev role.AddressGone) {
	delete(m.there, address{ev.Ifindex, ev.Addr})
	m.forgetLease(address{ev.Ifindex, ev.Addr})
	m.noDuplicate(ev.Ifindex, ev.Addr)
	l, c := m.find(ev.Ifindex, ev.Addr)
	if c == nil {
		return
	}
	m.forget(l, c)
	if again := c.asked.Add(time.Second); again.After(m.now) {
		l.hold = again
	}
}

// careOfDone: the kernel took the request, or not.
func (m *Machine) careOfDone(l *link, c *careOf, err error) {
	if err == nil {
		return
	}
	m.fault(role.Notice{CoA: c.addr, Ifindex: l.ifindex}, "configure the care-of address", err)
	for _, h := range m.homes {
		m.blockFrom(h, c) // it may have been in use, and its lifetime was to be prolonged
	}
	m.remove(l, c)
	l.hold = m.now.Add(time.Second)
}
