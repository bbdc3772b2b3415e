package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe says what a node is, for people who may not know YAML's words.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	case n.Tag == "!!int", n.Tag == "!!float":
		return "the number " + n.Value
	case n.Tag == "!!bool":
		return n.Value
	case len(n.Value) > maxShown:
		return strconv.Quote(n.Value[:maxShown]) + "…"
	default:
		return strconv.Quote(n.Value)
	}
}

// maxShown bounds how much of a wrong value a message repeats, in bytes.
const maxShown = 64

// scalar enters a node that must hold one value. want names what it should be.
func (d *decoder) scalar(path string, n *yaml.Node, want string) (*yaml.Node, bool) {
	n = enter(n)
	if d.describing(path, Value{Kind: Text, Want: strings.TrimSuffix(want, ",")}) {
		return n, false
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		hint := ""
		if n.Kind == yaml.MappingNode && len(n.Content) == 2 && isNull(n.Content[1]) {
			hint = ": what ends with a colon must be in quotes"
		}
		d.failf(path, n, "wants %s and is %s%s", want, describe(n), hint)
		return n, false
	}
	return n, true
}

// text reads a string. A number or true is refused, lest 010 or no surprise.
func (d *decoder) text(dst *string, want string) reader {
	return func(path string, n *yaml.Node) {
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		if n.Tag != "!!str" {
			d.failf(path, n, "wants %s and is %s: put it in quotes if that is meant", want, describe(n))
			return
		}
		if n.Value == "" {
			d.failf(path, n, "wants %s and is empty", want)
			return
		}
		*dst = n.Value
	}
}

// choice reads one of a few words.
func choice[T ~string](d *decoder, dst *T, values ...T) reader {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	want := names[0]
	if last := len(names) - 1; last > 0 {
		want = strings.Join(names[:last], ", ") + " or " + names[last]
	}
	return func(path string, n *yaml.Node) {
		if d.describing(path, Value{Kind: Choice, Words: names}) {
			return
		}
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		for _, v := range values {
			if n.Value == string(v) {
				*dst = v
				return
			}
		}
		d.failf(path, n, "wants %s and is %s", want, describe(n))
	}
}

func (d *decoder) boolean(dst *bool) reader {
	return func(path string, n *yaml.Node) {
		if d.describing(path, Value{Kind: Boolean}) {
			return
		}
		n, ok := d.scalar(path, n, "true or false")
		if !ok {
			return
		}
		if n.Tag != "!!bool" {
			d.failf(path, n, "wants true or false and is %s", describe(n))
			return
		}
		*dst = strings.EqualFold(n.Value, "true")
	}
}

// onOff reads a switch.
func (d *decoder) onOff(dst *bool) reader {
	return func(path string, n *yaml.Node) {
		if d.describing(path, Value{Kind: Switch}) {
			return
		}
		n, ok := d.scalar(path, n, "on or off")
		if !ok {
			return
		}
		switch strings.ToLower(n.Value) {
		case "on", "true":
			*dst = true
		case "off", "false":
			*dst = false
		default:
			d.failf(path, n, "wants on or off and is %s", describe(n))
		}
	}
}

// integer reads a whole number between least and most, both allowed.
func integer[T int | uint32](d *decoder, dst *T, least, most int64) reader {
	want := fmt.Sprintf("a whole number from %d to %d", least, most)
	return func(path string, n *yaml.Node) {
		if d.describing(path, Value{Kind: Number, Min: least, Max: most}) {
			return
		}
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		var v int64
		if n.Tag != "!!int" || n.Decode(&v) != nil {
			d.failf(path, n, "wants %s and is %s", want, describe(n))
			return
		}
		if v < least || v > most {
			d.failf(path, n, "is %s, out of range: wants %s", n.Value, want)
			return
		}
		*dst = T(v)
	}
}

// duration reads a time with its unit, such as 420s or 1h30m.
func (d *decoder) duration(dst *time.Duration, least, most time.Duration) reader {
	return func(path string, n *yaml.Node) {
		const want = "a time with its unit, such as 420s or 1h"
		if d.describing(path, Value{Kind: Duration, From: least, To: most}) {
			return
		}
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		v, err := time.ParseDuration(n.Value)
		if err != nil {
			hint := ""
			if n.Tag == "!!int" {
				hint = fmt.Sprintf(": %ss if seconds are meant", n.Value)
			}
			d.failf(path, n, "wants %s, and is %s%s", want, describe(n), hint)
			return
		}
		if v < least || v > most {
			d.failf(path, n, "is %s, out of range: wants a time from %s to %s", n.Value, seconds(least), seconds(most))
			return
		}
		*dst = v
	}
}

// wholeSeconds reads a time that goes into a message in seconds.
func (d *decoder) wholeSeconds(dst *time.Duration, least, most time.Duration) reader {
	return func(path string, n *yaml.Node) {
		v := *dst
		d.duration(&v, least, most)(path, n)
		if v%time.Second != 0 && v != *dst {
			d.failf(path, n, "is %s: wants whole seconds", seconds(v))
			return
		}
		*dst = v
	}
}

func seconds(t time.Duration) string {
	return strconv.FormatFloat(t.Seconds(), 'f', -1, 64) + "s"
}

// addr reads a unicast IPv6 address that can be used beyond its link.
func (d *decoder) addr(dst *netip.Addr) reader {
	return func(path string, n *yaml.Node) {
		const want = "an IPv6 address"
		if d.describing(path, Value{Kind: Text, Want: want, Format: "ipv6"}) {
			return
		}
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		a, err := netip.ParseAddr(n.Value)
		if err != nil {
			hint := ""
			if _, err := netip.ParsePrefix(n.Value); err == nil {
				hint = ": leave out the prefix length"
			}
			d.failf(path, n, "wants %s and is %s%s", want, describe(n), hint)
			return
		}
		if why := unusable(a); why != "" {
			d.failf(path, n, "%s is %s: wants a global or unique local unicast IPv6 address", a, why)
			return
		}
		*dst = a
	}
}

// addrWithLength reads an address with its subnet's prefix length.
func (d *decoder) addrWithLength(dst *netip.Prefix) reader {
	return func(path string, n *yaml.Node) {
		const want = "an IPv6 address with its home subnet's prefix length, such as 2001:db8:1::100/64,"
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		p, err := netip.ParsePrefix(n.Value)
		if err != nil {
			hint := ""
			if _, err := netip.ParseAddr(n.Value); err == nil {
				hint = ": add the length, mostly /64"
			}
			d.failf(path, n, "wants %s and is %s%s", want, describe(n), hint)
			return
		}
		if why := unusable(p.Addr()); why != "" {
			d.failf(path, n, "%s is %s: wants a global or unique local unicast IPv6 address", p.Addr(), why)
			return
		}
		if p.Bits() < minPrefix {
			d.failf(path, n, "has a prefix length of %d: wants %d to 128, mostly 64", p.Bits(), minPrefix)
			return
		}
		if p.Bits() < 127 && p.Addr() == p.Masked().Addr() {
			d.failf(path, n, "%s is the subnet's router anycast address (RFC 4291 §2.6.1), not a host's: give the host's own", p.Addr())
			return
		}
		*dst = p
	}
}

// minPrefix is the shortest subnet prefix taken: below are whole registries.
const minPrefix = 16

// subnet reads a subnet prefix without host bits.
func (d *decoder) subnet(dst *netip.Prefix) reader {
	return func(path string, n *yaml.Node) {
		const want = "an IPv6 subnet prefix, such as 2001:db8:1::/64,"
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		p, err := netip.ParsePrefix(n.Value)
		switch {
		case err != nil:
			d.failf(path, n, "wants %s and is %s", want, describe(n))
		case p.Addr().Is4() || p.Addr().Is4In6():
			d.failf(path, n, "%s is IPv4: wants %s", p, strings.TrimSuffix(want, ","))
		case p.Bits() < minPrefix || p.Bits() > 127:
			d.failf(path, n, "has a length of %d: wants %d to 127, mostly 64", p.Bits(), minPrefix)
		case p != p.Masked():
			d.failf(path, n, "%s has bits beyond its length: write %s", p, p.Masked())
		case p.Addr().IsMulticast() || p.Addr().IsLinkLocalUnicast():
			d.failf(path, n, "%s holds no global addresses: wants a global or unique local prefix", p)
		default:
			*dst = p
		}
	}
}

// hosts reads a prefix of any length, or an address, which stands for itself.
func (d *decoder) hosts(dst *netip.Prefix) reader {
	return func(path string, n *yaml.Node) {
		const want = "an IPv6 prefix or address, such as 2001:db8:c::/48 or 2001:db8:c::1,"
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		p, err := netip.ParsePrefix(n.Value)
		if a, e := netip.ParseAddr(n.Value); e == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil:
			d.failf(path, n, "wants %s and is %s", want, describe(n))
		case p.Addr().Is4() || p.Addr().Is4In6():
			d.failf(path, n, "%s is IPv4: wants %s", p, strings.TrimSuffix(want, ","))
		case p != p.Masked():
			d.failf(path, n, "%s has bits beyond its length: write %s", p, p.Masked())
		default:
			*dst = p
		}
	}
}

// unusable says why an address cannot be a home address, a home agent's or
// any other by which a peer is reached; empty if it can.
func unusable(a netip.Addr) string {
	switch {
	case a.Is4() || a.Is4In6():
		return "IPv4"
	case a.Zone() != "":
		return "bound to the interface " + a.Zone()
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsLoopback():
		return "the loopback address"
	case a.IsMulticast():
		return "multicast"
	case a.IsLinkLocalUnicast():
		return "link-local"
	}
	return ""
}

// ifName reads the name of a network interface.
func (d *decoder) ifName(dst *string) reader {
	return func(path string, n *yaml.Node) {
		const want = "an interface's name"
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		if why := badIfName(n.Value); why != "" {
			d.failf(path, n, "%s is no interface's name: %s", describe(n), why)
			return
		}
		*dst = n.Value
	}
}

// badIfName says what the kernel would not take in an interface's name.
func badIfName(s string) string {
	switch {
	case s == "" || len(s) > maxIfName:
		return fmt.Sprintf("it has %d bytes, and 1 to %d are possible", len(s), maxIfName)
	case s == "." || s == "..":
		return "it is a directory's"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '/' || r == ':' || r == 0x7f }):
		return "it has a blank, a slash, a colon or a control character"
	}
	return ""
}

// absolute reads a file's name from the root on.
func (d *decoder) absolute(dst *string) reader {
	return func(path string, n *yaml.Node) {
		var s string
		d.text(&s, "a path")(path, n)
		if s == "" {
			return
		}
		if !strings.HasPrefix(s, "/") {
			d.wrongf(path, "%q is relative, and a daemon's working directory is not yours: begin it with /", s)
			return
		}
		*dst = s
	}
}
