package testkernel

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// HideModule takes a module out of the kernel and keeps it from being loaded until
// the test ends. It is for the VM alone.
func HideModule(t testing.TB, name string) {
	t.Helper()
	if os.Getenv("MIP6D_VM") == "" {
		t.Fatal("modules are hidden in the VM only")
	}
	var file string
	err := filepath.WalkDir("/lib/modules", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == name+".ko" {
			file = path
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("find the module %s: %q, %v", name, file, err)
	}
	if err := os.Rename(file, file+".hidden"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Rename(file+".hidden", file); err != nil {
			t.Error(err)
		}
	})
	// What used it may have been in a namespace that the kernel has yet to clear away.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := unix.DeleteModule(name, unix.O_NONBLOCK)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return
		}
		if !errors.Is(err, unix.EAGAIN) || time.Now().After(end) {
			t.Fatalf("take the module %s out of the kernel: %v", name, err)
		}
	}
}
