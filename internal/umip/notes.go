package umip

// What is not converted, why, and what to do instead. The texts stand in the
// output and in docs/from-umip.md.
const (
	noteInclude = "read in its place, relative patterns from the directory of the file that was named; what matches nothing is named in a comment"

	noteLogFile = "mip6d logs on standard error, which systemd keeps: journalctl -u mip6d"

	noteNonVolatile = "UMIP read it and did nothing with it: nothing to do"

	noteIfType = "an interface of another role than NodeConfig's is left out; mip6d plays one of home agent and mobile node, " +
		"and a correspondent node on all interfaces"

	noteTunnel = "mip6d learns its care-of address and router from router advertisements only; a tunnel that nobody advertises on is not used: " +
		"take its interface out of the list, or have its other end advertise"

	noteLinkUpDelay = "not needed: mip6d solicits routers at once and again after 250 ms, 750 ms and 2 s"

	noteIPv4CareOf = "IPv4 care-of addresses are not supported: the interface needs IPv6"

	noteAllInterfaces = "mip6d moves with the interfaces that are listed, which need not exist yet: name each in mobile_node.interfaces"

	noteDefaultAllow = "allow let everybody register who was not denied; mip6d serves those in mobile_nodes only"

	noteServedPrefix = "a home address must lie within a prefix of a home link. If mobile routers have home addresses of their mobile networks, " +
		"give the link that prefix, or add a link with virtual: true, an address of the home agent's own and that prefix; otherwise nothing to do"

	noteHomePrefix = "the home subnet is what the home address and its length say; a home address outside of HomePrefix cannot be told"

	noteAltCoa = "mip6d's Binding Updates to the home agent always have the Alternate Care-of Address option: nothing to do"

	noteCNLifetime = "mip6d asks correspondents for 420 s, or what is left of the home registration"

	noteCNAck = "mip6d always asks correspondents for an acknowledgement, as it uses a direct path only after it"

	noteTimeouts = "RFC 6275's times are built in: 1.5 s for the first registration, 1 s for others, 3 s for prefix solicitations, doubled at each repetition"

	noteInitDelay = "not needed: mip6d registers at the first interface that works and changes to a better one without a gap"

	noteProbes = "mip6d follows link events, router advertisements and the kernel's neighbour unreachability detection, " +
		"and solicits the old router where it is in doubt"

	noteParamProb = "mip6d takes such errors as hints: it tells the operator and goes on sending, so that a forged one does no harm"

	noteResetDHAAD = "mip6d looks for another home agent where one refuses or does not answer"

	noteFlush = "mip6d returns home in the order of RFC 6275 §11.5.5 and repeats its de-registration until it is answered"

	noteResends = "mip6d backs off to 32 s between repetitions; a home agent that was discovered and does not answer gives way to the next, " +
		"and a correspondent that does not is left alone for mobile_node.route_optimization.retry_after"

	noteOptimistic = "mip6d sends nothing through the new tunnel before the acknowledgement; care-of addresses are optimistic, so that this takes one round trip"

	noteNoReturn = "mip6d is at home wherever the home prefix is advertised on a listed interface: leave the interface to the home link out of " +
		"mobile_node.interfaces, if one does nothing else"

	noteLocalAddress = "mip6d's policy is by the peer's home address, whichever of our addresses is asked for: a deny for one of them becomes one for all, " +
		"an allow for one of them is not converted"

	noteIKE = "IPsec has static keys here, and so no IKE to tell of movements: the key of auth does not change"

	notePolicySet = "a home agent's own address and its mobile nodes are taken from it"

	notePolicySetMN = "a mobile node's are those of MnHomeLink already"

	noteIPsec = "keys of security associations are not converted. Binding Updates and Acknowledgements are protected by the key in auth (RFC 4285); " +
		"what goes through the tunnel is NOT encrypted, nor are return routability and prefix discovery: " +
		"where a policy asked for that, give both sides a section ipsec (docs/ipsec.md)"

	noteMovementModule = "movement detection is built in, as it was in UMIP, which did not read the value: nothing to do"

	notePolicyModule = "there are no modules: say the policy with home_agent.policies and route_optimization"

	noteIPv4 = "IPv4 goes in the tunnel where mobile_nodes[].ipv4_home_address or ipv4_pool has an address for the mobile node, and " +
		"homes[].ipv4_home_address asks for it; IPv4 care-of addresses are not supported"

	noteIPv4Home = "the home agent needs it as well, as mobile_nodes[].ipv4_home_address; IPv4 prefixes of a mobile network are not supported"

	noteAgentName = "mip6d wants the address: look the name up and give it as home_agent; without, the home agent is discovered"

	noteProxy = "mip6d plays no role of Proxy Mobile IPv6 (RFC 5213): keep that daemon for it"

	noteDefault = "mip6d does so without being told"

	noteReserved = "no option: UMIP knew the word and refused it everywhere"
)
