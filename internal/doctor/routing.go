package doctor

// routing is what packets find their way by.
var routing = []Probe{
	{
		Key: "forwarding", Group: groupRouting, What: "the sysctl net.ipv6.conf.all.forwarding is set",
		Needs: []Need{
			{HomeAgent, Must, "no packet is forwarded to a mobile node"},
			{MobileNode, Should, "a mobile router forwards nothing for the network behind it"},
		},
		Get: Remedy{Option: "CONFIG_IPV6, CONFIG_SYSCTL", Also: "/proc/sys/net must be writable: in a container it often is not"},
	},
	{
		Key: "source_rules", Group: groupRouting, What: "rules by source address, and tables of their own",
		Needs: []Need{
			{MobileNode, Must, "nothing keeps packets of the home address from leaving untunnelled"},
			{HomeAgent, Should, "a mobile router can't be below another mobile router of the same home agent (docs/nemo.md)"},
		},
		Get: Remedy{Option: "CONFIG_IPV6_MULTIPLE_TABLES", Also: "it is no module: another kernel is needed. " + debian},
	},
	{
		Key: "route_protocol", Group: groupRouting, What: "routes and rules that keep the protocol number which marks them as ours",
		Needs: []Need{
			{HomeAgent, Must, "a restart or mip6d --cleanup would not know which routes are ours"},
			{MobileNode, Must, "a restart or mip6d --cleanup would not know which routes and rules are ours"},
		},
		Get: Remedy{
			Option: "CONFIG_IPV6_MULTIPLE_TABLES, CONFIG_IP_MULTIPLE_TABLES",
			Also:   "they are no modules: another kernel is needed, Linux 4.17 or later. " + debian,
		},
	},
	{
		Key: "route_protocol_name", Group: groupRouting, What: "iproute2 has a name for that number",
		Needs: []Need{
			{HomeAgent, May, "ip -6 route prints our routes with a number for their protocol"},
			{MobileNode, May, "ip -6 route prints our routes with a number for their protocol"},
		},
		Get: Remedy{Also: "install configs/rt_protos.d/mip6.conf into /etc/iproute2/rt_protos.d"},
	},
	{
		Key: "load_sharing", Group: groupRouting, What: "a route by two routers shares destinations between them (RFC 4311)",
		Needs: []Need{
			{HomeAgent, May, "traffic of a host with several default routers goes by one of them"},
			{MobileNode, May, "traffic of a host with several default routers goes by one of them"},
			{CorrespondentNode, May, "traffic of a host with several default routers goes by one of them"},
		},
		Get: Remedy{Option: "CONFIG_IPV6", Also: "Linux 4.16 or later for the sysctl fib_multipath_hash_policy"},
	},
	{
		Key: "multicast_routing", Group: groupRouting, What: "IPv6 multicast routing (MRT6_INIT)",
		Needs: []Need{
			{HomeAgent, May, "a multicast router can't run on the home agent"},
			{MobileNode, May, "a multicast router can't run on a mobile router"},
		},
		Get: Remedy{Option: "CONFIG_IPV6_MROUTE", Also: debian},
	},
}
