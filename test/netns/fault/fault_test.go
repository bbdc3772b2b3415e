package fault

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/testkernel"
)

const victimWord = "fault-victim"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == victimWord {
		victim(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// tries is how often the victim does each thing.
const tries = 300

// victim syncs a file and lists interfaces, and says how often each failed.
func victim(dir string) {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		fmt.Println(err)
		return
	}
	var disk, requests int
	for range tries {
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			disk++
		}
		if _, err := netlink.LinkList(); err != nil {
			requests++
		}
	}
	fmt.Println(disk, requests)
}

// TestKernelInjection: what is armed fails as often as it is to, and the rest goes on.
func TestKernelInjection(t *testing.T) {
	testkernel.Require(t)
	dir := t.TempDir()
	i, err := New(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	wrap, err := i.Wrap()
	if err != nil {
		t.Fatal(err)
	}
	run := func(r Rates) (disk, requests int) {
		t.Helper()
		i.Arm(r)
		var out bytes.Buffer
		cmd := exec.Command(wrap[0], append(append([]string{}, wrap[1:]...), os.Args[0], victimWord, dir)...)
		cmd.Stdout, cmd.Stderr = &out, os.Stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(out.String(), &disk, &requests); err != nil {
			t.Fatalf("%v: %q", err, out.String())
		}
		return disk, requests
	}
	if disk, requests := run(Rates{}); disk+requests > 0 {
		t.Errorf("nothing is armed, and %d syncs and %d requests fail", disk, requests)
	}
	disk, requests := run(Rates{Disk: 0.5, Request: 0.1})
	if disk < tries/3 || disk > tries*2/3 || requests < tries/30 || requests > tries/4 {
		t.Errorf("of %d, %d syncs and %d requests fail", tries, disk, requests)
	}
	if n := i.Counts(); n[Disk] != disk || n[Request] != requests || n[Answer] != 0 {
		t.Errorf("counted %v, and %d syncs and %d requests failed", n, disk, requests)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}
