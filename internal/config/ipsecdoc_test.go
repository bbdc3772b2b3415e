package config

import (
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestIPsecDocument: the examples of docs/ipsec.md are right.
func TestIPsecDocument(t *testing.T) {
	text, err := os.ReadFile(top + "docs/ipsec.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) != 5 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		dir := t.TempDir()
		for _, name := range regexp.MustCompile(`/etc/mip6d/keys/[\w-]+`).FindAllString(e[1], -1) {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(fmt.Sprintf("%x", sha512.Sum512([]byte(name)))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := parse("ipsec.md", []byte(strings.ReplaceAll(e[1], "/etc/mip6d/keys/", dir+"/"))); err != nil {
			t.Errorf("%v\nin\n%s", err, e[1])
		}
	}
}
