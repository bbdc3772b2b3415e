package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadKey(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		mode   os.FileMode
		format KeyFormat
		want   Key
		err    string // FILE stands for the file's name
	}{
		{name: "hex", text: keyText, mode: 0o600, want: keyBytes},
		{name: "owner may only read", text: keyText, mode: 0o400, want: keyBytes},
		{name: "capitals and white space", text: " 0011 2233 4455 6677\n8899 AABB CCDD EEFF\r\n0011 2233\n\n", mode: 0o600, want: keyBytes},
		{name: "raw", text: "sixteen bytes !\n", mode: 0o600, format: KeyRaw, want: Key("sixteen bytes !\n")},
		{name: "raw that looks like hex", text: "00112233445566778899aabbccddeeff", mode: 0o600, format: KeyRaw, want: Key("00112233445566778899aabbccddeeff")},
		{name: "shortest", text: strings.Repeat("ab", 16), mode: 0o600, want: Key(strings.Repeat("\xab", 16))},
		{name: "longest", text: strings.Repeat("ab", 256), mode: 0o600, want: Key(strings.Repeat("\xab", 256))},

		{name: "odd", text: keyText[1:], mode: 0o600,
			err: "FILE has an odd number of hexadecimal digits: one is missing or too many"},
		{name: "no hex", text: "correct horse battery staple", mode: 0o600,
			err: "FILE holds something else than hexadecimal digits: for a key as it is, say key_format: raw"},
		{name: "short", text: strings.Repeat("ab", 15), mode: 0o600,
			err: "FILE holds a key of 15 bytes: at least 16 are needed, 20 are good (openssl rand -hex 20)"},
		{name: "empty", mode: 0o600,
			err: "FILE holds a key of 0 bytes: at least 16 are needed, 20 are good (openssl rand -hex 20)"},
		{name: "long", text: strings.Repeat("ab", 257), mode: 0o600,
			err: "FILE holds more than 256 bytes: that is probably not a key"},
		{name: "group may read", text: keyText, mode: 0o640,
			err: "FILE has mode 0640, so that others than its owner may use the key: chmod 600 FILE, and make a new key if they may have read it"},
		{name: "everybody may read", text: keyText, mode: 0o604,
			err: "FILE has mode 0604, so that others than its owner may use the key: chmod 600 FILE, and make a new key if they may have read it"},
		{name: "group may write", text: keyText, mode: 0o620,
			err: "FILE has mode 0620, so that others than its owner may use the key: chmod 600 FILE, and make a new key if they may have read it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, tt.mode); err != nil {
				t.Fatal(err)
			}
			format := tt.format
			if format == "" {
				format = KeyHex
			}
			got, err := readKey(file, format)
			text := ""
			if err != nil {
				text = strings.ReplaceAll(err.Error(), file, "FILE")
			}
			if text != tt.err {
				t.Errorf("error %q, want %q", text, tt.err)
			}
			if diff := cmp.Diff([]byte(tt.want), []byte(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadKeyNotAFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, pipe} {
		if _, err := readKey(name, KeyHex); err == nil || err.Error() != name+" is not a regular file" {
			t.Errorf("readKey(%s): %v", name, err)
		}
	}
	gone := filepath.Join(dir, "gone")
	if _, err := readKey(gone, KeyHex); err == nil || !strings.HasPrefix(err.Error(), gone+" is not there: make one with ") {
		t.Errorf("readKey of a missing file: %v", err)
	}
}

func TestReadKeyOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(keyText), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, 12345, -1); err != nil {
		t.Fatal(err)
	}
	want := file + " belongs to uid 12345, who may change it: chown it to root or to uid 0, as whom mip6d runs"
	if _, err := readKey(file, KeyHex); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestLoadReportsKeys: a bad key stands among the other problems, at its place.
func TestLoadReportsKeys(t *testing.T) {
	path := write(t, `
mobile_node:
  homes: [{home_address: 2001:db8:1::100/64, home_agent: 2001:db8:1::1, auth: {spi: 1, key_file: none}}]
  interfaces: [{name: eth0, weight: 1}]
`)
	key := filepath.Join(filepath.Dir(path), "none")
	want := []string{
		path + ":3:85: mobile_node.homes[0].auth.spi: is 1, out of range: wants a whole number from 256 to 4294967295",
		path + ":3:98: mobile_node.homes[0].auth.key_file: " + key + " is not there: make one with \"(umask 077; openssl rand -hex 20 > " + key + ")\" and give both sides the same",
		path + ":4:29: mobile_node.interfaces[0].weight: unknown key; there are in mobile_node.interfaces[0]: name, preference, dad, use_tempaddr, home_address_flag",
	}
	_, err := Load(path)
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestKeyNeverPrinted: however a key is printed, it doesn't show.
func TestKeyNeverPrinted(t *testing.T) {
	a := Auth{SPI: 256, Key: Key("sixteen bytes !!")}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "auth", a, "key", a.Key)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "auth", a, "key", a.Key)
	out := fmt.Sprintf("%v %+v %#v %s %x %q %d", a, a, a, a.Key, a.Key, a.Key, a.Key) + log.String()
	for _, secret := range []string{"sixteen", fmt.Sprintf("%x", "sixteen"), "115 105 120", "c2l4dGVlbg"} {
		if strings.Contains(out, secret) {
			t.Errorf("the key shows as %s in:\n%s", secret, out)
		}
	}
	if !strings.Contains(out, redacted) {
		t.Errorf("no placeholder in %s", out)
	}
}
