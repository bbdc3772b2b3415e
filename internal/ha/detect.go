package ha

import (
	"net/netip"
	"slices"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// place is an address on a link.
type place struct {
	ifindex int
	addr    netip.Addr
}

// detect has those addresses probed for that are to be defended and are not yet
// (§10.3.1: before the first acceptance; the link-local one with L set), and
// goes on when there are none. Detections for an earlier request of the same
// node count.
func (m *Machine) detect(n *node) {
	wanted := n.undefended()
	for at, running := range n.probes {
		if running && !slices.Contains(wanted, at) {
			m.unwait(n, at)
			delete(n.probes, at)
		}
	}
	if len(wanted) > 0 {
		m.remember(n) // detection takes a second
	}
	for _, at := range wanted {
		if _, begun := n.probes[at]; begun {
			continue
		}
		if n.probes == nil {
			n.probes = make(map[place]bool)
		}
		n.probes[at] = true
		m.dads[at] = append(m.dads[at], n)
		if len(m.dads[at]) == 1 {
			m.emit(role.StartDAD{Ifindex: at.ifindex, Addr: at.addr})
		}
	}
	m.detected(n)
}

// undefended are the addresses of the request in work that nothing protects
// yet: on a virtual home link there is nobody to ask.
func (n *node) undefended() []place {
	b := n.current.granted
	if b.Ifindex == 0 {
		return nil
	}
	var places []place
	for _, a := range []netip.Addr{b.HomeAddress, b.LinkLocal} {
		if a.IsValid() && (n.was == nil || !defends(*n.was, a)) {
			places = append(places, place{b.Ifindex, a})
		}
	}
	return places
}

// detected goes on when no detection runs any more.
func (m *Machine) detected(n *node) {
	for _, running := range n.probes {
		if running {
			return
		}
	}
	n.probes = nil
	m.set(n)
}

// stopDetecting leaves all detections of a node to themselves.
func (m *Machine) stopDetecting(n *node) {
	for at := range n.probes {
		m.unwait(n, at)
	}
	n.probes = nil
	n.phase = idle
}

func (m *Machine) unwait(n *node, at place) {
	m.dads[at] = slices.DeleteFunc(m.dads[at], func(x *node) bool { return x == n })
	if len(m.dads[at]) == 0 {
		delete(m.dads, at)
	}
}

// dadDone ends a detection. Several nodes may have waited for it: home addresses
// of one link with the same interface identifier have one link-local address.
func (m *Machine) dadDone(ev role.DADDone) {
	at := place{ev.Ifindex, ev.Addr}
	waiting := m.dads[at]
	delete(m.dads, at)
	for _, n := range waiting {
		r := n.current
		switch {
		case ev.Duplicate:
			m.stopDetecting(n)
			m.refuse(r, mh.StatusDADFailed, role.CountDADFailure)
			m.finish(n)
		case ev.Err != nil:
			m.stopDetecting(n)
			m.refuse(r, mh.StatusInsufficientResources, role.CountRefused)
			m.finish(n)
		default:
			n.probes[at] = false
			m.detected(n)
		}
	}
}

// linkLocal is the link-local address with a home address's interface
// identifier.
func linkLocal(home netip.Addr) netip.Addr {
	a := home.As16()
	b := [16]byte{0: 0xfe, 1: 0x80}
	copy(b[8:], a[8:])
	return netip.AddrFrom16(b)
}
