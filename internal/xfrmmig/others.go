package xfrmmig

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Moved is one policy of another program that was migrated, or would be.
type Moved struct {
	Policy    Policy
	Migration Migration
	SPIs      []uint32 // of the associations that move with it
}

// MigrateOthers moves the ESP tunnels of other programs that end at an address to
// another one: for other kinds of mobility, and for tunnels that nobody moves.
// Without a peer all must have the same. With dry it tells what it would do.
func (c *Conn) MigrateOthers(from, to, peer netip.Addr, dry bool) ([]Moved, error) {
	policies, err := c.Policies()
	if err != nil {
		return nil, err
	}
	used, err := c.SAs()
	if err != nil {
		return nil, err
	}
	var sas []SA
	for _, s := range used {
		sas = append(sas, s.SA)
	}
	list, err := planOthers(policies, sas, from, to, peer)
	if err != nil || dry {
		return list, err
	}
	var migrations []Migration
	for _, m := range list {
		migrations = append(migrations, m.Migration)
	}
	return list, c.Migrate(migrations)
}

// planOthers finds what is to be moved, and refuses what is not clear.
func planOthers(policies []Policy, sas []SA, from, to, peer netip.Addr) ([]Moved, error) {
	if from == to || to == peer || from == peer {
		return nil, fmt.Errorf("%s, %s and the peer %s are not three addresses", from, to, peer)
	}
	if to.IsUnspecified() || to.IsMulticast() {
		return nil, fmt.Errorf("%s is no address of a node", to)
	}
	var list []Moved
	var peers []string
	for _, p := range policies {
		at := slices.IndexFunc(p.Templates, func(t Template) bool {
			other, ok := t.otherEnd(from)
			return ok && (!peer.IsValid() || other == peer)
		})
		if !p.Main || at < 0 {
			continue
		}
		t := p.Templates[at]
		other, _ := t.otherEnd(from)
		switch {
		case isESPReqid(t.Reqid):
			return nil, fmt.Errorf("the tunnel %s → %s is mip6d's own, which moves it by itself", t.Src, t.Dst)
		case other == to:
			return nil, fmt.Errorf("%s is the other end of the tunnel %s → %s", to, t.Src, t.Dst)
		case len(p.Templates) > 1:
			return nil, fmt.Errorf("a policy for the tunnel %s → %s has %d transformations, which can't be moved by one address", t.Src, t.Dst, len(p.Templates))
		}
		if !slices.Contains(peers, other.String()) {
			peers = append(peers, other.String())
		}
		m := Moved{Policy: p, Migration: Migration{Mode: Tunnel,
			Selector: p.Selector, Dir: p.Dir, Reqid: t.Reqid, IfID: p.IfID, Old: Endpoints{t.Src, t.Dst}, New: Endpoints{t.Src, to},
		}}
		if t.Src == from {
			m.Migration.New = Endpoints{to, t.Dst}
		}
		for _, s := range sas {
			if s.Mode == Tunnel && s.Src == t.Src && s.Dst == t.Dst && (t.Reqid == 0 || s.Reqid == t.Reqid) {
				m.SPIs = append(m.SPIs, s.SPI)
			}
		}
		list = append(list, m)
	}
	switch {
	case len(list) == 0 && peer.IsValid():
		return nil, fmt.Errorf("no policy has an ESP tunnel between %s and %s", from, peer)
	case len(list) == 0:
		return nil, fmt.Errorf("no policy has an ESP tunnel that ends at %s", from)
	case len(peers) > 1:
		return nil, fmt.Errorf("%s has tunnels with %d peers: name one of %s", from, len(peers), strings.Join(peers, ", "))
	}
	return list, nil
}

// otherEnd is the end of an ESP tunnel that is not a.
func (t Template) otherEnd(a netip.Addr) (netip.Addr, bool) {
	switch {
	case t.Mode != Tunnel:
	case t.Src == a:
		return t.Dst, true
	case t.Dst == a:
		return t.Src, true
	}
	return netip.Addr{}, false
}

// Listing is what of IPsec is ours.
type Listing struct {
	Policies []Policy
	SAs      []UsedSA
	Homes    map[Number]netip.Addr
}

// List reads what is ours from the kernel.
func (g *Guard) List() (l Listing, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all, err := g.conn.Policies()
	if err != nil {
		return l, err
	}
	for _, p := range all {
		if p.Main && p.isOurs() {
			l.Policies = append(l.Policies, p)
		}
	}
	sas, err := g.conn.SAs()
	if err != nil {
		return l, err
	}
	for _, s := range sas {
		if isESPReqid(s.Reqid) {
			l.SAs = append(l.SAs, s)
		}
	}
	l.Homes = make(map[Number]netip.Addr)
	for a, h := range g.homes {
		l.Homes[h.number] = a
	}
	return l, nil
}

// HeaderBefore says whose a policy is that lets the extension header before ESP in.
func (l Listing) HeaderBefore(p Policy) (home netip.Addr, ok bool) {
	if !isHeaderBefore(p) {
		return home, false
	}
	for _, a := range l.Homes {
		if p.Selector.Src == host(a) || p.Selector.Dst == host(a) {
			home = a
		}
	}
	return home, true
}

// Of says whose a reqid is.
func (l Listing) Of(reqid uint32) (home netip.Addr, u Purpose) {
	n, u := numberOf(reqid)
	return l.Homes[n], u
}
