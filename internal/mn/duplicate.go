package mn

import (
	"fmt"
	"net/netip"
	"slices"

	"mip6d/internal/role"
)

// Duplicate address detection fails for addresses that are none of ours, too: the
// kernel's own link-local address, or one that a person has configured.
//
// A link-local address made of the link-layer address that is somebody else's means that
// this one most likely is, too; RFC 4862 §5.4.5 wants IP disabled on the interface then.
// We go on with it only where no other interface works, and with random interface
// identifiers. Whatever the failed one was made of, a link without any link-local
// address gets a random one.

var linkLocal = netip.MustParsePrefix("fe80::/64")

// foreignDuplicate: detection failed for an address that is none of ours.
func (m *Machine) foreignDuplicate(l *link, ev role.DADFailed) {
	text := fmt.Sprintf("another node has the address %s", ev.Addr)
	if ev.Kept && !slices.Contains(l.duplicates, ev.Addr) && len(l.duplicates) < maxPrefixes {
		l.duplicates = append(l.duplicates, ev.Addr)
	}
	if ev.Addr.IsLinkLocalUnicast() {
		l.nextLinkLocal = m.now.Add(m.p.LinkLocalDelay)
		if ev.Addr == l.linkLocal {
			l.linkLocal = netip.Addr{}
		}
		if iid, ok := eui64(l.linkAddr); ok && ev.Addr == join(linkLocal, iid) {
			l.tainted = true
			text += ", which is made of our link-layer address: other interfaces go before this one"
		}
	}
	m.count(role.CountDADFailure)
	m.notice(role.Notice{Kind: role.NoticeDADFailed, Ifindex: l.ifindex, Warn: true, Text: text})
}

// noDuplicate: an address works after all, or is gone.
func (m *Machine) noDuplicate(ifindex int, addr netip.Addr) {
	l := m.link(ifindex)
	if l == nil {
		return
	}
	l.duplicates = slices.DeleteFunc(l.duplicates, func(a netip.Addr) bool { return a == addr })
	if addr.IsLinkLocalUnicast() && len(l.duplicates) > 0 && !m.hasLinkLocal(l) {
		l.nextLinkLocal = m.now.Add(m.p.LinkLocalDelay) // the one in place of a duplicate is gone
	}
}

// keepLinkLocal gives a link another link-local address in place of one that failed.
func (m *Machine) keepLinkLocal(l *link) {
	if !m.due(l.nextLinkLocal) || !l.up {
		return
	}
	l.nextLinkLocal = noTime
	if m.hasLinkLocal(l) || l.linkLocalTries >= dadTries {
		return
	}
	l.linkLocalTries++
	if l.linkLocal.IsValid() { // on its way for long
		m.emit(role.RemoveCareOf{Ifindex: l.ifindex, Addr: l.linkLocal})
	}
	l.linkLocal = join(linkLocal, m.randomIID(func([8]byte) bool { return true }))
	m.emit(role.AddCareOf{
		Ifindex: l.ifindex, Prefix: netip.PrefixFrom(l.linkLocal, linkLocal.Bits()), Valid: role.Infinite, Preferred: role.Infinite,
		DAD: l.DAD,
	})
}

// hasLinkLocal says whether a link has a link-local address that works.
func (m *Machine) hasLinkLocal(l *link) bool {
	for a := range m.there {
		if a.ifindex == l.ifindex && a.addr.IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

// rank orders links: those whose link-layer address seems to be somebody else's come
// after all others; lower is better.
func (l *link) rank() int {
	if l.tainted {
		return l.Preference + 1<<16
	}
	return l.Preference
}
