package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mip6d/internal/ctl"
)

// Secrets that are planted wherever a report looks. One is configured, and so is known;
// one is not, but looks like a key; one is a word in the configuration.
var (
	knownKey   = []byte("correct horse battery\n") // raw, with the newline of its file
	unknownKey = "0x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	worded     = "hunter2hunter2"
	stable     = "2001:db8:dead:beef:8:800:200c:417a"
)

const reportConfig = `# the old key was hunter2hunter2
home_agent:
  links:
    - {interface: lo, address: "2001:db8:1::1", prefixes: [{prefix: "2001:db8:1::/64"}]}
  mobile_nodes:
    - home_address: 2001:db8:1::100
      auth: {spi: 256, key_file: key, key_format: raw} # hunter2hunter2
`

// reported makes a report, of a daemon and programs that give everything away, and
// returns its files.
func reported(t *testing.T, config string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("key", string(knownKey), 0o600)
	file := write("mip6d.yaml", config, 0o600)
	for _, p := range []string{"ip", "journalctl", "systemctl", "sysctl", "tc", "uname"} {
		write(p, fmt.Sprintf("#!/bin/sh\necho \"%s $*\"\necho auth-trunc 'hmac(sha256)' %s 96\necho %s\n", p, unknownKey, hex.EncodeToString(knownKey)+"\necho net.ipv6.conf.all.stable_secret = "+stable), 0o755)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))

	socket := filepath.Join(dir, "s")
	l, err := ctl.Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	fake := &ctl.Fake{
		StatusIs: ctl.Status{Config: file, Problems: []ctl.Problem{{Text: "the key is " + string(knownKey)}}},
		EventsAre: ctl.Events{Events: []ctl.Event{
			{Text: "base64 " + base64.StdEncoding.EncodeToString(knownKey)}, {Text: strings.ToUpper(hex.EncodeToString(knownKey))},
		}},
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ctl.NewServer(fake, nil).Serve(ctx, l) }()
	defer func() { stop(); <-served }()

	tarball := filepath.Join(dir, "report.tar.gz")
	var out, errs bytes.Buffer
	if status := run([]string{"--socket", socket, "bug-report", "--without-doctor", "-f", tarball}, &out, &errs); status != exitOK {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	if !strings.Contains(out.String(), tarball) || !strings.Contains(out.String(), "look through it") {
		t.Errorf("said %q", out.String())
	}
	if info, err := os.Stat(tarball); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the report may be read by others: %v, %v", info.Mode(), err)
	}
	if status := run([]string{"--socket", socket, "bug-report", "--without-doctor", "-f", tarball}, io.Discard, io.Discard); status != exitError {
		t.Error("a file that is there is written over")
	}
	return unpack(t, tarball)
}

func unpack(t *testing.T, tarball string) map[string]string {
	t.Helper()
	f, err := os.Open(tarball)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for r := tar.NewReader(z); ; {
		head, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(head.Name, "mip6d-bug-report/")] = string(text)
	}
}

// TestBugReportHasNoSecrets plants keys in the configuration, in what mip6d answers and in
// what programs print, and looks for them in every file of the report.
func TestBugReportHasNoSecrets(t *testing.T) {
	files := reported(t, reportConfig)
	digits := hex.EncodeToString(knownKey)
	for name, text := range files {
		for _, secret := range []string{
			string(knownKey), strings.TrimSpace(string(knownKey)), digits, strings.ToUpper(digits), base64.StdEncoding.EncodeToString(knownKey),
			unknownKey, unknownKey[2:], worded, stable,
		} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the secret %q", name, secret)
			}
		}
	}
	for _, want := range []string{
		"status.json", "stats.json", "events.json", "ipsec.json", "bindings.json", "config.yaml", "mip6ctl.txt", "log.txt",
		"kernel/routes6.txt", "kernel/xfrm-states.txt", "kernel/xfrm-policies.txt", "kernel/proxies.txt", "kernel/tc.txt",
	} {
		if files[want] == "" {
			t.Errorf("there is no %s", want)
		}
	}
	if !strings.Contains(files["kernel/xfrm-states.txt"], "ip -d xfrm state list nokeys") || !strings.Contains(files["kernel/xfrm-states.txt"], redacted) {
		t.Errorf("xfrm-states.txt: %s", files["kernel/xfrm-states.txt"])
	}
	if !strings.Contains(files["config.yaml"], "home_address: 2001:db8:1::100") || !strings.Contains(files["config.yaml"], "key_file: key") {
		t.Errorf("config.yaml: %s", files["config.yaml"])
	}
	if !json.Valid([]byte(files["events.json"])) {
		t.Errorf("events.json is no JSON any more: %s", files["events.json"])
	}
}

// TestBugReportOfAWrongConfiguration: keys that stand in the file itself, where they should
// not, are taken out too, and what is wrong is told.
func TestBugReportOfAWrongConfiguration(t *testing.T) {
	files := reported(t, strings.Replace(reportConfig, "key_file: key, key_format: raw", "key: "+worded+", psk: [a, "+worded+"]", 1))
	for name, text := range files {
		if strings.Contains(text, worded) {
			t.Errorf("%s has the secret: %s", name, text)
		}
	}
	if !strings.Contains(files["config-problems.txt"], "unknown key") {
		t.Errorf("config-problems.txt: %q", files["config-problems.txt"])
	}
}

// TestBugReportWithoutADaemon has what there is, and says what there is not.
func TestBugReportWithoutADaemon(t *testing.T) {
	dir := t.TempDir()
	tarball := filepath.Join(dir, "r.tar.gz")
	var out bytes.Buffer
	status := run([]string{"--socket", filepath.Join(dir, "none"), "bug-report", "--without-doctor", "-c", filepath.Join(dir, "none.yaml"), "-f", tarball, "-o", "json"}, &out, io.Discard)
	var said struct {
		File    string
		Missing []string
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil || status != exitOK || said.File != tarball {
		t.Fatalf("status %d: %s", status, out.String())
	}
	if !slices.ContainsFunc(said.Missing, func(m string) bool { return strings.HasPrefix(m, "what mip6d says: mip6d is not running") }) {
		t.Errorf("missing: %q", said.Missing)
	}
	if files := unpack(t, tarball); !strings.Contains(files["missing.txt"], "config.yaml") || files["mip6ctl.txt"] == "" {
		t.Errorf("%q", files)
	}
}

func TestLooksSecret(t *testing.T) {
	r := newRedactor(nil)
	for text, want := range map[string]string{
		"enc cbc(aes) 0x00112233445566778899aabbccddeeff":           "enc cbc(aes) " + redacted,
		"00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff":           redacted,
		"2001:0db8:0000:0000:0000:0000:0000:0001 02:00:00:00:00:01": "2001:0db8:0000:0000:0000:0000:0000:0001 02:00:00:00:00:01",
		"20010db8000000000000000000000001 is an address to /proc":   redacted + " is an address to /proc",
		"Ip6InOctets 18446744073709551615":                          "Ip6InOctets 18446744073709551615",
	} {
		if got := string(r.redact([]byte(text))); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
