package probe

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNameOfAProtocol(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("rt_protos", "# 75 mip6\n0\tunspec\n4\tstatic # not 75\n0x10\tdhcp\n75\n")
	write("mip6.conf.off", "75 mip6\n")
	files := []string{filepath.Join(dir, "rt_protos"), filepath.Join(dir, "*.conf"), filepath.Join(dir, "none")}
	for protocol, want := range map[uint8]bool{4: true, 16: true, 75: false, 5: false} {
		if err := named(protocol, files); (err == nil) != want {
			t.Errorf("protocol %d has a name: %v, want %v", protocol, err, want)
		}
	}
	write("mip6.conf", "75\tmip6\n")
	if err := named(75, files); err != nil {
		t.Error(err)
	}
}

// TestShippedNameIsFound: what we ship is read as iproute2 reads it.
func TestShippedNameIsFound(t *testing.T) {
	if err := named(75, []string{"../../configs/rt_protos.d/*.conf"}); err != nil {
		t.Error(err)
	}
}
