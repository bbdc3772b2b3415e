package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mip6d/internal/ctl"
)

// TestFormats: every command that prints an answer does so in all formats: json is one
// value, of jsonl each line is one, and people get no JSON.
func TestFormats(t *testing.T) {
	home, careOf := netip.MustParseAddr("2001:db8:1::100"), netip.MustParseAddr("2001:db8:f1::5")
	now := time.Now()
	fake := &ctl.Fake{
		StatusIs:      ctl.Status{Version: "1", Config: "/c", Roles: []string{ctl.RoleHomeAgent}},
		BindingsAre:   make([]ctl.Binding, 2),
		BULIs:         make([]ctl.BindingUpdate, 2),
		InterfacesAre: make([]ctl.Interface, 2), HomeAgentsAre: make([]ctl.HomeAgent, 2), GroupsAre: make([]ctl.Group, 2), NoncesAre: make([]ctl.Nonce, 2),
		StatsAre:    ctl.Stats{Counters: map[string]uint64{"mh_in": 1}},
		IPsecIs:     ctl.IPsec{Policies: make([]ctl.IPsecPolicy, 1)},
		MigratedAre: make([]ctl.Migrated, 2),
		EventsAre:   ctl.Events{Since: now, Events: make([]ctl.Event, 2)},
		TraceIs:     ctl.Trace{HomeAddress: home, Steps: make([]ctl.TraceStep, 2)},
		DrainIs:     ctl.Drain{Draining: true},
		DeletedIs:   ctl.Binding{HomeAddress: home, CareOf: careOf},
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := ctl.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ctl.NewServer(fake, nil).Serve(ctx, l) }()
	defer func() { stop(); <-served }()

	for command, lines := range map[string]int{ // of jsonl
		"status": 1, "version": 1, "show stats": 1, "show ipsec": 1, "drain": 1, "reload": 1,
		"delete binding 2001:db8:1::100": 1, "decode 3b010500 00000001 c0000064 01020000": 1, "check ../../configs/correspondent-node.yaml": 1,
		"show bindings": 2, "show bul": 2, "show interfaces": 2, "show home-agents": 2, "show groups": 2, "show nonces": 2,
		"events": 2, "trace 2001:db8:1::100": 2, "ipsec migrate --old ::1 --new ::2 --dry-run": 2,
	} {
		for _, f := range formats {
			var out, errs bytes.Buffer
			args := append([]string{"--socket", path, "-o", f}, strings.Fields(command)...)
			if status := run(args, &out, &errs); status != exitOK || errs.Len() > 0 || out.Len() == 0 {
				t.Errorf("%s -o %s: status %d: %s", command, f, status, errs.String())
				continue
			}
			whole := json.Valid(out.Bytes())
			switch format(f) {
			case formatJSON:
				if !whole || !strings.Contains(out.String(), "\n ") {
					t.Errorf("%s -o json: %s", command, out.String())
				}
			case formatJSONLines:
				each := strings.Split(strings.TrimSpace(out.String()), "\n")
				for _, line := range each {
					if !json.Valid([]byte(line)) {
						t.Errorf("%s -o jsonl: %s", command, line)
					}
				}
				if len(each) != lines {
					t.Errorf("%s -o jsonl: %d lines, want %d", command, len(each), lines)
				}
			default:
				if whole && !strings.HasPrefix(command, "decode") {
					t.Errorf("%s -o %s prints JSON: %s", command, f, out.String())
				}
			}
		}
	}
}
