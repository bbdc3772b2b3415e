package umip

import (
	"strings"
	"testing"
)

// TestConversion: what one thing becomes, or is said about it.
func TestConversion(t *testing.T) {
	for _, tt := range []struct {
		name, text  string
		role        Roles
		want, never []string
	}{
		{name: "the default role is the correspondent node's", text: "DebugLevel 0;",
			want: []string{"# mip6d as a correspondent node (the file has no NodeConfig)", "log: {level: info}  # DebugLevel 0", "TODO: without NodeConfig"}},
		{name: "another role was asked for", text: "NodeConfig CN; Interface \"eth0\";", role: HomeAgent,
			want: []string{"# mip6d as a home agent (asked for with --role)", "interface: eth0", "correspondent_node:"}, never: []string{"TODO: without"}},
		{name: "the same role was asked for", text: "NodeConfig HA;", role: HomeAgent, want: []string{"(NodeConfig HA)", "# TODO: interface:"}},
		{name: "the last one counts", text: "NodeConfig HA; NodeConfig MN; NodeConfig CN;",
			want: []string{"(NodeConfig CN)", "#   f:1: NodeConfig HA\n#   f:1: NodeConfig MN\n#     said again later"}},

		{name: "default of the home agent's lifetime", text: "NodeConfig HA;", want: []string{"max_lifetime: 262140s  # UMIP's default; mip6d's is 1h"}},
		{name: "default of the mobile node's", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; }`,
			want: []string{"lifetime: 262140s  # UMIP's default; mip6d's is 420s", "No home_agent: it is discovered"}},
		{name: "router advertisements stay somebody else's", text: "NodeConfig HA;", want: []string{"advertise: off"}},
		{name: "who is on no list", text: "NodeConfig HA; DefaultBindingAclPolicy 0;", want: []string{"policy_default: allow", "TODO: list whoever else"}},
		{name: "a status that refuses", text: "NodeConfig HA; DefaultBindingAclPolicy 129;", want: []string{"policy_default: deny"}, never: []string{"whoever else"}},

		{name: "prefixes that ours cannot have", text: "NodeConfig HA; HaAcceptMobRtr enabled; BindingAclPolicy 2001:db8:1::1 (2001:db8:a::/128, 2001::/8, ff00::/16, 2001:db8:b::/64, 2001:db8:b::5/64) allow;",
			want: []string{"      prefixes: [2001:db8:b::/64]\n", "BindingAclPolicy: 2001:db8:a::/128", "BindingAclPolicy: 2001::/8", "16 to 127 bits", "ff00::/16\n#     it holds no global", "the prefix is there twice"}},
		{name: "prefixes without HaAcceptMobRtr", text: "NodeConfig HA; BindingAclPolicy 2001:db8:1::1 (2001:db8:b::/64) allow;",
			want: []string{"      # prefixes: [2001:db8:b::/64]: HaAcceptMobRtr was not enabled"}},
		{name: "a longer prefix is in a shorter one", text: "NodeConfig HA; Interface \"eth0\"; IPsecPolicySet { HomeAgentAddress 2001:db8:1::1; HomeAddress 2001:db8:1:1::5/64; HomeAddress 2001:db8:1::5/48; IPsecPolicy any UseESP; }",
			want: []string{"prefixes: [2001:db8:1::/48]\n", "- home_address: 2001:db8:1:1::5\n", "- home_address: 2001:db8:1::5\n", "      address: 2001:db8:1::1\n"}, never: []string{"guessed"}},
		{name: "several own addresses", text: "NodeConfig HA; Interface \"eth0\"; IPsecPolicySet { HomeAgentAddress 2001:db8:1::1; } IPsecPolicySet { HomeAgentAddress 2001:db8:2::1; }",
			want: []string{"address: 2001:db8:1::1\n", "Other addresses of the home agent's in the old file: 2001:db8:2::1.", "guessed"}},
		{name: "an address that looks like a key to YAML", text: "NodeConfig HA; BindingAclPolicy 2001:db8:: deny; BindingAclPolicy 2001:db8:1:: allow;",
			want: []string{`- {prefix: "2001:db8::", bind: deny}`, `- home_address: "2001:db8:1::"`}},
		{name: "intervals out of range", text: "NodeConfig HA; MinMobPfxAdvInterval 0; MaxMobPfxAdvInterval 4000000;",
			want: []string{"{min_interval: 1s, max_interval: 2592000s}", "MinMobPfxAdvInterval 0\n#     written as 1:", "MaxMobPfxAdvInterval 4000000\n#     written as 2592000:"}},

		{name: "an interface listed twice", text: "NodeConfig MN; Interface \"a\" { MnIfPreference 3; } Interface \"a\" { MnIfPreference 4; }",
			want: []string{"- {name: a, preference: 3}", `Interface "a" { MnIfPreference 4; }` + "\n#     the interface is listed already"}},
		{name: "an interface of another role", text: "NodeConfig MN; Interface \"a\" { IfType HA; MnIfPreference 3; } Interface \"b\" { IfType MN; }",
			want: []string{"interfaces:\n    - {name: b, preference: 10}", `Interface "a" { IfType HA; MnIfPreference 3; }`}, never: []string{"name: a"}},
		{name: "a home link that nothing moves on", text: "NodeConfig MN; Interface \"a\"; MnHomeLink \"b\" { HomeAddress 2001:db8:1::100/64; }",
			want: []string{"Not listed, as in the old file, and so never at home there: [b] (MnHomeLink)."}, never: []string{"name: b"}},
		{name: "the home address's key", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; }`, want: []string{"auth: {spi: 512, key_file: keys/2001-db8-1--100}"}},
		{name: "the same at the home agent", text: `NodeConfig HA; BindingAclPolicy 2001:db8:1::100 allow;`, want: []string{"auth: {spi: 512, key_file: keys/2001-db8-1--100}"}},
		{name: "the home address twice", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; } MnHomeLink "b" { HomeAddress 2001:db8:1::100/64; HomeAgentAddress 2001:db8::1; }`,
			want: []string{"HomeAddress 2001:db8:1::100/64\n#     another MnHomeLink has this home address"}, never: []string{"home_agent: 2001"}},
		{name: "a shorter home prefix", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; HomePrefix 2001:db8::/40; }`, want: []string{"home_address: 2001:db8:1::100/40\n"}},
		{name: "a home prefix elsewhere", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; HomePrefix 2001:db8:2::/64; }`,
			want: []string{"home_address: 2001:db8:1::100/64\n", "HomePrefix 2001:db8:2::/64\n#     the home subnet is what"}},
		{name: "a mobile router without prefixes", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; IsMobRtr enabled; }`,
			want: []string{"      # TODO: prefixes:", "      mobile_network: {mode: explicit}\n"}},

		{name: "no direct paths", text: `NodeConfig MN; DoRouteOptimizationMN disabled; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; MnRoPolicy 2001:db8:c::1 enabled; }`,
			want: []string{"default: off", "MnRoPolicy 2001:db8:c::1 enabled\n#     DoRouteOptimizationMN disabled"}, never: []string{"allow: ["}},
		{name: "a policy without an address", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; MnRoPolicy 2001:db8:c::1 enabled; MnRoPolicy :: disabled; }`,
			want: []string{"default: off\n    allow: [2001:db8:c::1]"}},
		{name: "the first policy counts", text: `NodeConfig MN; MnHomeLink "a" { HomeAddress 2001:db8:1::100/64; MnRoPolicy 2001:db8:c::1 enabled; MnRoPolicy 2001:db8:c::1 disabled; MnRoPolicy enabled; }`,
			want: []string{"default: on\n    allow: [2001:db8:c::1]\n", "another policy for this peer stands above", "route optimisation is on by default already"}},

		{name: "no correspondent node", text: "NodeConfig HA; DoRouteOptimizationCN disabled;", want: []string{"# No correspondent_node: DoRouteOptimizationCN disabled"}, never: []string{"\ncorrespondent_node:"}},
		{name: "unless for one", text: "NodeConfig HA; DoRouteOptimizationCN disabled; CnBindingPolicySet { 2001:db8::5 :: enabled; 2001:db8::5 disabled; }",
			want: []string{"correspondent_node:\n  route_optimization:\n    default: off\n    allow: [2001:db8::5]", "another policy for this peer stands above"}},
		{name: "an allow for one of our addresses widens nothing", text: "DoRouteOptimizationCN disabled; CnBindingPolicySet { 2001:db8::5 2001:db8::6 enabled; }",
			want: []string{"it was allowed for one of our addresses"}, never: []string{"allow: ["}},

		{name: "a secret is not repeated", text: `ProxyMipMag "a" { RadiusPassword "s3cret"; }`, want: []string{`ProxyMipMag "a" { RadiusPassword …; }`}, never: []string{"s3cret"}},
		{name: "nothing in a name ends a comment", text: "DebugLogFile \"a\\nb: c\";", want: []string{`DebugLogFile "a\\nb: c"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := convert(t, "f", tt.text, Options{Role: tt.role}).Text
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("%q is not in\n%s", w, got)
				}
			}
			for _, n := range tt.never {
				if strings.Contains(got, n) {
					t.Errorf("%q is in\n%s", n, got)
				}
			}
			if why := strange(check(t, got, true)); why != "" {
				t.Errorf("mip6d refuses the output: %s", why)
			}
		})
	}
}

// TestUnusableValues: values that neither daemon could work with.
func TestUnusableValues(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"NodeConfig LMA;", []string{"f:1:1: NodeConfig LMA: mip6d plays no role of Proxy Mobile IPv6 (RFC 5213): keep that daemon for it; there is nothing to convert"}},
		{"NodeConfig HA;\nBindingAclPolicy fe80::1 allow;\nBindingAclPolicy ff02::1 deny;\nIPsecPolicySet { HomeAgentAddress ::; HomeAddress ::1/64; HomeAddress 2001:db8::/64; HomeAddress 2001:db8::1/8; }", []string{
			"f:2:18: BindingAclPolicy wants a global or unique local unicast IPv6 address, and fe80::1 is link-local",
			"f:3:18: BindingAclPolicy wants a global or unique local unicast IPv6 address, and ff02::1 is multicast",
			"f:4:35: HomeAgentAddress wants a global or unique local unicast IPv6 address, and :: is the unspecified address",
			"f:4:51: HomeAddress wants a global or unique local unicast IPv6 address, and ::1 is the loopback address",
			"f:4:71: 2001:db8:: is the subnet's router anycast address (RFC 4291 §2.6.1): expected a host's own",
			"f:4:98: HomeAddress has a prefix length of 8: expected 16 to 128, mostly 64",
		}},
		{"NodeConfig MN;\nMnHomeLink \"a\" { HomeAgentAddress 2001:db8::1; }\nMnHomeLink \"b\" { HomeAddress 2001:db8:1::1/64; HomeAgentAddress ff02::1; MnRoPolicy ::ffff:192.0.2.1 enabled; }", []string{
			`f:2:1: MnHomeLink "a" has no HomeAddress: expected one, such as HomeAddress 2001:db8:1::100/64;`,
			"f:3:65: HomeAgentAddress wants a global or unique local unicast IPv6 address, and ff02::1 is multicast",
			"f:3:85: MnRoPolicy wants an IPv6 address, and ::ffff:192.0.2.1 is IPv4",
		}},
		{"CnBindingPolicySet { ::ffff:192.0.2.1 enabled; }", []string{"f:1:22: CnBindingPolicySet wants an IPv6 address, and ::ffff:192.0.2.1 is IPv4"}},
	} {
		f, problems := Parse(Source{"f", []byte(tt.text)}, nil)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		r, problems := f.Convert(Options{})
		compare(t, problems, tt.want)
		if r != nil {
			t.Errorf("a file with problems is converted to\n%s", r.Text)
		}
	}
}

// TestSameOutput: the same file gives the same text, and no other name than the
// one given stands in it.
func TestSameOutput(t *testing.T) {
	const text = "NodeConfig HA; Interface \"eth0\"; DebugLogFile \"x\";"
	a, b := convert(t, "old\nfile", text, Options{}).Text, convert(t, "old\nfile", text, Options{}).Text
	if a != b || !strings.Contains(a, `#   "old\nfile"`) || !strings.Contains(a, `"old\nfile":1: DebugLogFile`) {
		t.Errorf("the output is\n%s", a)
	}
}
