package decode

import (
	"time"

	"mip6d/internal/icmp6"
)

// ndOption is one neighbour discovery option. Length is in units of eight octets,
// as on the wire.
func ndOption(o icmp6.Option) Fields {
	f := Fields{{"type", uint8(o.OptionType())}, {"name", o.OptionType().String()}}
	length := func(octets int) { f = append(f, Field{"length", octets / 8}) }
	switch o := o.(type) {
	case icmp6.SourceLinkLayerAddress:
		length(2 + len(o.LinkAddr))
		return append(f, Field{"link_layer_address", linkAddress(o.LinkAddr)})
	case icmp6.TargetLinkLayerAddress:
		length(2 + len(o.LinkAddr))
		return append(f, Field{"link_layer_address", linkAddress(o.LinkAddr)})
	case icmp6.PrefixInformation:
		length(32)
		return append(f, Fields{
			{"prefix_length", o.Length},
			{"on_link", o.OnLink},
			{"autonomous_address_configuration", o.Autonomous},
			{"router_address", o.RouterAddress},
			{"reserved1", o.Flags},
			{"valid_lifetime", lifetime32(o.Valid)},
			{"preferred_lifetime", lifetime32(o.Preferred)},
			{"reserved2", o.Reserved},
			{"prefix", o.Prefix},
		}...)
	case icmp6.MTU:
		length(8)
		return append(f, Fields{{"reserved", o.Reserved}, {"mtu", o.MTU}}...)
	case icmp6.AdvertisementInterval:
		length(8)
		return append(f, Fields{
			{"reserved", o.Reserved}, {"advertisement_interval", int64(o.Interval / time.Millisecond)},
		}...)
	case icmp6.HomeAgentInformation:
		length(8)
		return append(f, Fields{
			{"mobile_router_support", o.Router},
			{"reserved", o.Reserved},
			{"home_agent_preference", o.Preference},
			{"home_agent_lifetime", int64(o.Lifetime / time.Second)},
		}...)
	case icmp6.UnknownOption:
		length(2 + len(o.Data))
		return append(f, Field{"data", octets(o.Data)})
	}
	return f
}

// lifetime32 is a prefix lifetime in seconds as on the wire, where all ones is
// without end.
func lifetime32(d time.Duration) int64 {
	if d == icmp6.Infinite {
		return 0xffffffff
	}
	return int64(d / time.Second)
}

// linkAddress writes octets with colons between them.
func linkAddress(b []byte) string {
	s := octets(b)
	out := make([]byte, 0, len(b)*3)
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, s[i], s[i+1])
	}
	return string(out)
}
