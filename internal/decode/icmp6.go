package decode

import (
	"time"

	"mip6d/internal/icmp6"
)

// icmp6 takes an ICMPv6 message apart.
func (p *path) icmp6(b []byte) (Fields, error) {
	m, err := icmp6.Parse(b)
	if err != nil {
		return nil, err
	}
	h := m.Base()
	f := Fields{
		{"kind", ICMP6},
		{"type", uint8(m.Type())},
		{"type_name", m.Type().String()},
		{"code", h.Code},
		{"checksum", h.Checksum},
	}
	if p.known() {
		f = append(f, Field{"checksum_ok", icmp6.ChecksumOK(b, p.src, p.dst)})
	}
	switch m := m.(type) {
	case *icmp6.DestinationUnreachable:
		return append(f, Fields{{"unused", m.Unused}, p.invoking(m.Packet)}...), nil
	case *icmp6.PacketTooBig:
		return append(f, Fields{{"mtu", m.MTU}, p.invoking(m.Packet)}...), nil
	case *icmp6.TimeExceeded:
		return append(f, Fields{{"unused", m.Unused}, p.invoking(m.Packet)}...), nil
	case *icmp6.ParameterProblem:
		return append(f, Fields{{"pointer", m.Pointer}, p.invoking(m.Packet)}...), nil
	case *icmp6.HomeAgentDiscoveryReply:
		addresses := make([]string, len(m.HomeAgents))
		for i, a := range m.HomeAgents {
			addresses[i] = a.String()
		}
		return append(f, Fields{
			{"identifier", m.Identifier}, {"mobile_router_support", m.Router}, {"reserved", m.Flags},
			{"home_agent_addresses", addresses},
		}...), nil
	}
	f = append(f, icmp6Body(m)...)
	options := make([]Fields, len(h.Options))
	for i, o := range h.Options {
		options[i] = ndOption(o)
	}
	return append(f, Field{"options", options}), nil
}

// icmp6Body is the fixed part of a message with options.
func icmp6Body(m icmp6.Message) Fields {
	switch m := m.(type) {
	case *icmp6.RouterSolicitation:
		return Fields{{"reserved", m.Reserved}}
	case *icmp6.RouterAdvertisement:
		return Fields{
			{"cur_hop_limit", m.CurHopLimit},
			{"managed_address_configuration", m.Managed},
			{"other_configuration", m.Other},
			{"home_agent", m.HomeAgent},
			{"default_router_preference", preferences[m.Preference&3]},
			{"reserved", m.Flags},
			{"router_lifetime", int64(m.RouterLifetime / time.Second)},
			{"reachable_time", int64(m.ReachableTime / time.Millisecond)},
			{"retrans_timer", int64(m.RetransTimer / time.Millisecond)},
		}
	case *icmp6.NeighborSolicitation:
		return Fields{{"reserved", m.Reserved}, {"target_address", m.Target}}
	case *icmp6.NeighborAdvertisement:
		return Fields{
			{"router", m.Router}, {"solicited", m.Solicited}, {"override", m.Override},
			{"reserved", m.Reserved}, {"target_address", m.Target},
		}
	case *icmp6.HomeAgentDiscoveryRequest:
		return Fields{{"identifier", m.Identifier}, {"mobile_router_support", m.Router}, {"reserved", m.Flags}}
	case *icmp6.MobilePrefixSolicitation:
		return Fields{{"identifier", m.Identifier}, {"reserved", m.Reserved}}
	case *icmp6.MobilePrefixAdvertisement:
		return Fields{
			{"identifier", m.Identifier},
			{"managed_address_configuration", m.Managed},
			{"other_stateful_configuration", m.Other},
			{"reserved", m.Flags},
		}
	}
	return nil
}

// preferences are the values of Prf (RFC 4191 §2.2).
var preferences = [4]string{"medium", "high", "reserved", "low"}

// invoking is the packet that an error message is about: taken apart where that
// is possible, for it is often cut off.
func (p *path) invoking(b []byte) Field {
	inner := path{depth: p.depth + 1}
	if f, err := inner.packet(b); err == nil {
		return Field{"invoking_packet", f}
	}
	return Field{"invoking_packet_hex", octets(b)}
}
