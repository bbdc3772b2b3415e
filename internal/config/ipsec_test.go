package config

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadIPsec loads a mobile node with an ipsec section and files with keys.
func loadIPsec(t *testing.T, section, more string, files map[string]int) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, octets := range files {
		key := bytes.Repeat([]byte(name[:1]), octets)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(hex.EncodeToString(key)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`
mobile_node:
  homes:
    - home_address: 2001:db8:1::100/64
      home_agent: 2001:db8:1::1
      ipsec: %s
  interfaces: [{name: wlan0}]
  %s
`, section, more)
	file := filepath.Join(dir, "mip6d.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

var (
	testHome  = netip.MustParseAddr("2001:db8:1::100")
	testAgent = netip.MustParseAddr("2001:db8:1::1")
)

// TestIPsecKeysAreDerived: both sides derive the same keys, each security
// association another, and none that of another home address.
//
// Requirements: 6275-5.1-4, 3776-4.3-1, 3776-4.3-2, 4877-4.3-4
func TestIPsecKeysAreDerived(t *testing.T) {
	c, err := loadIPsec(t, "{spi: 4096, key_file: secret}", "", map[string]int{"secret": 32})
	if err != nil {
		t.Fatal(err)
	}
	i := c.MobileNode.Homes[0].IPsec
	if i.Enabled != [3]bool{true, true, false} {
		t.Errorf("protects %v", i.Enabled)
	}
	seen := make(map[string]bool)
	for p := range Purposes {
		for k := range Directions {
			for _, home := range []netip.Addr{testHome, testHome.Next()} {
				a, err := i.Association(p, k, home, testAgent)
				if err != nil {
					t.Fatal(err)
				}
				if a.SPI != uint32(4096+2*p+k) || a.Cipher != CipherCBC || len(a.Key) != 64 || seen[string(a.Key)] {
					t.Errorf("%s to %s: %d, %s, %d octets", Purposes[p], Directions[k], a.SPI, a.Cipher, len(a.Key))
				}
				seen[string(a.Key)] = true
			}
		}
	}
	// Computed by hand from RFC 5869 with Python's hmac and hashlib.
	a, err := i.Association(0, 0, testHome, testAgent)
	if got := hex.EncodeToString(a.Key[:16]); err != nil || got != "b12b703a9a1dd1ce4e22c1ba897efad6" {
		t.Errorf("the first key begins with %s (%v)", got, err)
	}
}

// Requirements: 6275-5.1-4
func TestIPsecKeysAreGiven(t *testing.T) {
	c, err := loadIPsec(t, `
        algorithm: rfc4106(gcm(aes))
        return_routability: off
        associations:
          - {for: signalling, to: home_agent, spi: 300, key_file: a}
          - {for: signalling, to: mobile_node, spi: 300, key_file: b, algorithm: aes-cbc/hmac-sha256}`, "",
		map[string]int{"a": 20, "b": 48})
	if err != nil {
		t.Fatal(err)
	}
	i := c.MobileNode.Homes[0].IPsec
	up, err := i.Association(0, 0, testHome, testAgent)
	aes, rest := up.Split()
	if err != nil || up.SPI != 300 || up.Cipher != CipherGCM || len(aes) != 16 || len(rest) != 4 {
		t.Errorf("up: %d %s %d+%d (%v)", up.SPI, up.Cipher, len(aes), len(rest), err)
	}
	down, err := i.Association(0, 1, testHome, testAgent)
	aes, rest = down.Split()
	if err != nil || down.SPI != 300 || down.Cipher != CipherCBC || len(aes) != 16 || len(rest) != 32 {
		t.Errorf("down: %d %s %d+%d (%v)", down.SPI, down.Cipher, len(aes), len(rest), err)
	}
}

func TestIPsecProblems(t *testing.T) {
	files := map[string]int{"secret": 32, "a": 48, "b": 48, "c": 21}
	for _, c := range []struct{ section, more, want string }{
		{"{spi: 4096}", "", "has no key for signalling to home_agent: give spi and key_file, from which all are derived, or both associations"},
		{"{spi: 4096, key_file: secret, payload: on}", "", "mobile_node.route_optimization lets packets go directly, unprotected"},
		{"{spi: 4096, key_file: secret, payload: on}\n      ipv4_home_address: 192.0.2.100", "route_optimization: {default: off}", "does not protect IPv4 packets"},
		{"{spi: 4096, key_file: secret, payload: on}", "route_optimization: {default: off}\ncorrespondent_node: {}", "correspondent_node lets packets go directly"},
		{"{spi: 4096, key_file: secret, algorithm: null}", "", "algorithm"},
		{"{return_routability: off, associations: [{for: signalling, to: home_agent, spi: 300, key_file: a}]}", "",
			"associations have one for signalling in one direction only: give the one to mobile_node as well"},
		{"{return_routability: off, associations: [{for: signalling, to: home_agent, spi: 300, key_file: a}, {for: signalling, to: mobile_node, spi: 301, key_file: a}]}", "",
			"every security association has one of its own"},
		{"{return_routability: off, associations: [{for: signalling, to: home_agent, spi: 300, key_file: a}, {for: signalling, to: home_agent, spi: 301, key_file: b}]}", "",
			"is a second one for signalling to home_agent"},
		{"{return_routability: off, associations: [{for: signalling, to: home_agent, spi: 300, key_file: a}, {for: signalling, to: mobile_node, spi: 301, key_file: c}]}", "",
			"has 21 bytes, and aes-cbc/hmac-sha256 wants 48, 56 or 64"},
		{"{spi: 4096, key_file: secret, associations: [{for: signalling, to: home_agent, spi: 4098, key_file: a}, {for: signalling, to: mobile_node, spi: 301, key_file: b}]}", "",
			"the spi 4098 of return_routability to home_agent is here again"},
		{"{spi: 4096, key_file: missing}", "", "missing is not there"},
		{"{ike: {number: 1}, spi: 4096, key_file: secret}", "", "spi: is of static keys, and ike has keys made by the IKE daemon"},
		{"{ike: {number: 1}, payload: on}", "route_optimization: {default: off}", "payload: is not there with ike"},
		{"{ike: {number: 16384}}", "", "out of range"},
		{"{ike: {mobility: off}}", "", "number: is missing"},
	} {
		_, err := loadIPsec(t, c.section, c.more, files)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.section, err, c.want)
		}
	}
	if _, err := loadIPsec(t, "{spi: 4096, key_file: secret, payload: on}", "route_optimization: {default: off}", files); err != nil {
		t.Error(err)
	}
}

// Requirements: 6275-5.1-5
func TestRFC6275_5_1_EveryMobileNodeHasItsOwnSecret(t *testing.T) {
	dir := t.TempDir()
	for name, letter := range map[string]string{"one": "aa", "same": "aa", "two": "bb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat(letter, 32)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := `
home_agent:
  links: [{interface: lo, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64]}]
  mobile_nodes:
    - {home_address: 2001:db8:1::100, ipsec: {spi: 4096, key_file: one}}
    - {home_address: 2001:db8:1::200, ipsec: {spi: SPI, key_file: FILE}}
`
	for _, c := range []struct{ spi, file, want string }{
		{"5000", "two", ""},
		{"5000", "same", "which 2001:db8:1::100 has as well and could use in this one's name"},
		{"4100", "two", "the spi 4100 of signalling to home_agent is here again"},
	} {
		file := filepath.Join(dir, "mip6d.yaml")
		if err := os.WriteFile(file, []byte(strings.NewReplacer("SPI", c.spi, "FILE", c.file).Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("spi %s, key %s: %v, want %s", c.spi, c.file, err, c.want)
		}
	}
}

func TestIKE(t *testing.T) {
	c, err := loadIPsec(t, "{ike: {number: 7}}", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	i := c.MobileNode.Homes[0].IPsec
	if i.IKE.Number != 7 || !i.MovesKeys() || i.Enabled != [...]bool{true, true, false} {
		t.Errorf("%+v %+v", i, i.IKE)
	}
	if c, err = loadIPsec(t, "{ike: {number: 7, mobility: off}}", "", nil); err != nil || c.MobileNode.Homes[0].IPsec.MovesKeys() {
		t.Error(err)
	}
	if (&IPsec{}).MovesKeys() || (*IPsec)(nil).MovesKeys() {
		t.Error("keys that are static, or none, move")
	}
	_, err = parse("test.yaml", []byte(`
home_agent:
  links: [{interface: lo, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64]}]
  mobile_nodes:
    - {home_address: 2001:db8:1::100, ipsec: {ike: {number: 7}}}
    - {home_address: 2001:db8:1::200, ipsec: {ike: {number: 7}}}
`))
	if err == nil || !strings.Contains(err.Error(), "each home address has a number of its own") {
		t.Error(err)
	}
}
