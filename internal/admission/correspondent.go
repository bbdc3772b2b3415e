package admission

import (
	"net/netip"
	"sync"
	"time"

	"mip6d/internal/bce"
	"mip6d/internal/engine"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Correspondent knows the mobile nodes that have a binding with a correspondent node. Its
// methods may be called on any goroutine.
type Correspondent struct {
	count func(role.Counter)

	mu      sync.Mutex
	nonces  rr.Nonces
	peers   map[role.Pair]peer
	careOfs map[netip.Addr]careOf
}

// peer is what is known of a home address with an address of ours.
type peer struct {
	updates, tests budget // Binding Updates, and Home Test Inits
	careOf         netip.Addr
	sequence       uint16
}

// careOf is a care-of address of bindings.
type careOf struct {
	tests    budget // Care-of Test Inits
	bindings int
}

// NewCorrespondent returns one that knows nobody. count is called from any goroutine.
func NewCorrespondent(count func(role.Counter)) *Correspondent {
	return &Correspondent{count: count, peers: make(map[role.Pair]peer), careOfs: make(map[netip.Addr]careOf)}
}

// Renewed hands over the nonces by which Binding Updates are authorized from now on.
func (c *Correspondent) Renewed(nonces rr.Nonces) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nonces = nonces
}

// Registered says that a binding has come into force, was renewed or has moved.
func (c *Correspondent) Registered(pair role.Pair, at netip.Addr, sequence uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[pair]
	if p.careOf != at {
		c.leave(p.careOf)
		x := c.careOfs[at]
		x.bindings++
		c.careOfs[at] = x
	}
	p.careOf, p.sequence = at, sequence
	c.peers[pair] = p
}

// Ended says that a binding has ended.
func (c *Correspondent) Ended(pair role.Pair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(c.peers[pair].careOf)
	delete(c.peers, pair)
}

func (c *Correspondent) leave(at netip.Addr) {
	x, there := c.careOfs[at]
	if x.bindings--; !there || x.bindings <= 0 {
		delete(c.careOfs, at)
		return
	}
	c.careOfs[at] = x
}

// Classify is an engine.Classify. Known are the Binding Updates of those who have a binding,
// and the test init messages from their addresses, which nothing authenticates.
func (c *Correspondent) Classify(now time.Time, ev role.Event) engine.Class {
	in, ok := ev.(role.MessageIn)
	if !ok {
		return engine.ClassOther
	}
	if len(in.Raw) < updateLen {
		return engine.ClassStranger
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch mh.Type(in.Raw[2]) {
	case mh.TypeHomeTestInit:
		pair := role.Pair{Local: in.Dst, Peer: in.Src}
		p, bound := c.peers[pair]
		if !bound || !p.tests.spend(now) {
			return engine.ClassStranger
		}
		c.peers[pair] = p
	case mh.TypeCareOfTestInit:
		x, known := c.careOfs[in.Src]
		if !known || !x.tests.spend(now) {
			return engine.ClassStranger
		}
		c.careOfs[in.Src] = x
	case mh.TypeBindingUpdate:
		return c.update(now, in)
	default:
		return engine.ClassStranger
	}
	return engine.ClassKnown
}

func (c *Correspondent) update(now time.Time, in role.MessageIn) engine.Class {
	pair := role.Pair{Local: in.Dst, Peer: endpoint(in)}
	if in.RoutingHome.IsValid() {
		pair.Local = in.RoutingHome
	}
	p, bound := c.peers[pair]
	switch {
	case bound && !bce.Later(sequence(in.Raw), p.sequence), !c.authorized(now, in, pair):
		return engine.ClassStranger
	case !bound:
		return engine.ClassOther
	}
	within := p.updates.spend(now)
	c.peers[pair] = p
	if !within {
		c.count(role.CountOverBudget)
		return engine.ClassStranger
	}
	return engine.ClassKnown
}

// authorized says whether a Binding Update is by return routability (RFC 6275 §5.2.6). In a
// deletion the authenticator may be over the home address, or where it was sent from.
func (c *Correspondent) authorized(now time.Time, in role.MessageIn, pair role.Pair) bool {
	msg, err := mh.Parse(in.Raw)
	if err != nil {
		return false
	}
	bu, ok := msg.(*mh.BindingUpdate)
	if !ok {
		return false
	}
	indices, hasIndices := mh.Find[mh.NonceIndices](bu.Options)
	auth, hasAuth := mh.Find[mh.BindingAuthorizationData](bu.Options)
	home, known := c.nonces.Find(now, indices.Home)
	if !hasIndices || !hasAuth || !known {
		return false
	}
	at := in.Src
	if alt, ok := mh.Find[mh.AlternateCareOfAddress](bu.Options); ok {
		at = alt.CareOf
	}
	covered := mh.Covered(in.Raw, mh.OptionBindingAuthorizationData, 0)
	fits := func(kbm [20]byte, careOf netip.Addr) bool {
		return rr.Equal(auth.Authenticator[:], rr.Authenticator(kbm[:], careOf, pair.Local, covered))
	}
	if bu.Lifetime == 0 {
		kbm := rr.KbmDelete(home.HomeToken(pair.Peer))
		return fits(kbm, pair.Peer) || fits(kbm, at)
	}
	nonce, known := c.nonces.Find(now, indices.CareOf)
	return known && fits(rr.Kbm(home.HomeToken(pair.Peer), nonce.CareOfToken(at)), at)
}
