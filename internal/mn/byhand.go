package mn

import (
	"net/netip"

	"mip6d/internal/role"
)

// StartOptimization asks for a direct path to a peer whatever the policy and its
// traffic (`mip6ctl ro start`), from every home address that is away.
type StartOptimization struct {
	role.External
	Peer netip.Addr
}

// StopOptimization ends the direct path to a peer and keeps it from beginning
// again (`mip6ctl ro stop`).
type StopOptimization struct {
	role.External
	Peer netip.Addr
}

// FlushPeer forgets all of a peer but that it is wanted (`mip6ctl flush bul`).
type FlushPeer struct {
	role.External
	Peer netip.Addr
}

func (m *Machine) startOptimization(addr netip.Addr) {
	for _, h := range m.homes {
		if !m.eligible(h, addr) {
			continue
		}
		p := m.findPeer(h.addr(), addr)
		if p == nil && h.stage == stageAway {
			p = m.addPeer(h, addr)
		}
		if p != nil {
			p.byHand, p.stopped, p.barred, p.used = true, false, noTime, m.now
		}
	}
}

func (m *Machine) stopOptimization(addr netip.Addr) {
	for _, p := range m.peers {
		if p.addr == addr {
			p.byHand, p.stopped = false, true
			p.endEffort()
		}
	}
}

func (m *Machine) flushPeer(addr netip.Addr) {
	for _, p := range m.peers {
		if p.addr == addr {
			p.stopped, p.barred, p.reverted = false, noTime, false
			m.beginAgain(p)
		}
	}
}
