package doctor

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kept are the keys that programs may depend on. One may be added; none may go or
// change its name.
var kept = []Key{
	"xfrm", "home_address_states", "routing_header_states", "sub_policies", "mobility_header_sockets", "extension_headers",
	"esp_aead", "esp_cbc_hmac", "migrate", "protection_marks",
	"external_tunnel", "encap_routes", "tunnel", "ipv4_in_tunnel", "detour_pair", "sit",
	"home_address_flag", "nodad_flag", "optimistic_dad", "address_protocol", "packet_sockets", "kernel_proxy_nd", "address_labels",
	"forwarding", "source_rules", "route_protocol", "route_protocol_name", "load_sharing", "multicast_routing",
	"bpf_source_check", "flower_source_check", "bpf_new_peers", "plug_queue", "counters_64bit",
}

func TestKeysAreKept(t *testing.T) {
	var keys []Key
	for _, p := range Table {
		keys = append(keys, p.Key)
	}
	if diff := cmp.Diff(kept, keys); diff != "" {
		t.Errorf("the table's keys (-kept +now):\n%s", diff)
	}
}

func TestTableIsWhole(t *testing.T) {
	seen := make(map[Key]bool)
	groups := []string{""}
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, p := range Table {
		if seen[p.Key] || !snake.MatchString(string(p.Key)) {
			t.Errorf("%s: there are two, or it is not in snake_case", p.Key)
		}
		seen[p.Key] = true
		if p.Group != groups[len(groups)-1] {
			if slices.Contains(groups, p.Group) {
				t.Errorf("%s: its group %q is in two places", p.Key, p.Group)
			}
			groups = append(groups, p.Group)
		}
		if p.What == "" || len(p.Needs) == 0 || p.Get.String() == "" {
			t.Errorf("%s: it does not say what is tried, who needs it or how to get it", p.Key)
		}
		var roles []Role
		for _, n := range p.Needs {
			if !slices.Contains(Roles, n.Role) || slices.Contains(roles, n.Role) {
				t.Errorf("%s: the role %q is none, or there twice", p.Key, n.Role)
			}
			roles = append(roles, n.Role)
			if !slices.Contains([]Level{Must, Should, May}, n.Level) {
				t.Errorf("%s: the level %q is none", p.Key, n.Level)
			}
			if n.Without == "" || strings.HasSuffix(n.Without, ".") {
				t.Errorf("%s: %q is no sentence without a full stop", p.Key, n.Without)
			}
		}
		if p.Instead != "" {
			if _, ok := Find(p.Instead); !ok || p.Neither == "" {
				t.Errorf("%s: instead of it %q, and without both %q", p.Key, p.Instead, p.Neither)
			}
		}
	}
}

func TestEveryRoleMustHaveSomething(t *testing.T) {
	for _, r := range Roles {
		if len(AtStart([]Role{r})) == 0 {
			t.Errorf("a daemon of role %s tries nothing at its start", r)
		}
	}
}

func TestADaemonTriesWhatItMustHaveAndWhatStandsIn(t *testing.T) {
	keys := AtStart([]Role{HomeAgent})
	for _, k := range []Key{"home_address_states", "external_tunnel", "bpf_source_check", "flower_source_check"} {
		if !slices.Contains(keys, k) {
			t.Errorf("a home agent does not try %s: %v", k, keys)
		}
	}
	for _, k := range []Key{"tunnel", "sit", "esp_aead", "optimistic_dad", "extension_headers"} {
		if slices.Contains(keys, k) {
			t.Errorf("a home agent tries %s and its start does not depend on it", k)
		}
	}
	both := AtStart([]Role{HomeAgent, CorrespondentNode})
	if !slices.Contains(both, "routing_header_states") {
		t.Errorf("a correspondent node beside a home agent does not try routing_header_states: %v", both)
	}
	for i, k := range both {
		if slices.Contains(both[:i], k) {
			t.Errorf("%s is tried twice", k)
		}
	}
}

func TestParseRoles(t *testing.T) {
	for _, tt := range []struct {
		in   []string
		want []Role
		err  string
	}{
		{nil, nil, ""},
		{[]string{"cn", "HA", "ha"}, []Role{HomeAgent, CorrespondentNode}, ""},
		{[]string{"mobile_node"}, []Role{MobileNode}, ""},
		{[]string{"mn", "router"}, nil, `there is no role "router"; there are ha, mn, cn`},
	} {
		got, err := ParseRoles(tt.in)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || text != tt.err {
			t.Errorf("ParseRoles(%v): error %q, want %q\n%s", tt.in, text, tt.err, diff)
		}
	}
}
