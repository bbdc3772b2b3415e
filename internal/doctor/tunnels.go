package doctor

var ip6tnl = Remedy{Option: "CONFIG_IPV6_TUNNEL", Module: "ip6_tunnel", Also: debian}

// tunnels carry packets between home agent and mobile node (RFC 6275 §10.4.5,
// RFC 2473).
var tunnels = []Probe{
	{
		Key: "external_tunnel", Group: groupTunnels, What: "an ip6tnl device that takes its end points from routes (external)",
		Needs: []Need{{HomeAgent, Must, "there is no tunnel to any mobile node"}},
		Get:   ip6tnl,
	},
	{
		Key: "encap_routes", Group: groupTunnels, What: "routes that encapsulate in IPv6 (encap ip6), by the external device",
		Needs: []Need{{HomeAgent, Must, "no binding can be put into force: each is such a route"}},
		Get:   Remedy{Option: "CONFIG_LWTUNNEL", Also: "it is no module: another kernel is needed. " + debian},
	},
	{
		Key: "tunnel", Group: groupTunnels, What: "an ip6tnl device between two addresses, whose local one is changed in place",
		Needs: []Need{{MobileNode, Must, "there is no tunnel to the home agent"}},
		Get:   ip6tnl,
	},
	{
		Key: "ipv4_in_tunnel", Group: groupTunnels, What: "IPv4 routes and rules into both kinds of tunnel",
		Needs: []Need{
			{HomeAgent, Should, "IPv4 home addresses (RFC 5555) can't be bound"},
			{MobileNode, Should, "an IPv4 home address (RFC 5555) can't be used"},
		},
		Get: Remedy{Option: "CONFIG_LWTUNNEL, CONFIG_IPV6_TUNNEL, CONFIG_IP_MULTIPLE_TABLES", Module: "ip6_tunnel", Also: debian},
	},
	{
		Key: "detour_pair", Group: groupTunnels, What: "a pair of veth devices",
		Needs: []Need{{HomeAgent, Should, "a mobile router can't be below another mobile router of the same home agent (docs/nemo.md)"}},
		Get:   Remedy{Option: "CONFIG_VETH", Module: "veth", Also: debian},
	},
	{
		Key: "sit", Group: groupTunnels, What: "sit devices: IPv6 in IPv4, and ISATAP",
		Needs: []Need{
			{HomeAgent, May, "no IPv6 in IPv4 tunnel (6in4) can serve as the way to the Internet"},
			{MobileNode, May, "a network with IPv4 only can't give a care-of address by 6in4 or ISATAP"},
		},
		Get: Remedy{Option: "CONFIG_IPV6_SIT", Module: "sit", Also: debian},
	},
}
