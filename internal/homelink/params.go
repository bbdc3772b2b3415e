package homelink

import (
	"iter"
	"net/netip"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// Params is what the machine is told.
type Params struct {
	Links []Link

	// Routers says that mobile routers may register (RFC 3963 §7.3).
	Routers bool

	// Deliveries is nil where mobile nodes are told of prefixes by none of this.
	Deliveries *Deliveries

	// SA is the IPsec security association that a home address's solicitations must
	// have come in through (RFC 6275 §6.7), 0 for none; nil: none has any.
	SA func(home netip.Addr) uint32

	// Binding returns the home registration of a home address, Bindings all.
	Binding  func(home netip.Addr) (role.Binding, bool)
	Bindings func() iter.Seq[role.Binding]

	// MaxReplies bounds the answers to discovery in a second: anybody can ask in
	// anybody's name. 100.
	MaxReplies int
}

// Link is one home link.
type Link struct {
	Ifindex  int        // 0: virtual, with nobody on it
	LinkAddr []byte     // of the interface, for the advertisement
	Down     bool       // to begin with; role.LinkUp and role.LinkDown tell what follows
	Address  netip.Addr // the home agent's own
	Prefixes []Prefix

	Preference uint16        // among the home agents of the link; higher is better
	Lifetime   time.Duration // as a home agent, whole seconds, at most 65535 s; 0: RouterLifetime

	Advertise *Advertise // nil: another program advertises, or nobody
}

// Prefix is a subnet prefix of the link with the lifetimes that are advertised.
type Prefix struct {
	Prefix           netip.Prefix
	Valid, Preferred time.Duration // role.Infinite for without end
}

// Advertise says how Router Advertisements are sent (RFC 4861 §6.2.1, RFC 6275
// §7.5).
type Advertise struct {
	MinInterval, MaxInterval time.Duration
	RouterLifetime           time.Duration // whole seconds, 1 to 65535 s
	AnswerDelay              time.Duration // to solicitations, at random up to this
	Solicited                bool          // only when solicited
	NoInterval               bool          // leave the Advertisement Interval option out
	MinDelay                 time.Duration // between answers: MinDelayBetweenRas, of RFC 6275 §13
}

const (
	// RFC 4861 §10.
	maxInitialInterval = 16 * time.Second
	maxInitial         = 3

	// fastInterval and fastMargin: advertised intervals below this get so much
	// more, for what delays a packet (RFC 6275 §7.5).
	fastInterval = 200 * time.Millisecond
	fastMargin   = 20 * time.Millisecond

	// maxAgents and maxAddresses bound what neighbours can have us keep, of one
	// link and of one of them.
	maxAgents    = 64
	maxAddresses = 16

	// maxNotices is how much people are told of neighbours in a second.
	maxNotices = 5
)

func (p Params) withDefaults() Params {
	if p.MaxReplies <= 0 {
		p.MaxReplies = 100
	}
	return p
}

// lifetime is for how long we are a home agent, from each advertisement on.
func (l *Link) lifetime() time.Duration {
	switch {
	case l.Lifetime > 0:
		return l.Lifetime
	case l.Advertise != nil:
		return l.Advertise.RouterLifetime
	}
	return role.Infinite
}

// option is a prefix of ours, with our address where that is of it (RFC 6275
// §7.2).
func (l *Link) option(x Prefix) icmp6.PrefixInformation {
	p := icmp6.PrefixInformation{
		Length: uint8(x.Prefix.Bits()), OnLink: true, Autonomous: x.Prefix.Bits() == 64,
		Valid: x.Valid, Preferred: x.Preferred, Prefix: x.Prefix.Masked().Addr(),
	}
	if x.Prefix.Contains(l.Address) {
		p.RouterAddress, p.Prefix = true, l.Address
	}
	return p
}

// advertisement is our Router Advertisement: as a home agent, unless we leave.
func (l *Link) advertisement(routers, leaving bool) *icmp6.RouterAdvertisement {
	a := l.Advertise
	ra := &icmp6.RouterAdvertisement{CurHopLimit: 64, HomeAgent: !leaving, RouterLifetime: a.RouterLifetime}
	if len(l.LinkAddr) > 0 {
		ra.Options = append(ra.Options, icmp6.SourceLinkLayerAddress{LinkAddr: l.LinkAddr})
	}
	for _, x := range l.Prefixes {
		ra.Options = append(ra.Options, l.option(x))
	}
	interval := a.MaxInterval
	if interval < fastInterval {
		interval += fastMargin
	}
	if !a.NoInterval {
		ra.Options = append(ra.Options, icmp6.AdvertisementInterval{Interval: interval})
	}
	if leaving {
		return ra // §7.4: the option MUST NOT be where H is not
	}
	if l.Preference != 0 || routers || l.lifetime() != a.RouterLifetime {
		ra.Options = append(ra.Options, icmp6.HomeAgentInformation{Router: routers, Preference: l.Preference, Lifetime: l.lifetime()})
	}
	return ra
}
