package umip

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scanned is every word that the scanners of the old daemon's versions know:
// MIPL 2.0.2, NEPL, UMIP 0.4 to 1.0, and the branches for dual stack and for
// Proxy Mobile IPv6. It was written down from them, not from the table.
const scanned = `
NodeConfig HA CN MN LMA MAG DebugLevel DebugLogFile DoRouteOptimizationCN DoRouteOptimizationMN HomeAddress HomeAgentAddress
InitialBindackTimeoutFirstReg InitialBindackTimeoutReReg InitialSolicitTimer InterfaceInitialInitDelay LinkName
HaMaxBindingLife MnMaxHaBindingLife MnMaxCnBindingLife MaxMobPfxAdvInterval MinMobPfxAdvInterval MnHomeLink
NonVolatileBindingCache SendMobPfxSols SendUnsolMobPfxAdvs SendMobPfxAdvs UseMovementModule UsePolicyModule
IPsecPolicySet IPsecPolicy IPsecType UseAltCoa UseESP UseAH UseIPComp UseMnHaIPsec KeyMngMobCapability
TunnelPayloadForceSANego HomeRegBinding Mh MobPfxDisc TunnelHomeTesting TunnelMh TunnelPayload MnRoPolicy ICMP any
DoRouteOptimization DefaultBindingAclPolicy BindingAclPolicy UseCnBuAck Interface IfName IfType MnIfPreference Tunnel
LinkUpDelay MnUseAllInterfaces MnRouterProbes MnRouterProbeTimeout MnDiscardHaParamProb MnResetDhaadAtHome
MnFlushAllAtHome MnMaxHaConsecutiveResends MnMaxCnConsecutiveResends OptimisticHandoff NoHomeReturn HaAcceptMobRtr
IsMobRtr HaServedPrefix HomePrefix MobRtrUseExplicitMode CnBindingPolicySet include internal
enabled allow true disabled deny block false
MnUseDsmip6 MnSupportIPv4Traffic HaAcceptDsmip6 HaAcceptIPv4Traffic HomeAgentV4Address HomeAgentName HomeV4Address UseDhcp
RFC5213TimestampBasedApproachInUse RFC5213MobileNodeGeneratedTimestampInUse RFC5213FixedMAGLinkLocalAddressOnAllAccessLinks
RFC5213FixedMAGLinkLayerAddressOnAllAccessLinks RFC5213MinDelayBeforeBCEDelete RFC5213MaxDelayBeforeNewBCEAssign
RFC5213TimestampValidityWindow RFC5213EnableMAGLocalRouting LmaAddress LmaPmipNetworkDevice LmaCoreNetworkAddress
LmaCoreNetworkDevice MagAddressIngress MagAddressEgress MagDeviceIngress MagDeviceEgress OurAddress HomeNetworkPrefix
PBULifeTime PBALifeTime RetransmissionTimeOut MaxMessageRetransmissions TunnelingEnabled DynamicTunnelingEnabled
MaxDelayBeforeDynamicTunnelingDelete ProxyMipLma ProxyMipMag RadiusPassword RadiusClientConfigFile
PcapSyslogAssociationGrepString PcapSyslogDeAssociationGrepString`

// TestScannedWords: what the old daemon knew is an option or a value here, and
// nothing else is.
func TestScannedWords(t *testing.T) {
	known := map[string]bool{"internal": true}
	for _, k := range Keywords {
		known[k.Name] = true
	}
	for w := range entities {
		known[w] = true
	}
	for w := range truths {
		known[w] = true
	}
	for _, m := range []map[string]bool{ipsecTypes, ipsecProtocols} {
		for w := range m {
			known[w] = true
		}
	}
	var got []string
	for w := range known {
		got = append(got, w)
	}
	want := strings.Fields(scanned)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words of the old scanners and of the table differ (-scanners +table)\n%s", diff)
	}
}

// sample is a value for a form.
func sample(k *Keyword) string {
	switch k.form {
	case formEntity:
		return " MN;"
	case formNumber:
		return " 5;"
	case formDecimal:
		return " 1.5;"
	case formBool:
		return " enabled;"
	case formString:
		return ` "text";`
	case formAddress:
		return " 2001:db8:1::1;"
	case formAddress4:
		return " 192.0.2.1;"
	case formHardware:
		return " 02:00:5e:00:53:01;"
	case formPrefix:
		return " 2001:db8:1::101/64;"
	case formHome:
		return " 2001:db8:1::100/64 (2001:db8:a::/64, 2001:db8:b::/64);"
	case formHome4:
		return " 192.0.2.1/24 (198.51.100.0/24, 203.0.113.0/24);"
	case formAcl:
		return " 2001:db8:1::100 (2001:db8:a::/64) allow;"
	case formVerdict:
		return " deny;"
	case formRoPolicy:
		return " 2001:db8:c::1 enabled;"
	case formModule:
		return " internal;"
	case formIPsecPolicy:
		return " Mh UseESP UseAH 1 2 allow;"
	case formInterface:
		return ` "eth7" { MnIfPreference 3; }`
	case formHomeLink:
		return ` "eth0" { HomeAddress 2001:db8:1::100/64; }`
	case formProxy:
		return ` "MAG" { PBULifeTime 1; }`
	case formPolicySet:
		return " { HomeAgentAddress 2001:db8:1::1; HomeAddress 2001:db8:1::100/64; IPsecPolicy Mh UseESP; }"
	case formCNPolicies:
		return " { 2001:db8:1::100 enabled; 2001:db8:1::101 2001:db8:1::1 disabled; }"
	case formInclude:
		return ` "nothing/*.conf"`
	}
	return ";"
}

// alone is a file in which an option stands where it belongs.
func alone(k *Keyword) string {
	s := k.Name + sample(k)
	switch k.in {
	case inInterface:
		return `Interface "eth7" { ` + s + " }\n"
	case inHomeLink:
		home := "HomeAddress 2001:db8:1::100/64; "
		if k.Name == "HomeAddress" {
			home = "IsMobRtr enabled; "
		}
		return `MnHomeLink "eth7" { ` + home + s + " }\n"
	case inPolicySet:
		return "IPsecPolicySet { " + s + " }\n"
	case inProxy:
		return `ProxyMipMag "MAG" { ` + s + " }\n"
	}
	if k.roles == MobileNode && k.Name != "MnHomeLink" {
		s += "\nMnHomeLink \"eth0\" { HomeAddress 2001:db8:1::100/64; IsMobRtr enabled; }"
	}
	return s + "\n"
}

// converted is what an option of the table becomes in the file of sample and
// alone, for each role that reads it.
var converted = map[string]string{
	"NodeConfig":              "mobile_node:",
	"DebugLevel":              "log: {level: debug}",
	"Interface":               "eth7",
	"IfType":                  "eth7",
	"MnIfPreference":          "preference: 5}",
	"HaMaxBindingLife":        "max_lifetime: 5s",
	"SendMobPfxAdvs":          "prefix_advertisements: on",
	"SendUnsolMobPfxAdvs":     "prefix_advertisements: {unsolicited: on}",
	"MinMobPfxAdvInterval":    "prefix_advertisements: {min_interval: 5s}",
	"MaxMobPfxAdvInterval":    "prefix_advertisements: {max_interval: 5s}",
	"BindingAclPolicy":        "- home_address: 2001:db8:1::100\n",
	"DefaultBindingAclPolicy": "policy_default: deny",
	"MnHomeLink":              "- home_address: 2001:db8:1::100/64",
	"HomeAddress":             "2001:db8:1::10",
	"HomeAgentAddress":        "2001:db8:1::1\n",
	"HomePrefix":              "home_address: 2001:db8:1::100/64",
	"MnRoPolicy":              "allow: [2001:db8:c::1]",
	"IsMobRtr":                "mobile_network: {mode: explicit}",
	"MnMaxHaBindingLife":      "lifetime: 5s",
	"MobRtrUseExplicitMode":   "mobile_network: {mode: explicit}",
	"DoRouteOptimizationMN":   "route_optimization:\n    default: on",
	"DoRouteOptimizationCN":   "correspondent_node:\n  route_optimization:\n    default: on",
	"SendMobPfxSols":          "renumber: on",
	"CnBindingPolicySet":      "allow: [2001:db8:1::100]\n    deny: [2001:db8:1::101]",
	"IPsecPolicySet":          "2001:db8:1::1",
}

// TestEveryKeyword walks the table: each option, alone in a file of each role, is
// converted or named in a comment, and what comes out is ours.
func TestEveryKeyword(t *testing.T) {
	for i := range Keywords {
		k := &Keywords[i]
		for role, name := range map[Roles]string{HomeAgent: "HA", MobileNode: "MN", CorrespondentNode: "CN"} {
			t.Run(fmt.Sprintf("%s/%s/%s", name, k.in, k.Name), func(t *testing.T) {
				text := alone(k)
				if k.Name != "NodeConfig" {
					text = "NodeConfig " + name + ";\n" + text
				}
				f, problems := Parse(Source{"f", []byte(text)}, nil)
				if k.form == formReserved {
					if len(problems) != 1 || !strings.Contains(problems.Error(), noteReserved) {
						t.Errorf("problems are %v", problems)
					}
					return
				}
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				r, problems := f.Convert(Options{})
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				if why := strange(check(t, r.Text, true)); why != "" {
					t.Errorf("mip6d refuses the output: %s\n%s", why, r.Text)
				}
				want := k.Name
				if s := converted[k.Name]; s != "" && k.roles&role != 0 && !strings.Contains(r.Text, ": "+k.Name) {
					want = s
				}
				if !strings.Contains(r.Text, want) {
					t.Errorf("%q is not in\n%s", want, r.Text)
				}
			})
		}
	}
}

// TestTableIsComplete: each row says what it must.
func TestTableIsComplete(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range Keywords {
		if id := fmt.Sprint(k.in, k.Name); seen[id] {
			t.Errorf("%s has two rows %s", k.Name, k.in)
		} else {
			seen[id] = true
		}
		if k.Ours == "" && k.Remark == "" {
			t.Errorf("%s becomes nothing, and no reason is given", k.Name)
		}
		if k.roles == 0 && k.form != formReserved {
			t.Errorf("nobody reads %s", k.Name)
		}
		if strings.Contains(k.Ours+k.Remark, "|") {
			t.Errorf("%s would break the table of the documentation", k.Name)
		}
	}
}
