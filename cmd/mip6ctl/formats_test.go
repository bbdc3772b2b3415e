package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"mip6d/internal/ctl"
)

// noFormats are commands that refuse json and jsonl, having nothing to print but what they
// are for. "watch" goes on, and is tested by testdata/script/watchjson.txtar; -o is the
// file's name for "report".
var noFormats = map[string]string{
	"top": "top is for people", "completion bash": "no JSON", "bug-report -f -": "no JSON",
	"watch": "", "report": "",
}

// TestFormats: every command that prints an answer does so in all formats: json is one
// value, of jsonl each line is one, and people get no JSON. The others say that they don't.
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
	dir := t.TempDir()
	path, umip, findings := filepath.Join(dir, "s"), filepath.Join(dir, "umip.conf"), filepath.Join(dir, "whole.json")
	if err := os.WriteFile(umip, []byte("NodeConfig CN;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(findings, scriptFile(t, "testdata/script/doctor.txtar", "whole.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := ctl.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ctl.NewServer(fake, nil).Serve(ctx, l) }()
	defer func() { stop(); <-served }()

	answers := map[string]int{ // lines of jsonl
		"status": 1, "version": 1, "show stats": 1, "show ipsec": 1, "drain": 1, "reload": 1,
		"delete binding 2001:db8:1::100": 1, "decode 3b010500 00000001 c0000064 01020000": 1, "check ../../configs/correspondent-node.yaml": 1,
		"show bindings": 2, "show bul": 2, "show interfaces": 2, "show home-agents": 2, "show groups": 2, "show nonces": 2,
		"events": 2, "trace 2001:db8:1::100": 2, "ipsec migrate --old ::1 --new ::2 --dry-run": 2,
		"ro start 2001:db8:c::1": 1, "ro stop 2001:db8:c::1": 1, "flush bul 2001:db8:c::1": 1,
		"convert-umip " + umip: 1, "doctor --role cn --from " + findings: 1,
		"bug-report --without-doctor -f " + filepath.Join(dir, "%s.tar.gz"): 1,
	}
	for _, c := range leaves(newRoot()) {
		name := wordsOf(c)
		tested := func(line string) bool { return line == name || strings.HasPrefix(line, name+" ") }
		if _, none := noFormats[name]; !none && !slices.ContainsFunc(slices.Collect(maps.Keys(answers)), tested) {
			t.Errorf("%s: no format is tested", name)
		}
	}
	for command, why := range noFormats {
		for _, f := range []format{formatJSON, formatJSONLines} {
			if why == "" {
				continue
			}
			var out, errs bytes.Buffer
			args := append([]string{"--socket", path, "-o", string(f)}, strings.Fields(command)...)
			if status := run(args, &out, &errs); status != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), why) {
				t.Errorf("%s -o %s: status %d: %q %q", command, f, status, out.String(), errs.String())
			}
		}
	}
	for command, lines := range answers {
		for _, f := range formats {
			var out, errs bytes.Buffer
			args := append([]string{"--socket", path, "-o", f}, strings.Fields(strings.ReplaceAll(command, "%s", f))...)
			status := run(args, &out, &errs)
			told := errs.Len() > 0 && !(strings.HasPrefix(command, "convert-umip") && !format(f).forPrograms()) // what is to be done
			if status != exitOK || told || out.Len() == 0 {
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

// scriptFile is one of the files of a script.
func scriptFile(t *testing.T, script, name string) []byte {
	t.Helper()
	a, err := txtar.ParseFile(script)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	t.Fatalf("%s has no %s", script, name)
	return nil
}
