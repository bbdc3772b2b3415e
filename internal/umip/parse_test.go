package umip

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProblems: all of a file's errors at once, each with its place and what was
// expected.
func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing wrong", "NodeConfig HA; # a comment with \"quotes\" and ;{\nInterface \"eth0\";\r\nDebugLevel\n5\n;", nil},
		{"several at once", "NodeConfig HB;\nDebugLevel high;\nInterface eth0;\nDoRouteOptimizationMN on;\nHaMaxBindingLife 262144;\n", []string{
			`f:1:12: NodeConfig wants HA, MN or CN, and found HB`,
			`f:2:12: DebugLevel wants a whole number, and found high`,
			`f:3:11: Interface wants an interface's name in quotes, and found eth0`,
			`f:4:23: DoRouteOptimizationMN wants enabled or disabled, and found on`,
			`f:5:18: HaMaxBindingLife wants a number up to 262140, and found 262144`,
		}},
		{"semicolons missing", "DebugLevel 1\nNodeConfig CN\n", []string{
			`f:2:1: expected ";" after DebugLevel 1, and found NodeConfig`,
			`f:3:1: expected ";" after NodeConfig CN, and found the end of the file`,
		}},
		{"unknown options", "NodeConfg HA;\nmnhomelink \"eth0\" { HomeAddress 2001:db8::1/64; }\nFrobnicate 1 2 3;\nDebugLevel 1;", []string{
			`f:1:1: there is no option NodeConfg at top level; did you mean NodeConfig?`,
			`f:2:1: there is no option mnhomelink at top level; did you mean MnHomeLink?`,
			`f:3:1: there is no option Frobnicate at top level`,
		}},
		{"in the wrong place", "HomeAgentAddress 2001:db8::1;\nInterface \"eth0\" { IsMobRtr enabled; MnIfPreference 1; }\nUseDhcp enabled;", []string{
			`f:1:1: HomeAgentAddress stands in MnHomeLink or in IPsecPolicySet, not at top level`,
			`f:2:20: IsMobRtr stands in MnHomeLink, not in Interface`,
			`f:3:1: UseDhcp stands in Interface, not at top level`,
		}},
		{"addresses", "MnHomeLink \"eth0\" {\n\tHomeAddress 2001:db8::12345/64;\n\tHomeAgentAddress 192.0.2.1;\n\tHomePrefix 2001:db8::;\n\tMnRoPolicy 2001:db8::1;\n}", []string{
			`f:2:14: 2001:db8::12345 is no IPv6 address`,
			`f:3:19: HomeAgentAddress wants an IPv6 address, and found 192.0.2.1`,
			`f:4:23: HomePrefix wants a length after the address, such as /64, and found ";"`,
			`f:5:24: MnRoPolicy wants enabled or disabled, and found ";"`,
		}},
		{"lists", "BindingAclPolicy 2001:db8::1 (2001:db8:a::/64 2001:db8:b::/64) allow;\nBindingAclPolicy 2001:db8::1 () deny;\nBindingAclPolicy 2001:db8::1 (2001:db8:a::/129) deny;\nBindingAclPolicy 2001:db8::1 256;", []string{
			`f:1:47: BindingAclPolicy wants "," or ")" in its list of prefixes, and found 2001:db8:b::`,
			`f:2:31: BindingAclPolicy wants a prefix, such as 2001:db8:a::/64, and found ")"`,
			`f:3:44: BindingAclPolicy wants a length of 0 to 128, and found 129`,
			`f:4:30: BindingAclPolicy wants allow, deny or a status of 0 to 255, and found 256`,
		}},
		{"a block is not closed", "MnHomeLink \"eth0\" {\n\tHomeAddress 2001:db8::1/64;\nDebugLevel 1;\nNodeConfig XX;\n", []string{
			`f:3:1: expected "}" to close the block of MnHomeLink "eth0" (line 1), and found DebugLevel, which stands at top level`,
			`f:4:12: NodeConfig wants HA, MN or CN, and found XX`,
		}},
		{"nor at the end", "IPsecPolicySet {\n\tHomeAddress 2001:db8::1/64;", []string{
			`f:2:29: expected "}" to close the block of IPsecPolicySet (line 1), and found the end of the file`,
		}},
		{"blocks", "IPsecPolicySet;\nMnHomeLink \"eth0\" { }\n}\nInterface \"eth0\" 5;\nCnBindingPolicySet { enabled; 2001:db8::1 }\nDebugLevel x;", []string{
			`f:1:15: IPsecPolicySet wants a block that begins with "{", and found ";"`,
			`f:2:21: expected an option in the block of MnHomeLink "eth0", and it is empty`,
			`f:3:1: found "}" without a block that it could close: expected an option`,
			`f:4:18: expected ";" after Interface "eth0", and found 5`,
			`f:5:22: CnBindingPolicySet wants an IPv6 address, and found enabled`,
			`f:5:43: CnBindingPolicySet wants enabled or disabled, and found "}"`,
			`f:6:12: DebugLevel wants a whole number, and found x`,
		}},
		{"an unknown block is passed over", "Frob { a { b; } c; }\nFrob2 x { y;\nDebugLevel x;", []string{
			`f:1:1: there is no option Frob at top level`,
			`f:2:1: there is no option Frob2 at top level`,
			`f:3:12: DebugLevel wants a whole number, and found x`,
		}},
		{"strings", "Interface \"eth0;\nDebugLogFile \"a\x01b\";\nInterface \"averylonginterfacename\";\nInterface \"a b\";", []string{
			`f:1:11: a string begins here and does not end in this line: expected a "`,
			`f:2:1: expected ";" after Interface "eth0;", and found DebugLogFile`,
			`f:2:14: a string with characters that cannot be printed: expected a name`,
			`f:3:11: Interface wants an interface's name, and found "averylonginterfacename": it has 22 bytes, and 1 to 15 are possible`,
			`f:4:11: Interface wants an interface's name, and found "a b": it has a blank, a slash, a colon or a control character`,
		}},
		{"characters", "DebugLevel 5; $%&\n é; 12a3;\nDebugLevel 99999999999;", []string{
			`f:1:15: expected an option or a value, and found "$%&"`,
			`f:2:2: expected an option or a value, and found "\u00e9"`,
			`f:2:5: expected an option or a value, and found 12a3`,
			`f:3:12: 99999999999 is too large: expected a number up to 4294967295`,
		}},
		{"IPsec", "IPsecPolicySet {\n HomeAgentAddress 2001:db8::1;\n IPsecPolicy Foo UseESP;\n IPsecPolicy Mh;\n IPsecPolicy Mh UseESP 1 2 3;\n}", []string{
			`f:3:14: IPsecPolicy wants HomeRegBinding, Mh, MobPfxDisc, TunnelHomeTesting, TunnelMh, TunnelPayload, ICMP or any, and found Foo`,
			`f:4:16: IPsecPolicy wants a protocol, such as UseESP, after "Mh", and found ";"`,
			`f:5:28: expected ";" after IPsecPolicy Mh UseESP 1 2, and found 3`,
		}},
		{"words without a meaning", "LinkName \"eth0\";\nUseMovementModule external;\n", []string{
			`f:1:1: LinkName is no option: UMIP knew the word and refused it everywhere`,
			`f:2:19: UseMovementModule wants internal or a file name in quotes, and found external`,
		}},
		{"no options", "1 2 3;\n{ };\n", []string{
			`f:1:1: expected an option, and found 1`,
			`f:2:1: expected an option, and found "{"`,
		}},
		{"IPv4 and link-layer addresses", "HomeAgentV4Address 2001:db8::1;\nHaAcceptIPv4Traffic 192.0.2.1 (198.51.100.0/33);\nProxyMipLma \"a\" {\n RFC5213FixedMAGLinkLayerAddressOnAllAccessLinks 2001:db8::1;\n}", []string{
			`f:1:20: HomeAgentV4Address wants an IPv4 address, and found 2001:db8::1`,
			`f:2:45: HaAcceptIPv4Traffic wants a length of 0 to 32, and found 33`,
			`f:4:50: RFC5213FixedMAGLinkLayerAddressOnAllAccessLinks wants a link-layer address such as 02:00:5e:00:53:01, and found 2001:db8::1`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := Parse(Source{"f", []byte(tt.text)}, nil)
			compare(t, problems, tt.want)
		})
	}
}

func compare(t *testing.T, problems Problems, want []string) {
	t.Helper()
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestProblemsEnd: what is no configuration at all is not told line by line.
func TestProblemsEnd(t *testing.T) {
	_, problems := Parse(Source{"f", []byte(strings.Repeat("nonsense;\n", 1000))}, nil)
	if len(problems) != maxProblems+1 || !strings.Contains(problems[maxProblems].Text, "is this a configuration of UMIP?") {
		t.Errorf("%d problems, the last: %v", len(problems), problems[len(problems)-1])
	}
}

// TestLexer: what the tokens are.
func TestLexer(t *testing.T) {
	var problems Problems
	l := newLexer("f", "MnHomeLink \"eth 0\"{HomeAddress 2001:DB8::1/64;}#x\n ::1 1.5 10 192.0.2.1 2:0:5e:0:53:1 (=,)", &problems)
	var got []string
	for {
		tok := l.next()
		if tok.kind == endOfFile {
			break
		}
		got = append(got, fmt.Sprintf("%d %s %d:%d %v", tok.kind, tok.text, tok.at.Line, tok.at.Column, tok.first))
	}
	want := []string{
		"1 MnHomeLink 1:1 true", "7 eth 0 1:12 false", "8 { 1:19 false", "1 HomeAddress 1:20 false", "4 2001:DB8::1 1:32 false", "8 / 1:43 false",
		"2 64 1:44 false", "8 ; 1:46 false", "8 } 1:47 false", "4 ::1 2:2 true", "3 1.5 2:6 false", "2 10 2:10 false", "5 192.0.2.1 2:13 false",
		"6 2:0:5e:0:53:1 2:23 false", "8 ( 2:37 false", "8 = 2:38 false", "8 , 2:39 false", "8 ) 2:40 false",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v, (-want +got)\n%s", problems, diff)
	}
}

// TestInclude: files are read in their place, in their order, with their own
// positions; one that includes itself ends at the fifth level, as with UMIP.
func TestInclude(t *testing.T) {
	files := func(pattern string) ([]Source, error) {
		switch pattern {
		case "two":
			return []Source{{"one", []byte("DebugLevel 1")}, {"other", []byte(";\nDebugLevel x;\n")}}, nil
		case "self":
			return []Source{{"self", []byte("include \"self\"\n")}}, nil
		case "last":
			return []Source{{"last", []byte("DebugLevel 3")}}, nil
		case "broken":
			return nil, errors.New("permission denied")
		}
		return nil, nil
	}
	_, problems := Parse(Source{"f", []byte("include \"two\" NodeConfig XX;\ninclude \"self\"\ninclude;\ninclude \"broken\"\ninclude \"none\"\ninclude \"last\"")}, files)
	compare(t, problems, []string{
		`other:2:12: DebugLevel wants a whole number, and found x`,
		`f:1:26: NodeConfig wants HA, MN or CN, and found XX`,
		`self:1:1: files include each other more than 5 levels deep`,
		`f:3:1: include wants a file name or pattern in quotes, such as include "/etc/mip6d.conf.d/*.conf"`,
		`f:4:1: include "broken": permission denied`,
		`f:6:15: expected ";" after DebugLevel 3, and found the end of the file`,
	})
	many := func(string) ([]Source, error) { return make([]Source, maxIncluded+1), nil }
	_, problems = Parse(Source{"f", []byte(`include "*"`)}, many)
	compare(t, problems, []string{`f:1:1: more than 10000 files are included`})

	f, problems := Parse(Source{"f", []byte("NodeConfig CN;\ninclude \"none\"\n")}, files)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r, _ := f.Convert(Options{})
	if want := "#   f:2: include \"none\"\n#     no file was found: what it would hold is missing here\n"; !strings.Contains(r.Text, want) {
		t.Errorf("%q is not in\n%s", want, r.Text)
	}
}
