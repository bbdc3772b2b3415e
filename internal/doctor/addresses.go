package doctor

var ipv6 = Remedy{Option: "CONFIG_IPV6", Also: "every kernel with IPv6 has it; a newer one may be needed"}

// addresses is about addresses on interfaces, and who answers for them.
var addresses = []Probe{
	{
		Key: "home_address_flag", Group: groupAddresses, What: "an address with the flag HOMEADDRESS",
		Needs: []Need{{MobileNode, Must, "the kernel drops type 2 routing headers: it takes them for home addresses only"}},
		Get:   ipv6,
	},
	{
		Key: "nodad_flag", Group: groupAddresses, What: "an address with the flag NODAD, usable at once",
		Needs: []Need{{MobileNode, Must, "home addresses on the tunnel wait for a duplicate address detection that nobody can answer"}},
		Get:   ipv6,
	},
	{
		Key: "optimistic_dad", Group: groupAddresses, What: "an address with the flag OPTIMISTIC, used during duplicate address detection (RFC 4429)",
		Needs: []Need{{MobileNode, Should, "each care-of address waits for its duplicate address detection: a handover takes a second or two longer"}},
		Get:   Remedy{Option: "CONFIG_IPV6_OPTIMISTIC_DAD", Also: "it is no module: another kernel is needed. " + debian},
	},
	{
		Key: "address_protocol", Group: groupAddresses, What: "an address that keeps the protocol which has put it there",
		Needs: []Need{{MobileNode, Should, "after a restart mip6d does not know the care-of addresses of the run before; they stay until they expire"}},
		Get:   Remedy{Option: "CONFIG_IPV6", Also: "Linux 5.18 or later"},
	},
	{
		Key: "packet_sockets", Group: groupAddresses, What: "packet sockets with a filter: proxy neighbour discovery as mip6d does it, and its announcements",
		Needs: []Need{
			{HomeAgent, Must, "home addresses can't be defended on the home link (RFC 6275 §10.4.1)"},
			{MobileNode, Must, "the home link can't be told that the home address is back (RFC 6275 §11.5.5)"},
		},
		Get: Remedy{Option: "CONFIG_PACKET", Module: "af_packet", Also: "they need CAP_NET_RAW"},
	},
	{
		Key: "kernel_proxy_nd", Group: groupAddresses, What: "proxy neighbour discovery of the kernel's own (proxy_ndp)",
		Needs: []Need{{HomeAgent, May, "mip6d answers by itself and has no use for it"}},
		Get:   ipv6,
	},
	{
		Key: "address_labels", Group: groupAddresses, What: "labels of the address selection policy table (RFC 6724)",
		Needs: []Need{{MobileNode, May, "an administrator can't say for which destinations the home address is preferred"}},
		Get:   ipv6,
	},
}
