package umip

import "strings"

// place is where an option stands.
type place int

const (
	atTop place = iota
	inInterface
	inHomeLink
	inPolicySet
	inProxy
)

func (p place) String() string {
	return [...]string{"at top level", "in Interface", "in MnHomeLink", "in IPsecPolicySet", "in ProxyMipLma or ProxyMipMag"}[p]
}

// Roles are who reads an option.
type Roles uint8

// The roles of a configuration, and the two of Proxy Mobile IPv6.
const (
	HomeAgent Roles = 1 << iota
	MobileNode
	CorrespondentNode
	proxyRole

	anyRole = HomeAgent | MobileNode | CorrespondentNode
	haAndMN = HomeAgent | MobileNode
)

// name is what one role is called.
func (r Roles) name() string {
	switch r {
	case HomeAgent:
		return "home agent"
	case MobileNode:
		return "mobile node"
	case CorrespondentNode:
		return "correspondent node"
	}
	return "Proxy Mobile IPv6 agent"
}

// entities are the values of NodeConfig and IfType.
var entities = map[string]Roles{"HA": HomeAgent, "MN": MobileNode, "CN": CorrespondentNode, "LMA": proxyRole, "MAG": proxyRole}

// truths are the words for yes and no.
var truths = map[string]bool{
	"enabled": true, "allow": true, "true": true,
	"disabled": false, "deny": false, "block": false, "false": false,
}

// Keyword is an option of the old format and what becomes of it.
type Keyword struct {
	Name  string
	in    place
	form  form  // what follows it
	roles Roles // who read it

	max    uint32 // of a number; 0: no limit of its own
	secret bool   // its value is not repeated

	// Ours is the key, or keys, that it becomes; empty if there is none.
	Ours string

	// Remark says what differs; without Ours, why there is none and what to do
	// instead. It stands in the output beside what is not converted.
	Remark string
}

// Keywords is the whole list, in the order of the documentation.
var Keywords = []Keyword{
	{Name: "NodeConfig", form: formEntity, roles: anyRole, Ours: "a section for the role",
		Remark: "without it UMIP was a correspondent node, unless it was started with -H or -M; `--role` says that here"},
	{Name: wordInclude, form: formInclude, roles: anyRole, Ours: "what the files hold", Remark: noteInclude},
	{Name: "DebugLevel", form: formNumber, roles: anyRole, Ours: "log.level", Remark: "0 is `info`, more is `debug`"},
	{Name: "DebugLogFile", form: formString, roles: anyRole, Remark: noteLogFile},
	{Name: "NonVolatileBindingCache", form: formBool, roles: anyRole, Remark: noteNonVolatile},

	// Interfaces.
	{Name: "Interface", form: formInterface, roles: haAndMN, Ours: "home_agent.links[].interface, mobile_node.interfaces[].name",
		Remark: "a correspondent node works on all interfaces"},
	{Name: "IfType", in: inInterface, form: formEntity, roles: haAndMN, Ours: "whether the interface is listed", Remark: noteIfType},
	{Name: "MnIfPreference", in: inInterface, form: formNumber, roles: MobileNode, max: 65535, Ours: "mobile_node.interfaces[].preference",
		Remark: "lower is better in both; 0 meant: not used; UMIP's default of 10 is written out, as ours is 100"},
	{Name: "Tunnel", in: inInterface, form: formBool, roles: anyRole, Remark: noteTunnel},
	{Name: "LinkUpDelay", in: inInterface, form: formNumber, roles: MobileNode, Remark: noteLinkUpDelay},
	{Name: "UseDhcp", in: inInterface, form: formBool, roles: MobileNode, Remark: noteIPv4CareOf},
	{Name: "MnUseAllInterfaces", form: formBool, roles: MobileNode, Remark: noteAllInterfaces},

	// Home agent.
	{Name: "HaMaxBindingLife", form: formNumber, roles: HomeAgent, max: maxLifetime, Ours: "home_agent.max_lifetime",
		Remark: "UMIP's default of 262140 s is written out, as ours is 1 h"},
	{Name: "SendMobPfxAdvs", form: formBool, roles: HomeAgent, Ours: "home_agent.prefix_advertisements"},
	{Name: "SendUnsolMobPfxAdvs", form: formBool, roles: HomeAgent, Ours: "home_agent.prefix_advertisements.unsolicited"},
	{Name: "MinMobPfxAdvInterval", form: formNumber, roles: HomeAgent, Ours: "home_agent.prefix_advertisements.min_interval"},
	{Name: "MaxMobPfxAdvInterval", form: formNumber, roles: HomeAgent, Ours: "home_agent.prefix_advertisements.max_interval"},
	{Name: "BindingAclPolicy", form: formAcl, roles: HomeAgent, Ours: "home_agent.mobile_nodes, home_agent.policies",
		Remark: "allow: an entry in `mobile_nodes`, with the mobile network's prefixes; deny: a policy"},
	{Name: "DefaultBindingAclPolicy", form: formVerdict, roles: HomeAgent, Ours: "home_agent.policy_default", Remark: noteDefaultAllow},
	{Name: "HaAcceptMobRtr", form: formBool, roles: HomeAgent, Ours: "home_agent.mobile_nodes[].prefixes",
		Remark: "disabled, UMIP's default: prefixes of BindingAclPolicy become comments"},
	{Name: "HaServedPrefix", form: formPrefix, roles: HomeAgent, Remark: noteServedPrefix},

	// Mobile node.
	{Name: "MnHomeLink", form: formHomeLink, roles: MobileNode, Ours: "mobile_node.homes[]",
		Remark: "the interface is listed in `interfaces` if no Interface names any"},
	{Name: "HomeAddress", in: inHomeLink, form: formHome, roles: MobileNode, Ours: "mobile_node.homes[].home_address, …mobile_network.prefixes"},
	{Name: "HomeAgentAddress", in: inHomeLink, form: formAddress, roles: MobileNode, Ours: "mobile_node.homes[].home_agent",
		Remark: "`::`: left out; the home agent is discovered"},
	{Name: "HomePrefix", in: inHomeLink, form: formPrefix, roles: MobileNode, Ours: "the length of mobile_node.homes[].home_address", Remark: noteHomePrefix},
	{Name: "UseAltCoa", in: inHomeLink, form: formBool, roles: MobileNode, Remark: noteAltCoa},
	{Name: "MnRoPolicy", in: inHomeLink, form: formRoPolicy, roles: MobileNode, Ours: "mobile_node.route_optimization.allow, …deny, …default",
		Remark: "ours is for all home addresses at once"},
	{Name: "IsMobRtr", in: inHomeLink, form: formBool, roles: MobileNode, Ours: "mobile_node.homes[].mobile_network"},
	{Name: "MobRtrUseExplicitMode", form: formBool, roles: MobileNode, Ours: "mobile_node.homes[].mobile_network.mode"},
	{Name: "MnMaxHaBindingLife", form: formNumber, roles: MobileNode, max: maxLifetime, Ours: "mobile_node.homes[].lifetime",
		Remark: "UMIP's default of 262140 s is written out, as ours is 420 s"},
	{Name: "MnMaxCnBindingLife", form: formNumber, roles: MobileNode, max: maxRRLifetime, Remark: noteCNLifetime},
	{Name: "DoRouteOptimizationMN", form: formBool, roles: MobileNode, Ours: "mobile_node.route_optimization.default"},
	{Name: "UseCnBuAck", form: formBool, roles: MobileNode, Remark: noteCNAck},
	{Name: "SendMobPfxSols", form: formBool, roles: MobileNode, Ours: "mobile_node.homes[].renumber",
		Remark: "disabled: `off`; the home agent is asked for its prefixes all the same, but not followed to another"},
	{Name: "InitialBindackTimeoutFirstReg", form: formDecimal, roles: MobileNode, Remark: noteTimeouts},
	{Name: "InitialBindackTimeoutReReg", form: formDecimal, roles: MobileNode, Remark: noteTimeouts},
	{Name: "InitialSolicitTimer", form: formDecimal, roles: MobileNode, Remark: noteTimeouts},
	{Name: "InterfaceInitialInitDelay", form: formDecimal, roles: MobileNode, Remark: noteInitDelay},
	{Name: "MnRouterProbes", form: formNumber, roles: MobileNode, Remark: noteProbes},
	{Name: "MnRouterProbeTimeout", form: formDecimal, roles: MobileNode, Remark: noteProbes},
	{Name: "MnDiscardHaParamProb", form: formBool, roles: MobileNode, Remark: noteParamProb},
	{Name: "MnResetDhaadAtHome", form: formBool, roles: MobileNode, Remark: noteResetDHAAD},
	{Name: "MnFlushAllAtHome", form: formBool, roles: MobileNode, Remark: noteFlush},
	{Name: "MnMaxHaConsecutiveResends", form: formNumber, roles: MobileNode, Remark: noteResends},
	{Name: "MnMaxCnConsecutiveResends", form: formNumber, roles: MobileNode, Remark: noteResends},
	{Name: "OptimisticHandoff", form: formBool, roles: MobileNode, Remark: noteOptimistic},
	{Name: "NoHomeReturn", form: formBool, roles: MobileNode, Remark: noteNoReturn},

	// Correspondents.
	{Name: "DoRouteOptimizationCN", form: formBool, roles: anyRole, Ours: "correspondent_node, …route_optimization.default",
		Remark: "every UMIP was a correspondent node as well: a home agent or mobile node gets that section, too, unless disabled"},
	{Name: "CnBindingPolicySet", form: formCNPolicies, roles: anyRole, Ours: "correspondent_node.route_optimization.allow, …deny", Remark: noteLocalAddress},

	// IPsec.
	{Name: "UseMnHaIPsec", form: formBool, roles: haAndMN, Ours: "home_agent.mobile_nodes[].auth, mobile_node.homes[].auth",
		Remark: "a key that both sides share (RFC 4285) protects the registration, whatever was said here; see above"},
	{Name: "KeyMngMobCapability", form: formBool, roles: haAndMN, Remark: noteIKE},
	{Name: "TunnelPayloadForceSANego", form: formBool, roles: haAndMN, Remark: noteIKE},
	{Name: "IPsecPolicySet", form: formPolicySet, roles: haAndMN, Ours: "what its addresses tell", Remark: notePolicySet},
	{Name: "HomeAgentAddress", in: inPolicySet, form: formAddress, roles: haAndMN, Ours: "home_agent.links[].address", Remark: notePolicySetMN},
	{Name: "HomeAddress", in: inPolicySet, form: formPrefix, roles: haAndMN, Ours: "home_agent.mobile_nodes[].home_address, …links[].prefixes", Remark: notePolicySetMN},
	{Name: "IPsecPolicy", in: inPolicySet, form: formIPsecPolicy, roles: haAndMN, Remark: noteIPsec},

	// Modules.
	{Name: "UseMovementModule", form: formModule, roles: anyRole, Remark: noteMovementModule},
	{Name: "UsePolicyModule", form: formString, roles: anyRole, Remark: notePolicyModule},

	// Dual stack (the DSMIPv6 branch).
	{Name: "MnUseDsmip6", form: formBool, roles: MobileNode, Remark: noteIPv4},
	{Name: "MnSupportIPv4Traffic", form: formBool, roles: MobileNode, Remark: noteIPv4},
	{Name: "HaAcceptDsmip6", form: formBool, roles: HomeAgent, Remark: noteIPv4},
	{Name: "HaAcceptIPv4Traffic", form: formHome4, roles: HomeAgent, Remark: noteIPv4},
	{Name: "HomeAgentV4Address", form: formAddress4, roles: HomeAgent, Remark: noteIPv4},
	{Name: "HomeAgentV4Address", in: inHomeLink, form: formAddress4, roles: MobileNode, Remark: noteIPv4},
	{Name: "HomeAgentV4Address", in: inPolicySet, form: formAddress4, roles: haAndMN, Remark: noteIPv4},
	{Name: "HomeAgentName", in: inHomeLink, form: formString, roles: MobileNode, Remark: noteAgentName},
	{Name: "HomeAgentName", in: inPolicySet, form: formString, roles: haAndMN, Remark: noteAgentName},
	{Name: "HomeV4Address", in: inHomeLink, form: formHome4, roles: MobileNode, Ours: "mobile_node.homes[].ipv4_home_address", Remark: noteIPv4Home},

	// Proxy Mobile IPv6 (the PMIPv6 branch).
	{Name: "ProxyMipLma", form: formProxy, roles: anyRole, Remark: noteProxy},
	{Name: "ProxyMipMag", form: formProxy, roles: anyRole, Remark: noteProxy},
	{Name: "LmaAddress", in: inProxy, form: formAddress, roles: anyRole, Remark: noteProxy},
	{Name: "LmaPmipNetworkDevice", in: inProxy, form: formString, roles: anyRole, Remark: noteProxy},
	{Name: "LmaCoreNetworkAddress", in: inProxy, form: formAddress, roles: anyRole, Remark: noteProxy},
	{Name: "LmaCoreNetworkDevice", in: inProxy, form: formString, roles: anyRole, Remark: noteProxy},
	{Name: "MagAddressIngress", in: inProxy, form: formAddress, roles: anyRole, Remark: noteProxy},
	{Name: "MagAddressEgress", in: inProxy, form: formAddress, roles: anyRole, Remark: noteProxy},
	{Name: "MagDeviceIngress", in: inProxy, form: formString, roles: anyRole, Remark: noteProxy},
	{Name: "MagDeviceEgress", in: inProxy, form: formString, roles: anyRole, Remark: noteProxy},
	{Name: "OurAddress", in: inProxy, form: formAddress, roles: anyRole, Remark: noteProxy},
	{Name: "HomeNetworkPrefix", in: inProxy, form: formAddress, roles: anyRole, Remark: noteProxy},
	{Name: "PBULifeTime", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "PBALifeTime", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "RetransmissionTimeOut", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "MaxMessageRetransmissions", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "TunnelingEnabled", in: inProxy, form: formBool, roles: anyRole, Remark: noteProxy},
	{Name: "DynamicTunnelingEnabled", in: inProxy, form: formBool, roles: anyRole, Remark: noteProxy},
	{Name: "MaxDelayBeforeDynamicTunnelingDelete", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "RadiusPassword", in: inProxy, form: formString, roles: anyRole, secret: true, Remark: noteProxy},
	{Name: "RadiusClientConfigFile", in: inProxy, form: formString, roles: anyRole, Remark: noteProxy},
	{Name: "PcapSyslogAssociationGrepString", in: inProxy, form: formString, roles: anyRole, Remark: noteProxy},
	{Name: "PcapSyslogDeAssociationGrepString", in: inProxy, form: formString, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213TimestampBasedApproachInUse", in: inProxy, form: formBool, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213MobileNodeGeneratedTimestampInUse", in: inProxy, form: formBool, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213FixedMAGLinkLocalAddressOnAllAccessLinks", in: inProxy, form: formAddress, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213FixedMAGLinkLayerAddressOnAllAccessLinks", in: inProxy, form: formHardware, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213MinDelayBeforeBCEDelete", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213MaxDelayBeforeNewBCEAssign", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213TimestampValidityWindow", in: inProxy, form: formNumber, roles: anyRole, Remark: noteProxy},
	{Name: "RFC5213EnableMAGLocalRouting", in: inProxy, form: formBool, roles: anyRole, Remark: noteProxy},

	// Words that UMIP's scanner knew and its grammar did not.
	{Name: "LinkName", form: formReserved, Remark: noteReserved},
	{Name: "IfName", form: formReserved, Remark: noteReserved},
	{Name: "IPsecType", form: formReserved, Remark: noteReserved},
	{Name: "DoRouteOptimization", form: formReserved, Remark: noteReserved},
}

// Limits of UMIP's grammar, in seconds: the wire's (RFC 6275 §6.1.7) and
// MAX_RR_BINDING_LIFETIME (§12).
const (
	maxLifetime   = 0xffff * 4
	maxRRLifetime = 420
)

// byPlace finds a keyword.
var byPlace = func() map[place]map[string]*Keyword {
	m := make(map[place]map[string]*Keyword)
	for i := range Keywords {
		k := &Keywords[i]
		if m[k.in] == nil {
			m[k.in] = make(map[string]*Keyword)
		}
		m[k.in][k.Name] = k
	}
	return m
}()

// elsewhere says where an option stands that is not known here; empty if nowhere.
func elsewhere(name string) string {
	var places []string
	for p := atTop; p <= inProxy; p++ {
		if byPlace[p][name] != nil {
			places = append(places, p.String())
		}
	}
	return strings.Join(places, " or ")
}
