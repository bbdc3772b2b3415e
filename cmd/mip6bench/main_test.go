package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/loadgen"
	"mip6d/internal/mh"
)

var required = []string{"-home-agent", "2001:db8:1::1", "-first-home", "2001:db8:1::1:0", "-care-of", "2001:db8:f9::/48"}

func TestWrongCommandLines(t *testing.T) {
	dir := t.TempDir()
	noKey := filepath.Join(dir, "nokey")
	if err := os.WriteFile(noKey, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"no address of the home agent given":     required[2:],
		"no prefix of care-of addresses":         required[:4],
		"unexpected argument":                    append(required, "more"),
		"not defined":                            append(required, "-what"),
		`kind of registration "third"`:           append(required, "-phases", "first,third"),
		"-rate":                                  append(required, "-rate", "-1"),
		"-share 2":                               append(required, "-share", "2"),
		"SPI 7":                                  append(required, "-key-file", noKey, "-spi", "7"),
		"SPI 4294967552: want 32 bits":           append(required, "-key-file", noKey, "-spi", "4294967552"),
		"want a key in hexadecimal":              append(required, "-key-file", noKey),
		"no such file":                           append(required, "-key-file", filepath.Join(dir, "none")),
		"-interface mip6none":                    append(required, "-interface", "mip6none"),
		`replay protection "maybe": want timest`: append(required, "-key-file", noKey, "-replay", "maybe"),
	} {
		var out, errOut strings.Builder
		if code := run(context.Background(), args, &out, &errOut); code != exitUsage || !strings.Contains(errOut.String(), want) || out.Len() > 0 {
			t.Errorf("%q: status %d, said %q, want %q", args, code, errOut.String(), want)
		}
	}
	var out, errOut strings.Builder
	if code := run(context.Background(), []string{"-h"}, &out, &errOut); code != 0 || !strings.Contains(errOut.String(), "-first-home") {
		t.Errorf("-h: status %d, said %q", code, errOut.String())
	}
}

func TestPhases(t *testing.T) {
	o, err := parse(append(required, "-nodes", "2", "-phases", "first,mixed,deregistration", "-rate", "5", "-mixed-for", "3s", "-share", "1"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, l := range o.loads() {
		if l.Rate != 5 {
			t.Errorf("%+v", l)
		}
		var part []string
		for i, k := range l.Order {
			if part = append(part, k.String()+[]string{" 0", " 1"}[i]); len(part) == 3 {
				break
			}
		}
		got = append(got, part)
		if want := map[bool]time.Duration{true: 3 * time.Second}[len(got) == 2]; l.For != want {
			t.Errorf("phase %d lasts %v", len(got), l.For)
		}
	}
	want := [][]string{
		{"first 0", "first 1"}, {"care_of_change 0", "care_of_change 1", "care_of_change 0"}, {"deregistration 0", "deregistration 1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPrintConfig(t *testing.T) {
	var out strings.Builder
	args := append(required, "-nodes", "2", "-routers", "1", "-key-file", "/etc/mip6d/keys/all", "-replay", "sequence", "-print-config")
	if code := run(context.Background(), args, &out, io.Discard); code != 0 {
		t.Fatalf("status %d", code)
	}
	want := `  mobile_nodes:
    - {home_address: "2001:db8:1::1:0", auth: {spi: 256, key_file: /etc/mip6d/keys/all, replay: sequence}}
    - {home_address: "2001:db8:1::1:1", router: true, auth: {spi: 256, key_file: /etc/mip6d/keys/all, replay: sequence}}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

var results = []loadgen.Result{
	{Kind: loadgen.First, Begun: 10, Accepted: 7, Refused: map[mh.Status]int{146: 1, 130: 2}, PerSecond: 12.34, P50: 1000, P90: 1001, P99: 1002, Max: 1003},
	{Kind: loadgen.CareOfChange, WantedPerSecond: 50, Begun: 10, Accepted: 9, Lost: 1, Retransmitted: 3, Stale: 2, LateP99: 30},
}

func TestOutput(t *testing.T) {
	var text, doc strings.Builder
	o := options{population: loadgen.Population{Nodes: 10}}
	for _, r := range results {
		w := newWriter(&text, o)
		w.result(r)
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"first                  10         7        3       0       0      12.3   1000.00   1001.00   1002.00   1003.00  status 130: 2 (",
		"status 146: 1 (", "care_of_change         10         9        0       1       3", "2 answers too late", "up to 30 ms late itself",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	o.json = true
	w := newWriter(&doc, o)
	for _, r := range results {
		w.result(r)
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal([]byte(doc.String()), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(results, got.Results); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, key := range []string{`"kind": "care_of_change"`, `"per_second"`, `"p50_ms"`, `"p99_ms"`, `"130": 2`, `"lost": 1`} {
		if !strings.Contains(doc.String(), key) {
			t.Errorf("no %s in\n%s", key, doc.String())
		}
	}
}

// The manual page names every flag.
func TestManPageIsComplete(t *testing.T) {
	page, err := os.ReadFile("../../man/mip6bench.8")
	if err != nil {
		t.Fatal(err)
	}
	var help strings.Builder
	if _, err := parse([]string{"-h"}, &help); err != flag.ErrHelp {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(help.String()) {
		if name, ok := strings.CutPrefix(line, "  -"); ok {
			n++
			if name, _, _ = strings.Cut(strings.TrimSpace(name), " "); !strings.Contains(string(page), ".It Fl "+name) {
				t.Errorf("-%s is not in mip6bench(8)", name)
			}
		}
	}
	if n < 15 {
		t.Errorf("%d flags found in\n%s", n, help.String())
	}
}
