package config

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSettingsAreTheLoaders: what readers tell of themselves is what they read.
func TestSettingsAreTheLoaders(t *testing.T) {
	var paths []string
	for _, k := range Settings() {
		paths = append(paths, k.Path)
		if len(k.Values) == 0 {
			t.Errorf("nobody knows what %s takes", k.Path)
		}
	}
	slices.Sort(paths)
	if diff := cmp.Diff(schema(t), paths); diff != "" {
		t.Errorf("keys of the loader and of Settings differ (-loader +Settings)\n%s", diff)
	}
}

func TestReadersDescribeThemselves(t *testing.T) {
	all := make(map[string]Setting)
	for _, k := range Settings() {
		all[k.Path] = k
	}
	prefix := Value{Kind: Text, Want: "an IPv6 subnet prefix, such as 2001:db8:1::/64"}
	for _, want := range []Setting{
		{Path: "home_agent", Values: []Value{{Kind: Section}}},
		{Path: "home_agent.links", Required: true, Values: []Value{{Kind: List, Elements: []Value{{Kind: Section}}}}},
		{Path: "home_agent.links[].prefixes", Required: true, Values: []Value{{Kind: List, Elements: []Value{{Kind: Section}, prefix}}}},
		{Path: "home_agent.links[].address", Required: true, Values: []Value{{Kind: Text, Want: "an IPv6 address", Format: "ipv6"}}},
		{Path: "home_agent.links[].advertise", Values: []Value{{Kind: Section}, {Kind: Switch}}},
		{Path: "home_agent.links[].virtual", Values: []Value{{Kind: Boolean}}},
		{Path: "mobile_node.homes[].auth.spi", Required: true, Values: []Value{{Kind: Number, Min: 256, Max: 1<<32 - 1}}},
		{Path: "mobile_node.homes[].lifetime", Values: []Value{{Kind: Duration, From: 4 * time.Second, To: 262140 * time.Second}}},
		{Path: "log.format", Values: []Value{{Kind: Choice, Words: []string{"text", "json"}}}},
	} {
		if diff := cmp.Diff(want, all[want.Path]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", want.Path, diff)
		}
	}
}
