package vm

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArchiveMakesDirectoriesAndKeepsFirst(t *testing.T) {
	a := &archive{have: map[string]bool{}}
	a.addBytes([]byte("first"), "/bin/tool", 0o755)
	a.addBytes([]byte("second"), "bin//tool", 0o755)
	a.addLink("/usr/bin/tool", "/bin/tool")
	var names []string
	for _, r := range a.records {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"bin", "bin/tool", "usr", "usr/bin", "usr/bin/tool"}, names); diff != "" {
		t.Error(diff)
	}
	if got := a.records[1].FileSize; got != uint64(len("first")) {
		t.Errorf("%d bytes, want those of the first", got)
	}
}

func TestArchiveTakesDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub", "f"), []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	a := &archive{have: map[string]bool{}}
	if err := a.addFile(dir, "/data", 0); err != nil {
		t.Fatal(err)
	}
	last := a.records[len(a.records)-1]
	if last.Name != "data/sub/f" || last.Mode&0o777 != 0o640 {
		t.Errorf("record %s with mode %o", last.Name, last.Mode)
	}
}

func TestWantModule(t *testing.T) {
	for file, want := range map[string]bool{
		"kernel/net/ipv6/esp6.ko":                 true,
		"kernel/drivers/net/veth.ko":              true,
		"kernel/drivers/char/virtio_console.ko":   true,
		"kernel/drivers/virtio/virtio_pci.ko":     true,
		"kernel/drivers/gpu/drm/drm.ko":           false,
		"kernel/net/ipv6x/other.ko":               false,
		"kernel/drivers/net/ethernet/vethlike.ko": false,
	} {
		if got := wantModule(file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

func tarOf(t *testing.T, name, content string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestUnpackStaysInItsDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := unpack(tarOf(t, "demo/report", "hello"), dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "demo", "report")); err != nil || string(b) != "hello" {
		t.Errorf("unpacked %q, %v", b, err)
	}
	if err := unpack(tarOf(t, "../out", "x"), dir); err == nil {
		t.Error("a name that leaves the directory was accepted")
	}
	if err := unpack(new(bytes.Buffer), dir); err != nil {
		t.Errorf("nothing to fetch: %v", err)
	}
}

func TestConsoleKeepsItsEndAndFindsTrouble(t *testing.T) {
	c := new(console)
	for range consoleLines {
		if _, err := c.Write([]byte("noise\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"[ 1.0] BUG: unable to ", "handle page fault\r\nlast ", "words"} {
		if _, err := c.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"[ 1.0] BUG: unable to handle page fault"}, c.trouble()); diff != "" {
		t.Error(diff)
	}
	if tail := c.tail(); !strings.HasSuffix(tail, "last words") || strings.Count(tail, "\n") != 39 {
		t.Errorf("the tail is %q", tail)
	}
}
