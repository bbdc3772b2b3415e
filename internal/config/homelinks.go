package config

import (
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

func (d *decoder) homeLink(l *HomeLink, path string, n *yaml.Node) {
	virtual, valid, preferred := false, Forever, unset
	l.NeighbourRate = defaultNeighbourRate
	d.mapping(path, n,
		optional("interface", d.ifName(&l.Interface)),
		optional("virtual", d.boolean(&virtual)),
		required("address", d.addr(&l.Address)),
		required("prefixes", d.homePrefixes(&l.Prefixes)),
		optional("valid_lifetime", d.wholeSeconds(&valid, minLifetime, maxValidLifetime)),
		optional("preferred_lifetime", d.wholeSeconds(&preferred, 0, maxValidLifetime)),
		optional("advertise", func(path string, n *yaml.Node) { d.advertise(&l.Advertise, path, n) }),
		optional("preference", integer(d, &l.Preference, 0, maxAgentPreference)),
		optional("neighbour_rate", integer(d, &l.NeighbourRate, 1, maxNeighbourRate)),
		optional("home_agent_lifetime", d.wholeSeconds(&l.HomeAgentLifetime, minRouterLifetime, maxHomeAgentLifetime)),
	)
	for i := range l.Prefixes {
		d.lifetimes(&l.Prefixes[i], fmt.Sprintf("%s.prefixes[%d]", path, i), valid, preferred)
	}
	advertise := join(path, "advertise")
	switch {
	case virtual && l.Advertise != nil:
		d.wrongf(advertise, "a virtual home link has nobody to advertise to: take one of them away")
	case !virtual && !d.has(advertise):
		l.Advertise = defaultAdvertise()
	}
	switch lifetime := join(path, "home_agent_lifetime"); {
	case !d.has(lifetime):
	case l.Advertise == nil:
		d.wrongf(lifetime, "goes with advertise, which is off: nobody would hear of it")
	case l.Advertise.Unsolicited && l.HomeAgentLifetime > 0 && l.HomeAgentLifetime < l.Advertise.MaxInterval:
		d.wrongf(lifetime, "%s ends before the next advertisement, after up to %s (max_interval): make it longer",
			seconds(l.HomeAgentLifetime), seconds(l.Advertise.MaxInterval))
	}
	switch given := d.has(join(path, "interface")); {
	case virtual && given:
		d.wrongf(join(path, "virtual"), "a virtual home link has no interface: take one of them away")
	case !virtual && !given:
		d.wrongf(path, "needs interface: the interface on the home link; or say virtual: true, for home addresses that are on no link")
	}
}

// unset is a lifetime that the file does not give.
const unset = time.Duration(-1)

// homePrefixes reads a list of prefixes, some of them sections with lifetimes of
// their own.
func (d *decoder) homePrefixes(dst *[]HomePrefix) reader {
	return func(path string, n *yaml.Node) {
		d.list(path, n, func(path string, n *yaml.Node) {
			p := HomePrefix{Valid: unset, Preferred: unset}
			if e := enter(n); e.Kind == yaml.MappingNode && !isUnquoted(e) {
				d.mapping(path, n,
					required("prefix", d.subnet(&p.Prefix)),
					optional("valid_lifetime", d.wholeSeconds(&p.Valid, minLifetime, maxValidLifetime)),
					optional("preferred_lifetime", d.wholeSeconds(&p.Preferred, 0, maxValidLifetime)),
				)
			} else {
				d.subnet(&p.Prefix)(path, n)
			}
			*dst = append(*dst, p)
		})
	}
}

// isUnquoted: 2001:db8:1:: without quotes is a mapping to YAML.
func isUnquoted(n *yaml.Node) bool {
	return len(n.Content) == 2 && strings.Contains(n.Content[0].Value, ":")
}

// lifetimes gives a prefix those of its link where it has none.
func (d *decoder) lifetimes(p *HomePrefix, path string, valid, preferred time.Duration) {
	given := p.Preferred != unset
	if p.Valid == unset {
		p.Valid = valid
	}
	if !given {
		p.Preferred = preferred
	}
	switch {
	case p.Preferred == unset:
		p.Preferred = p.Valid
	case p.Preferred > p.Valid && given:
		d.wrongf(join(path, "preferred_lifetime"), "%s is longer than the prefix is valid, %s", seconds(p.Preferred), seconds(p.Valid))
	case p.Preferred > p.Valid:
		p.Preferred = p.Valid
	}
}

// prefixAdvertisements reads on, off, or what differs from the defaults.
func (d *decoder) prefixAdvertisements(dst **PrefixAdvertisements, path string, n *yaml.Node) {
	a := &PrefixAdvertisements{MinInterval: defaultMinPrefixInterval, MaxInterval: defaultMaxPrefixInterval, Unsolicited: true}
	if enter(n).Kind != yaml.MappingNode {
		on := true
		if d.onOff(&on)(path, n); !on {
			a = nil
		}
		*dst = a
		return
	}
	d.mapping(path, n,
		optional("min_interval", d.duration(&a.MinInterval, minPrefixInterval, maxPrefixInterval)),
		optional("max_interval", d.duration(&a.MaxInterval, minPrefixInterval, maxPrefixInterval)),
		optional("unsolicited", d.onOff(&a.Unsolicited)),
	)
	if a.MinInterval > a.MaxInterval {
		d.wrongf(join(path, "min_interval"), "%s is more than max_interval, %s", seconds(a.MinInterval), seconds(a.MaxInterval))
	}
	*dst = a
}

// advertise reads on, off, or what differs from the defaults.
func (d *decoder) advertise(dst **Advertise, path string, n *yaml.Node) {
	a := defaultAdvertise()
	if e := enter(n); e.Kind != yaml.MappingNode {
		on := true
		if d.onOff(&on)(path, n); on {
			*dst = a
		}
		return
	}
	*dst = a
	d.mapping(path, n,
		optional("min_interval", d.duration(&a.MinInterval, minMinInterval, maxMinInterval)),
		optional("max_interval", d.duration(&a.MaxInterval, minMaxInterval, maxMaxInterval)),
		optional("router_lifetime", d.wholeSeconds(&a.RouterLifetime, minRouterLifetime, maxRouterLifetime)),
		optional("answer_delay", d.duration(&a.AnswerDelay, 0, defaultAnswerDelay)),
		optional("min_delay", d.duration(&a.MinDelay, 0, defaultMinDelay)),
		optional("unsolicited", d.onOff(&a.Unsolicited)),
		optional("interval_option", d.onOff(&a.IntervalOption)),
	)
	least := join(path, "min_interval")
	if !d.has(least) { // RFC 4861 §6.2.1, but for intervals as short as RFC 6275 §7.5 allows
		a.MinInterval = max(min(a.MinInterval, a.MaxInterval/3), minMinInterval)
	}
	if !d.has(join(path, "min_delay")) {
		a.MinDelay = min(a.MinDelay, a.MinInterval) // RFC 6275 §13
	}
	if a.MinInterval > a.MaxInterval {
		d.wrongf(least, "%s is more than max_interval, %s", seconds(a.MinInterval), seconds(a.MaxInterval))
	}
	if lifetime := join(path, "router_lifetime"); a.RouterLifetime < a.MaxInterval {
		if !d.has(lifetime) {
			lifetime = join(path, "max_interval")
		}
		d.wrongf(lifetime, "the router_lifetime of %s ends before the next advertisement, after up to %s (max_interval): make it longer",
			seconds(a.RouterLifetime), seconds(a.MaxInterval))
	}
}

func defaultAdvertise() *Advertise {
	return &Advertise{
		MinInterval: defaultMinInterval, MaxInterval: defaultMaxInterval,
		RouterLifetime: defaultRouterLifetime, AnswerDelay: defaultAnswerDelay, MinDelay: defaultMinDelay,
		Unsolicited: true, IntervalOption: true,
	}
}
