package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// compareAddrs lets go-cmp look at addresses without their insides.
var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

const keyText = "00112233445566778899aabbccddeeff00112233\n"

var keyBytes = Key{
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
	0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11, 0x22, 0x33,
}

// write puts a configuration and a key beside it into a directory.
func write(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "mip6d.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte(keyText), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadHomeAgent(t *testing.T) {
	path := write(t, `
home_agent:
  links:
    - interface: eth0
      address: 2001:db8:1::1
      prefixes: [2001:db8:1::/64, "2001:db8:11::/64"]
      valid_lifetime: 2h
  max_lifetime: 30m
  max_bindings: 7
  timestamp_window: 9s
  mobile_nodes:
    - home_address: 2001:db8:1::100
      auth: {spi: 256, key_file: key}
    - home_address: 2001:db8:11::200
      router: true
      max_lifetime: 90s
      auth: {spi: 0xffffffff, key_file: key, replay: sequence, mn_id: mn200@example.org}
correspondent_node:
control: {socket: /tmp/s, group: staff, journal: 5}
kernel: {route_protocol: 200, rule_priority: 42, table: 77, tunnel_name: mip6x, tunnel_prefix: mip6y}
log: {level: debug, format: json}
metrics: {listen: "[::1]:9462"}
`)
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(filepath.Dir(path), "key")
	want := &Config{
		File: path,
		HomeAgent: &HomeAgent{
			Links: []HomeLink{{
				Interface: "eth0",
				Address:   netip.MustParseAddr("2001:db8:1::1"),
				Prefixes: []HomePrefix{
					{netip.MustParsePrefix("2001:db8:1::/64"), 2 * time.Hour, 2 * time.Hour},
					{netip.MustParsePrefix("2001:db8:11::/64"), 2 * time.Hour, 2 * time.Hour},
				},

				Advertise:     &Advertise{200 * time.Second, 600 * time.Second, 1800 * time.Second, 500 * time.Millisecond, true, true, 3 * time.Second},
				NeighbourRate: defaultNeighbourRate,
			}},
			MobileNodes: []MobileNodeEntry{
				{
					HomeAddress: netip.MustParseAddr("2001:db8:1::100"),
					MaxLifetime: 30 * time.Minute,
					Auth:        &Auth{SPI: 256, KeyFile: key, KeyFormat: KeyHex, Key: keyBytes, Replay: ReplayTimestamp},
				},
				{
					HomeAddress: netip.MustParseAddr("2001:db8:11::200"),
					MaxLifetime: 90 * time.Second,
					Router:      true,
					Auth:        &Auth{SPI: 1<<32 - 1, KeyFile: key, KeyFormat: KeyHex, Key: keyBytes, Replay: ReplaySequence, MNID: "mn200@example.org"},
				},
			},
			PrefixAdvertisements: &PrefixAdvertisements{600 * time.Second, 86400 * time.Second, true},

			MaxLifetime: 30 * time.Minute, MaxBindings: 7, TimestampWindow: 9 * time.Second,
		},
		CorrespondentNode: &CorrespondentNode{
			RouteOptimization: RouteOptimization{Default: true}, MaxBindings: 10000, MaxLifetime: 420 * time.Second,
		},
		RunDir: "/run/mip6d", StateDir: "/var/lib/mip6d",
		Control: Control{Socket: "/tmp/s", Group: "staff", GroupGiven: true, Journal: 5},
		Kernel:  Kernel{RouteProtocol: 200, RulePriority: 42, Table: 77, TunnelName: "mip6x", TunnelPrefix: "mip6y"},
		Log:     Log{Level: slog.LevelDebug, Format: LogJSON},
		Metrics: Metrics{Listen: "[::1]:9462"},
	}
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLoadMobileNode(t *testing.T) {
	path := write(t, `
run_dir: /run/mn1
mobile_node:
  homes:
    - home_address: 2001:db8:1::100/64
      home_agent: 2001:db8:1::1
      auth: {spi: 256, key_file: key, key_format: raw, replay: none}
    - {home_address: fd00::1/128, home_agent: 2001:db8:9::1, lifetime: 4s, link_local: true}
  interfaces: [{name: wlan0, preference: 10}, {name: wwan0, dad: off, use_tempaddr: leave, home_address_flag: off}]
  allow_unauthenticated: true
  release_on_stop: true
  route_optimization: {default: off, allow: [2001:db8:c::/48, 2001:db8:d::1], deny: [2001:db8:c:1::/64], idle_timeout: 1m, max_peers: 9}
  address_policy: {prefer: care_of, labels: [{prefix: "2001:db8:1::/64", label: 50}]}
`)
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		File: path,
		MobileNode: &MobileNode{
			Homes: []Home{
				{
					HomeAddress: netip.MustParsePrefix("2001:db8:1::100/64"),
					HomeAgent:   netip.MustParseAddr("2001:db8:1::1"),
					Lifetime:    420 * time.Second,
					Renumber:    true,
					Auth: &Auth{SPI: 256, KeyFile: filepath.Join(filepath.Dir(path), "key"), KeyFormat: KeyRaw,
						Key: Key(keyText), Replay: ReplayNone},
				},
				{
					HomeAddress: netip.MustParsePrefix("fd00::1/128"),
					HomeAgent:   netip.MustParseAddr("2001:db8:9::1"),
					Lifetime:    4 * time.Second,
					LinkLocal:   true,
					Renumber:    true,
				},
			},
			Interfaces: []Interface{
				{Name: "wlan0", Preference: 10, DAD: DADOptimistic, HomeAddressFlag: true}, {Name: "wwan0", Preference: 100, DAD: DADOff, KeepTempAddrs: true},
			},
			AllowUnauthenticated: true,
			ReleaseOnStop:        true,
			LoadSharing:          true,
			AddressPolicy:        AddressPolicy{Prefer: PreferCareOf, Labels: []AddressLabel{{netip.MustParsePrefix("2001:db8:1::/64"), 50}}},
			RouteOptimization: RouteOptimization{
				Allow:       []netip.Prefix{netip.MustParsePrefix("2001:db8:c::/48"), netip.MustParsePrefix("2001:db8:d::1/128")},
				Deny:        []netip.Prefix{netip.MustParsePrefix("2001:db8:c:1::/64")},
				IdleTimeout: time.Minute, RetryAfter: 5 * time.Minute, MaxPeers: 9,
			},
		},
		RunDir: "/run/mn1", StateDir: "/var/lib/mip6d",
		Control: Control{Socket: "/run/mn1/mip6d.sock", Group: "mip6", Journal: 8192},
		Kernel:  Kernel{RouteProtocol: 75, RulePriority: 627, Table: 6275, TunnelName: "mip6t", TunnelPrefix: "mip6n"},
		Log:     Log{Level: slog.LevelInfo, Format: LogText},
	}
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLoadAnchors(t *testing.T) {
	path := write(t, `
home_agent:
  links: [{interface: eth0, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64]}]
  mobile_nodes:
    - home_address: 2001:db8:1::100
      auth: &shared {spi: 256, key_file: key}
    - home_address: 2001:db8:1::101
      auth: *shared
`)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.HomeAgent.MobileNodes[0].Auth, c.HomeAgent.MobileNodes[1].Auth
	if a == b || !cmp.Equal(a, b) {
		t.Errorf("the alias gives %+v, the anchor %+v: want equal values in different places", b, a)
	}
}

func TestLoadUnreadable(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "none.yaml: no such file") {
		t.Errorf("Load of a missing file: %v", err)
	}
	if _, ok := err.(Problems); ok {
		t.Error("a missing file is reported as a problem within the file")
	}
}

// Requirements: 6275-7.5-3, 6275-7.5-4, 6275-7.5-5, 6275-7.5-7, 6275-7.5-9, 6275-7.5-10, 6275-13-1, 6275-13-3
func TestRFC6275_7_5_IntervalsOfAdvertisements(t *testing.T) {
	usual := Advertise{200 * time.Second, 600 * time.Second, 1800 * time.Second, 500 * time.Millisecond, true, true, 3 * time.Second}
	with := func(change func(*Advertise)) *Advertise {
		a := usual
		change(&a)
		return &a
	}
	for text, want := range map[string]*Advertise{
		"":                &usual,
		"advertise: on":   &usual,
		"advertise: {}":   &usual,
		"advertise: off":  nil,
		"advertise: true": &usual,
		// A shorter interval makes what hangs on it shorter too.
		"advertise: {max_interval: 70ms}": with(func(a *Advertise) {
			a.MinInterval, a.MaxInterval, a.MinDelay = 30*time.Millisecond, 70*time.Millisecond, 30*time.Millisecond
		}),
		"advertise: {max_interval: 6s}": with(func(a *Advertise) {
			a.MinInterval, a.MaxInterval, a.MinDelay = 2*time.Second, 6*time.Second, 2*time.Second
		}),
		"advertise: {min_interval: 30ms, max_interval: 1s, router_lifetime: 1s, answer_delay: 0s, min_delay: 10ms}": {
			30 * time.Millisecond, time.Second, time.Second, 0, true, true, 10 * time.Millisecond,
		},
		"advertise: {unsolicited: off, interval_option: off}": with(func(a *Advertise) { a.Unsolicited, a.IntervalOption = false, false }),
	} {
		got, err := Load(write(t, `
home_agent:
  links:
    - interface: eth0
      address: 2001:db8:1::1
      prefixes: [2001:db8:1::/64]
      `+text+"\n"))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got.HomeAgent.Links[0].Advertise); d != "" {
			t.Errorf("%q (-want +got)\n%s", text, d)
		}
	}
}

func TestHomePrefixesAndWhatMobileNodesHearOfThem(t *testing.T) {
	got, err := Load(write(t, `
home_agent:
  links:
    - interface: eth0
      address: 2001:db8:1::1
      valid_lifetime: 24h
      preferred_lifetime: 2h
      prefixes:
        - 2001:db8:1::/64
        - {prefix: 2001:db8:2::/64, valid_lifetime: 1h}
        - {prefix: 2001:db8:3::/64, preferred_lifetime: 0s}
    - {interface: eth1, address: 2001:db8:4::1, prefixes: [2001:db8:4::/64, {prefix: 2001:db8:5::/64, preferred_lifetime: 1h}]}
  prefix_advertisements: {min_interval: 1s, max_interval: 1h, unsolicited: off}
`))
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, l := range got.HomeAgent.Links {
		for _, p := range l.Prefixes {
			have = append(have, fmt.Sprint(p.Prefix, " ", p.Valid, " ", p.Preferred))
		}
	}
	want := []string{
		fmt.Sprint("2001:db8:1::/64 ", 24*time.Hour, " ", 2*time.Hour),
		fmt.Sprint("2001:db8:2::/64 ", time.Hour, " ", time.Hour), // the link's would be longer than it is valid
		fmt.Sprint("2001:db8:3::/64 ", 24*time.Hour, " ", time.Duration(0)),
		fmt.Sprint("2001:db8:4::/64 ", Forever, " ", Forever),
		fmt.Sprint("2001:db8:5::/64 ", Forever, " ", time.Hour),
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
	if a := got.HomeAgent.PrefixAdvertisements; *a != (PrefixAdvertisements{time.Second, time.Hour, false}) {
		t.Errorf("%+v", a)
	}
	got, err = Load(write(t, "home_agent: {"+goodLinks+", prefix_advertisements: off}\n"))
	if err != nil || got.HomeAgent.PrefixAdvertisements != nil {
		t.Errorf("off: %v, %v", got, err)
	}
}

func TestLoadMulticast(t *testing.T) {
	for text, want := range map[string]*Multicast{
		"":                 nil,
		", multicast: off": nil,
		", multicast: on":  {MaxGroups: 1024, MaxGroupsPerNode: 32, QueryInterval: 125 * time.Second},
		", multicast: {scopes: [site_local, admin_local, site_local], max_groups: 5, max_groups_per_node: 2, query_interval: 1m}": {
			Scopes: []Scope{ScopeSiteLocal, ScopeAdminLocal}, MaxGroups: 5, MaxGroupsPerNode: 2, QueryInterval: time.Minute,
		},
	} {
		got, err := Load(write(t, "home_agent: {"+goodLinks+text+"}\n"))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got.HomeAgent.Multicast); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}
