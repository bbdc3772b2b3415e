package config

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNeedRestart(t *testing.T) {
	const (
		ha = "complete-home-agent.yaml"
		mn = "complete-mobile-node.yaml"
	)
	for _, tt := range []struct {
		name, file, from, to string
		want                 []string
	}{
		{"nothing", ha, "", "", nil},
		{"a comment", ha, "# Every", "# All", nil},
		{"a mobile node's lifetime", ha, "      max_lifetime: 1h", "      max_lifetime: 2h", nil},
		{"another home address", ha, "2001:db8:1::100", "2001:db8:1::101", nil},
		{"a key file", ha, "keys/mn100", "keys/mn101", nil},
		{"a lower limit", ha, "max_bindings: 131072", "max_bindings: 5", nil},
		{"a higher limit", ha, "max_bindings: 131072", "max_bindings: 131073", []string{"home_agent.max_bindings"}},
		{"no authentication", ha, "allow_unauthenticated: false", "allow_unauthenticated: true", nil},
		{"a link's prefix", ha, "prefix: 2001:db8:2::/64", "prefix: 2001:db8:2::/56", nil},
		{"a prefix's lifetime", ha, "valid_lifetime: 720h", "valid_lifetime: 1h", nil},
		{"how it is advertised", ha, "max_interval: 600s", "max_interval: 601s", nil},
		{"an agent's address", ha, "address: 2001:db8:2::1", "address: 2001:db8:2::2", []string{"home_agent.links"}},
		{"a link's interface", ha, "interface: eth1", "interface: eth2", []string{"home_agent.links"}},
		{"multicast's limits", ha, "max_groups: 1024", "max_groups: 1", nil},
		{"no multicast", ha, text(ha, "  multicast:", "  max_bindings"), "", []string{"home_agent.multicast"}},
		{"another role", ha, text(ha, "correspondent_node:", "\nrun_dir"), "", []string{"correspondent_node"}},
		{"whose paths are optimised", ha, "    deny: []\n  max_bindings: 10000", "    deny: [2001:db8::/32]\n  max_bindings: 9", nil},
		{"marks", ha, "table: 6275", "table: 6276", []string{"kernel"}},
		{"log level", ha, "level: info", "level: debug", []string{"log"}},
		{"where metrics are", ha, "127.0.0.1:9462", "127.0.0.1:9463", []string{"metrics"}},
		{"the socket's group", ha, "group: mip6", "group: staff", []string{"control"}},
		{"run_dir", ha, "run_dir: /run/mip6d", "run_dir: /run/other", []string{"run_dir"}},
		{"state_dir", ha, "state_dir: /var/lib/mip6d", "state_dir: /var/lib/other", []string{"state_dir"}},
		{"a mobile node's home agent", mn, "home_agent: 2001:db8:1::1", "home_agent: 2001:db8:1::2", []string{"mobile_node"}},
		{"several", mn, "max_peers: 256\n\nrun_dir: /run/mip6d",
			"max_peers: 255\n\nrun_dir: /run/x", []string{"mobile_node", "run_dir"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := os.ReadFile(top + "configs/" + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), tt.from) {
				t.Fatalf("%s does not hold %q", tt.file, tt.from)
			}
			old, err := parse("f", text, WithoutKeys())
			if err != nil {
				t.Fatal(err)
			}
			next, err := parse("f", []byte(strings.Replace(string(text), tt.from, tt.to, 1)), WithoutKeys())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, old.NeedRestart(next)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestNeedRestartRole: from one role to the other is never a reload.
func TestNeedRestartRole(t *testing.T) {
	ha, mn := &Config{HomeAgent: &HomeAgent{}}, &Config{MobileNode: &MobileNode{}}
	want := []string{"home_agent", "mobile_node"}
	for _, got := range [][]string{ha.NeedRestart(mn), mn.NeedRestart(ha)} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// text is the part of an example from one word to another.
func text(file, from, to string) string {
	b, err := os.ReadFile(top + "configs/" + file)
	if err != nil {
		return err.Error()
	}
	_, rest, _ := strings.Cut(string(b), from)
	part, _, _ := strings.Cut(rest, to)
	return from + part
}
