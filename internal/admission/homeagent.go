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

// Key is how a mobile node's messages show that they are its own: by a key of RFC 4285, or by
// the IPsec security association that they come in through (role.MessageIn's SA).
type Key struct {
	SPI uint32
	Key []byte // empty: none
	SA  uint32 // 0: none
}

// Keys finds the key of a home address; false: it is not configured. It is called on any goroutine.
type Keys func(home netip.Addr) (Key, bool)

// HomeAgent knows the mobile nodes of a home agent. Its methods may be called on any
// goroutine.
type HomeAgent struct {
	count func(role.Counter)

	mu    sync.Mutex
	keys  Keys
	open  bool // nobody need show anything who has no key
	nodes map[address]node
}

// address is a home address in as few octets as it has. There is one for each binding: without
// pointers the garbage collector passes over them.
type address [16]byte

// node is what is known of a home address.
type node struct {
	spent    budget
	sequence uint16
	bound    bool
}

// NewHomeAgent returns one that knows nobody. count is called from any goroutine.
func NewHomeAgent(count func(role.Counter)) *HomeAgent {
	return &HomeAgent{count: count, keys: func(netip.Addr) (Key, bool) { return Key{}, false }, nodes: make(map[address]node)}
}

// Configure says by what mobile nodes are known. keys always gives the same answers; open says that
// those without a key are believed (allow_unauthenticated).
func (h *HomeAgent) Configure(keys Keys, open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys, h.open = keys, open
	for home, n := range h.nodes {
		if _, configured := keys(netip.AddrFrom16(home)); !configured && !n.bound {
			delete(h.nodes, home)
		}
	}
}

// Registered says that a binding has come into force, was renewed or has moved.
func (h *HomeAgent) Registered(home netip.Addr, sequence uint16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[home.As16()]
	n.bound, n.sequence = true, sequence
	h.nodes[home.As16()] = n
}

// Ended says that a binding has ended. How much was sent is remembered of those who are
// configured, so that nobody gets a new budget by an end.
func (h *HomeAgent) Ended(home netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, there := h.nodes[home.As16()]
	if _, configured := h.keys(home); !configured {
		delete(h.nodes, home.As16())
	} else if there {
		n.bound = false
		h.nodes[home.As16()] = n
	}
}

// Classify is an engine.Classify. Known is a mobile node that renews, moves or ends its
// binding; one that begins with an authentic message is of no class, and so is what is no
// Mobility Header.
func (h *HomeAgent) Classify(now time.Time, ev role.Event) engine.Class {
	in, ok := ev.(role.MessageIn)
	if !ok {
		return engine.ClassOther
	}
	if len(in.Raw) < updateLen || mh.Type(in.Raw[2]) != mh.TypeBindingUpdate {
		return engine.ClassStranger
	}
	home := endpoint(in)
	h.mu.Lock()
	key, configured := h.keys(home)
	open := h.open
	n := h.nodes[home.As16()]
	h.mu.Unlock()
	switch {
	case !configured && !open, n.bound && !bce.Later(sequence(in.Raw), n.sequence), !key.fits(in, home, open):
		return engine.ClassStranger
	case !configured && !n.bound: // it may be anybody, so nothing is remembered of it
		return engine.ClassOther
	}
	return h.spend(now, home)
}

// spend takes an authentic message out of its mobile node's budget.
func (h *HomeAgent) spend(now time.Time, home netip.Addr) engine.Class {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[home.As16()]
	within := n.spent.spend(now)
	h.nodes[home.As16()] = n
	switch {
	case !within:
		h.count(role.CountOverBudget)
		return engine.ClassStranger
	case n.bound:
		return engine.ClassKnown
	}
	return engine.ClassOther
}

// fits says whether a Binding Update is authentic by a key (RFC 4285 §5.1).
func (k Key) fits(in role.MessageIn, home netip.Addr, open bool) bool {
	if k.SA != 0 && k.SA != in.SA {
		return false
	}
	if len(k.Key) == 0 {
		return k.SA != 0 || open
	}
	msg, err := mh.Parse(in.Raw)
	if err != nil {
		return false
	}
	bu, ok := msg.(*mh.BindingUpdate)
	if !ok {
		return false
	}
	careOf := in.Src
	if alt, ok := mh.Find[mh.AlternateCareOfAddress](bu.Options); ok && bu.Lifetime > 0 {
		careOf = alt.CareOf
	}
	for _, o := range bu.Options {
		if a, ok := o.(mh.MobilityMessageAuthentication); ok && a.Subtype == mh.SubtypeMNHA {
			covered := mh.Covered(in.Raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
			return a.SPI == k.SPI && rr.Equal(a.Authenticator, rr.MNHA(k.Key, careOf, home, covered))
		}
	}
	return false
}

// updateLen is that of a Binding Update without options, and of what must be there before
// there is something to look at.
const updateLen = 12

// sequence is a Binding Update's Sequence # (RFC 6275 §6.1.7).
func sequence(raw []byte) uint16 { return uint16(raw[6])<<8 | uint16(raw[7]) }

// endpoint is a message's sender: the home address where it has one.
func endpoint(in role.MessageIn) netip.Addr {
	if in.HomeAddress.IsValid() {
		return in.HomeAddress
	}
	return in.Src
}
