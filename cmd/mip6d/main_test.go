package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/config"
	"mip6d/internal/ha"
	"mip6d/internal/mn"
	"mip6d/internal/role"
)

// write makes a configuration with its key.
func write(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("000102030405060708090a0b0c0d0e0f10111213\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "mip6d.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

const mobileNodeText = `
mobile_node:
  homes:
    - home_address: 2001:db8:1::100/64
      home_agent: 2001:db8:1::1
      lifetime: 2m
      auth: {spi: 300, key_file: %s, replay: sequence, mn_id: mn@example.org}
  interfaces: [{name: wlan0, preference: 10, dad: on}, {name: wwan0, preference: 20, home_address_flag: off}]
  release_on_stop: true
`

const homeAgentText = `
home_agent:
  links: [{interface: lo, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64], valid_lifetime: 2h}]
  mobile_nodes:
    - {home_address: 2001:db8:1::100, router: true, max_lifetime: 10m, auth: {spi: 300, key_file: %s}}
  max_lifetime: 30m
`

func TestExitStatuses(t *testing.T) {
	good := write(t, "correspondent_node: {}\n")
	bad := write(t, "home_agnet: {}\n")
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"-c", good, "--check"}, 0},
		{[]string{"-c", bad, "--check"}, exitUsage},
		{[]string{"-c", filepath.Join(t.TempDir(), "none.yaml"), "--check"}, exitUsage},
		{[]string{"--version"}, 0},
		{[]string{"-h"}, 0},
		{[]string{"--frobnicate"}, exitUsage},
		{[]string{"-c", good, "start"}, exitUsage},
	} {
		if got := run(c.args); got != c.want {
			t.Errorf("mip6d %v ends with %d, want %d", c.args, got, c.want)
		}
	}
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	file := write(t, text)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(filepath.Dir(file), "key")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(string(b), key)), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var wantKey = []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}

func sameAddrs() cmp.Option {
	return cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	}
}

// Requirements: 6275-8.5-15
func TestMobileNodesConfigurationBecomesItsParameters(t *testing.T) {
	got := mnParams(load(t, mobileNodeText).MobileNode)
	want := mn.Params{
		Homes: []mn.Home{{
			HomeAddress: netip.MustParsePrefix("2001:db8:1::100/64"), HomeAgent: netip.MustParseAddr("2001:db8:1::1"),
			Lifetime: 2 * time.Minute,
			Auth:     &mn.Auth{SPI: 300, Key: wantKey, Replay: mn.ReplaySequence, MNID: "mn@example.org"},
		}},
		Interfaces:    []mn.Interface{{Name: "wlan0", Preference: 10, DAD: role.DADFirst}, {Name: "wwan0", Preference: 20, Unmarked: true}},
		ReleaseOnStop: true, LoadSharing: true,
		Optimization: mn.Optimization{
			Policy: role.Policy{Default: true}, IdleTimeout: 2 * time.Minute, RetryAfter: 5 * time.Minute, MaxPeers: 256,
		},
	}
	if diff := cmp.Diff(want, got, sameAddrs()); diff != "" {
		t.Error(diff)
	}
}

// Requirements: 6275-10.3.1-15
func TestHomeAgentsConfigurationBecomesItsParameters(t *testing.T) {
	got, err := haParams(load(t, homeAgentText).HomeAgent)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Links) != 1 || got.Links[0].Ifindex == 0 {
		t.Fatalf("links %+v", got.Links)
	}
	got.Links[0].Ifindex = 0
	want := ha.Params{
		Links: []ha.Link{{
			Address:  netip.MustParseAddr("2001:db8:1::1"),
			Prefixes: []ha.Prefix{{Prefix: netip.MustParsePrefix("2001:db8:1::/64"), Valid: 2 * time.Hour, Preferred: 2 * time.Hour}},
		}},
		MobileNodes: []ha.MobileNode{{
			HomeAddress: netip.MustParseAddr("2001:db8:1::100"), Router: true, MaxLifetime: 10 * time.Minute,
			Auth: &ha.Auth{SPI: 300, Key: wantKey, Replay: ha.ReplayTimestamp},
		}},
		MaxLifetime: 30 * time.Minute, MaxBindings: got.MaxBindings, TimestampWindow: got.TimestampWindow,
	}
	if diff := cmp.Diff(want, got, sameAddrs()); diff != "" {
		t.Error(diff)
	}
	if got.MaxBindings == 0 || got.TimestampWindow == 0 {
		t.Error("the configuration's defaults are not passed on")
	}
}
