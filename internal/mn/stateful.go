package mn

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/role"
)

// stateful is a home whose address a DHCPv6 client of this host is given on the home link
// (RFC 8415). The machine adopts what the client configures there, and keeps it until the
// end of its valid lifetime, wherever we are: clients drop an address when they lose the
// link on which they were given it.
type stateful struct {
	Home            // its HomeAddress is the home subnet's prefix
	home  *home     // with the address; nil: none is known
	until time.Time // the end of the address's valid lifetime; zero: without end

	stored  role.Lease // zero: none
	storing role.ID    // not answered yet; 0: none is under way
}

func (s *stateful) subnet() netip.Prefix { return s.HomeAddress.Masked() }

// leased is an address that a DHCPv6 client has configured.
type leased struct {
	address
	until time.Time // zero: without end
}

// leaseSlack is how far two ends may be apart that are the same: the kernel tells whole
// seconds.
const leaseSlack = 2 * time.Second

func sameEnd(a, b time.Time) bool {
	if a.IsZero() || b.IsZero() {
		return a.Equal(b)
	}
	return a.Sub(b).Abs() <= leaseSlack
}

// earlierEnd returns the earlier of two ends, where zero is no end.
func earlierEnd(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// validUntil is the end of what is known of a home address's valid lifetime: its prefix's
// (§11.4.3), and its own where DHCPv6 has given it. Zero: without end.
func (h *home) validUntil() time.Time {
	if h.stateful == nil || h.stateful.home != h {
		return h.prefix.validUntil
	}
	return earlierEnd(h.prefix.validUntil, h.stateful.until)
}

// noteLease remembers what a DHCPv6 client has configured, the latest at the end. Whether
// that was at home is not known yet.
func (m *Machine) noteLease(ev role.AddressReady) {
	if ev.Lease <= 0 || !slices.ContainsFunc(m.stateful, func(s *stateful) bool { return s.subnet().Contains(ev.Addr) }) {
		return
	}
	at := address{ev.Ifindex, ev.Addr}
	if i := slices.IndexFunc(m.leased, func(l leased) bool { return l.address == at }); i >= 0 {
		m.leased[i].until = m.end(ev.Lease) // a renewal makes it no later than others
		return
	}
	if len(m.leased) < maxAddresses {
		m.leased = append(m.leased, leased{at, m.end(ev.Lease)})
	}
}

func (m *Machine) forgetLease(at address) {
	m.leased = slices.DeleteFunc(m.leased, func(l leased) bool { return l.address == at })
}

// settleStateful follows what DHCPv6 gives at home.
func (m *Machine) settleStateful() {
	m.dropEnded()
	for _, s := range m.stateful {
		m.endLease(s)
		m.followLease(s)
	}
}

// endLease gives the home address up at its end.
func (m *Machine) endLease(s *stateful) {
	if s.home == nil {
		return
	}
	if m.over(s.until) {
		// What the kernel still has of it for a moment is no other lease.
		m.leased = slices.DeleteFunc(m.leased, func(l leased) bool { return l.addr == s.home.addr() })
		m.invalidate(s.home, role.NoticeHomeAddress, "the home address is not used any more: its DHCPv6 lease has ended")
	}
	if s.home.stage == stageInvalid {
		s.home = nil
	}
}

// followLease takes a lease that was prolonged, or another one. One that is in use goes
// before others; it gives way at home only, once its binding is gone.
func (m *Machine) followLease(s *stateful) {
	found := -1
	for i, l := range m.leased {
		if !s.subnet().Contains(l.addr) || m.over(l.until) || !m.onHomeLink(l.ifindex, s.subnet()) {
			continue
		}
		if s.home != nil && s.home.addr() == l.addr {
			if !sameEnd(s.until, l.until) {
				s.until = l.until
				m.tellLease(s, "DHCPv6 has prolonged the home address")
			}
			return
		}
		found = i
	}
	if found < 0 {
		return
	}
	l := m.leased[found]
	if m.isHomeAddress(l.addr) {
		return // another home's, or one of before whose end is not complete
	}
	if h := s.home; h != nil {
		if h.stage != stageHome && h.stage != stageDuplicate {
			return
		}
		m.invalidate(h, role.NoticeHomeAddress, "DHCPv6 has given another home address")
	}
	m.adopt(s, l.addr, l.until, "DHCPv6 has given the home address")
}

// onHomeLink says whether an interface is on a home link, which is beyond doubt.
func (m *Machine) onHomeLink(ifindex int, subnet netip.Prefix) bool {
	l := m.link(ifindex)
	return l != nil && m.hasPrefix(l, subnet) && !l.unheard(subnet)
}

// adopt makes an address the home address.
func (m *Machine) adopt(s *stateful, addr netip.Addr, until time.Time, text string) {
	cfg := s.Home
	cfg.HomeAddress = netip.PrefixFrom(addr, s.HomeAddress.Bits())
	h := newHome(cfg)
	h.stateful, s.home, s.until = s, h, until
	m.homes = append(m.homes, h)
	m.bul.Seed(h.key(), binary.BigEndian.Uint16(m.random(2)))
	m.recall(h)
	m.tellLease(s, text)
}

func (m *Machine) tellLease(s *stateful, text string) {
	n := role.Notice{Kind: role.NoticeHomeAddress, HoA: s.home.addr(), HA: s.home.homeAgent(), Text: text}
	if !s.until.IsZero() {
		n.Lifetime = m.left(s.until)
	}
	m.notice(n)
}

// dropEnded forgets addresses whose lease has ended, once the kernel and all
// correspondents have let go of them.
func (m *Machine) dropEnded() {
	m.homes = slices.DeleteFunc(m.homes, func(h *home) bool {
		if h.stateful == nil || h.stage != stageInvalid || !h.pathGone {
			return false
		}
		peers := slices.Clone(m.peers)
		for _, p := range peers {
			if p.home == h && m.held(p) {
				return false
			}
		}
		for _, p := range peers {
			if p.home == h {
				m.dropPeer(p)
			}
		}
		m.bul.Forget(h.key())
		return true
	})
}

// restoreLease goes on with what an earlier run was given.
func (m *Machine) restoreLease(l role.Lease) {
	i := slices.IndexFunc(m.stateful, func(s *stateful) bool { return s.subnet() == l.HomeAddress.Masked() })
	if i < 0 {
		m.memory.strays = append(m.memory.strays, l) // of another configuration
		return
	}
	s := m.stateful[i]
	s.stored = l
	if !m.over(l.Until) && !m.isHomeAddress(l.HomeAddress.Addr()) {
		m.adopt(s, l.HomeAddress.Addr(), l.Until, "the home address is that of an earlier run, by DHCPv6")
	}
}

// rememberLeases has stored what differs from what the next run would know.
func (m *Machine) rememberLeases() {
	for _, l := range m.memory.strays {
		m.emit(role.StoreLease{Lease: l, Drop: true})
	}
	m.memory.strays = nil
	for _, s := range m.stateful {
		var want role.Lease
		if s.home != nil {
			want = role.Lease{HomeAddress: s.home.HomeAddress, Until: s.until}
		}
		if want.HomeAddress == s.stored.HomeAddress && want.Until.Equal(s.stored.Until) {
			continue
		}
		e := role.StoreLease{ID: m.id(), Lease: want}
		if s.home == nil {
			e.Lease, e.Drop = s.stored, true
		}
		s.stored, s.storing = want, e.ID
		m.emit(e)
	}
}

// leaseStored is the store's answer. What it refused is stored later.
func (m *Machine) leaseStored(id role.ID, err error) bool {
	for _, s := range m.stateful {
		if s.storing != id {
			continue
		}
		s.storing = 0
		if err != nil {
			// What is there is one or the other: neither is what is wanted.
			s.stored = role.Lease{HomeAddress: s.HomeAddress}
			m.memory.retry = m.now.Add(storeRetry)
		}
		return true
	}
	return false
}

// waiting is what is shown of a home whose address is not known yet.
func (s *stateful) waiting() BindingView {
	return BindingView{HomeAddress: s.HomeAddress, HomeAgent: s.HomeAgent, State: stateWaiting, Mode: role.PathNone}
}
