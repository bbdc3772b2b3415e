package xfrmmig

import (
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/loss"
)

const (
	msgFlushSA     = 0x1c
	msgFlushPolicy = 0x1d
	groupSA        = 3 // XFRMNLGRP_SA
	groupPolicy    = 4 // XFRMNLGRP_POLICY
)

// Losses hears when others than a guard take IPsec's policies or security associations
// away, in the current network namespace. made is called with each security association
// that somebody else has made.
func (g *Guard) Losses(made func(SA)) (*loss.Watch, error) {
	conn, ok := g.conn.(*Conn)
	if !ok {
		return nil, errors.New("a model loses nothing")
	}
	own, err := conn.portID()
	if err != nil {
		return nil, err
	}
	return loss.Open(unix.NETLINK_XFRM, []int{groupSA, groupPolicy}, nil, func(m netlink.Message) bool {
		if m.Header.Type == msgNewSA && m.Header.PID != own {
			if sa, _, ok := decodeSA(m.Data); ok {
				made(sa)
			}
		}
		return isLoss(m, own)
	})
}

// isLoss says whether somebody else than the socket with a netlink port has removed something that may be IPsec's; the
// extension headers of direct paths are not.
func isLoss(m netlink.Message, own uint32) bool {
	const id = 64 // struct xfrm_userpolicy_id, in front of the attributes
	switch m.Header.Type {
	case msgFlushPolicy, msgDelSA, msgFlushSA:
		return m.Header.PID != own
	case msgDelPolicy:
		sub := false
		eachAttr(m.Data[min(id, len(m.Data)):], func(typ uint16, data []byte) {
			sub = sub || typ == attrPolicyType && len(data) > 0 && data[0] == policyTypeSub
		})
		return m.Header.PID != own && !sub
	}
	return false
}

// Reinstate sets what is wanted and is not there, and says how much that was.
func (g *Guard) Reinstate() (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.homes) == 0 {
		return 0, nil
	}
	f, err := g.find()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, h := range g.homes {
		for _, u := range Purposes {
			if !h.Has(u) || u != ForSignalling && !h.active {
				continue
			}
			for _, p := range h.policies(h.number, u, g.end, h.careOf) {
				if f.hasPolicy(p) {
					continue
				}
				n++
				if err := g.conn.SetPolicy(p); err != nil {
					return n, err
				}
			}
			if h.Managed != nil {
				continue
			}
			for _, s := range h.associations(h.number, u, g.end, h.careOf) {
				if f.keepSA(s) {
					continue
				}
				n++
				if err := g.conn.setSA(s); err != nil {
					return n, err
				}
			}
		}
	}
	return n, nil
}
