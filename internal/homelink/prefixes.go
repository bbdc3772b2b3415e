package homelink

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

const (
	// maxPrefixes bounds what is kept of one neighbour, and what is told to mobile
	// nodes: that many options fit into the least IPv6 MTU, with an IPv6 header,
	// a type 2 routing header and the message's own.
	maxPrefixes = (1280 - 40 - 24 - 8) / 32

	// lifetimeTolerance is how much later or earlier a lifetime may seem to end
	// from one advertisement to the next, without being another one: packets are
	// delayed.
	lifetimeTolerance = 2 * time.Second

	// newsDelay gathers changes: mobile nodes are scheduled once for all of them.
	newsDelay = time.Second
)

// heard is a prefix as another home agent advertises it.
type heard struct {
	option           icmp6.PrefixInformation // of the latest advertisement
	valid, preferred time.Time               // until then
}

func (h *heard) prefix() netip.Prefix { return h.option.Masked() }

// hearPrefixes keeps what another home agent says of the link's prefixes
// (§10.6.1), and notes changes that mobile nodes are to hear of (§10.6.2).
func (m *Machine) hearPrefixes(l *link, a *agent, ra *icmp6.RouterAdvertisement) {
	var differs netip.Prefix
	for _, o := range ra.Options {
		p, ok := o.(icmp6.PrefixInformation)
		if !ok || p.Masked().Addr().IsLinkLocalUnicast() || p.Masked().Addr().IsMulticast() || p.Length == 0 {
			continue
		}
		next := heard{p, m.now.Add(p.Valid), m.now.Add(p.Preferred)}
		at := slices.IndexFunc(a.prefixes, func(h heard) bool { return h.prefix() == next.prefix() })
		own := slices.IndexFunc(l.Prefixes, func(x Prefix) bool { return x.Prefix == next.prefix() })
		switch {
		case at < 0 && (p.Valid == 0 || len(a.prefixes) >= maxPrefixes):
			continue
		case at < 0:
			if own < 0 && !l.advertised(next.prefix()) {
				m.news(l)
			}
			a.prefixes = append(a.prefixes, next)
		default:
			if own < 0 && changed(a.prefixes[at], next) {
				m.news(l)
			}
			a.prefixes[at] = next
		}
		if own >= 0 && (l.Prefixes[own].Valid != p.Valid || l.Prefixes[own].Preferred != p.Preferred) {
			differs = next.prefix()
		}
	}
	m.compare(l, a, differs)
}

// changed says whether a prefix is another than before, for any reason but that
// time goes on.
func changed(was, is heard) bool {
	flags := was.option.OnLink != is.option.OnLink || was.option.Autonomous != is.option.Autonomous
	return flags || moved(was.option.Valid, is.option.Valid, was.valid, is.valid) ||
		moved(was.option.Preferred, is.option.Preferred, was.preferred, is.preferred)
}

// moved: a lifetime is advertised either as the same time again or as the time
// that is left.
func moved(was, is time.Duration, end, newEnd time.Time) bool {
	return was != is && newEnd.Sub(end).Abs() > lifetimeTolerance
}

// compare tells people of a home agent that says something else about a prefix of
// ours than we do (RFC 4861 §6.2.7): a mobile node hears what its
// own home agent says.
func (m *Machine) compare(l *link, a *agent, differs netip.Prefix) {
	if differs.IsValid() && !a.differs && len(a.addresses) > 0 {
		m.notice(role.Notice{
			HA: a.addresses[0].Addr, Ifindex: l.Ifindex, Warn: true,
			Text: "another home agent advertises other lifetimes than ours for " + differs.String(),
		})
	}
	a.differs = differs.IsValid()
}

// advertised says whether another home agent advertises a prefix.
func (l *link) advertised(p netip.Prefix) bool {
	return slices.ContainsFunc(l.agents, func(a *agent) bool {
		return slices.ContainsFunc(a.prefixes, func(h heard) bool { return h.prefix() == p })
	})
}

// network returns the prefixes of the home link as mobile nodes are to hear of
// them: ours, and what only others advertise.
func (l *link) network(now time.Time) []icmp6.Option {
	var options []icmp6.Option
	told := map[netip.Prefix]bool{}
	for _, x := range l.Prefixes {
		told[x.Prefix] = true
		options = append(options, l.option(x))
	}
	for _, a := range l.agents {
		for _, h := range a.prefixes {
			if h.valid.After(now) && !told[h.prefix()] && len(options) < maxPrefixes {
				told[h.prefix()] = true
				p := h.option
				p.Flags, p.Reserved = 0, 0
				p.Valid, p.Preferred = left(h.valid, now), left(h.preferred, now)
				options = append(options, p)
			}
		}
	}
	return options
}

// left is what is left of a lifetime, in whole seconds.
func left(until, now time.Time) time.Duration {
	if d := until.Sub(now); d < icmp6.Infinite/2 {
		return max(d, 0).Truncate(time.Second)
	}
	return icmp6.Infinite
}

// preferred is for how long addresses of a prefix of ours are preferred.
func (l *link) preferred(home netip.Addr) time.Duration {
	for _, x := range l.Prefixes {
		if x.Prefix.Contains(home) {
			return x.Preferred
		}
	}
	return role.Infinite
}
