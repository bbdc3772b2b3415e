package packages

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// TestLifeOfTheRPM has Debian's rpm install, upgrade and remove ours in a Debian tree, with its scriptlets: a root for
// them is all that is asked of it. Dependencies are left out, as rpm knows nothing of what dpkg has installed.
func TestLifeOfTheRPM(t *testing.T) {
	tree, older, newer := os.Getenv("MIP6D_DEBIAN_TREE"), os.Getenv("MIP6D_OLD_RPM"), os.Getenv("MIP6D_NEW_RPM")
	if tree == "" {
		t.Skip("wants a Debian tree, two rpms: make test-packages")
	}
	if os.Geteuid() != 0 {
		t.Skip("rpm installs as root only")
	}
	m := &machine{TB: t, Node: &node.Node{Name: "rpm"}, root: t.TempDir()}
	// A root is readable by all.
	if err := os.Chmod(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	m.must(exec.CommandContext(t.Context(), "tar", "-xf", tree, "--numeric-owner", "-C", m.root))
	if err := unix.Mount("proc", m.root+"/proc", "proc", 0, ""); err != nil { // systemd-tmpfiles wants it
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(m.root+"/proc", 0); err != nil {
			t.Error(err)
		}
	})
	rpm := func(args ...string) string {
		t.Helper()
		return m.must(exec.CommandContext(t.Context(), "rpm", append([]string{"--root", m.root}, args...)...))
	}
	installed := func(version string) {
		t.Helper()
		if got := rpm("-q", "mip6d"); !strings.HasPrefix(got, "mip6d-"+version+"-1.") {
			t.Errorf("rpm has %q, want version %s", got, version)
		}
		// Sizes, digests, owners and modes of all files.
		rpm("-V", "--nodeps", "mip6d")
		if got := m.chrooted("/usr/sbin/mip6d", "--version"); got != "mip6d "+version+"\n" {
			t.Errorf("the daemon says %q", got)
		}
		m.chrooted("test", "-s", "/usr/share/zsh/site-functions/_mip6ctl")
		m.chrooted("systemd-analyze", "cat-config", "sysusers.d/mip6d.conf")
		if got := m.chrooted("stat", "-c", "%a %U %G", "/etc/mip6d/keys"); got != "2750 root mip6d\n" {
			t.Errorf("/etc/mip6d/keys is %q", got)
		}
	}

	rpm("-i", "--nodeps", older)
	installed("0~1")
	for _, line := range []string{"systemd", "/bin/sh"} {
		if got := rpm("-q", "--requires", "mip6d"); !strings.Contains("\n"+got, "\n"+line+"\n") {
			t.Errorf("%s is not required, but\n%s", line, got)
		}
	}
	// What its operator makes is left alone by an upgrade and by a removal.
	m.write("/etc/mip6d/mip6d.yaml", "correspondent_node: {}\n", 0o644)
	m.write("/etc/iproute2/rt_protos.d/mip6.conf", "# changed\n", 0o644)
	rpm("-U", "--nodeps", newer)
	if got := rpm("-q", "mip6d"); !strings.HasPrefix(got, "mip6d-0~2-1.") {
		t.Errorf("after the upgrade rpm has %q", got)
	}
	for name, want := range map[string]string{
		"/etc/mip6d/mip6d.yaml": "correspondent_node: {}\n", "/etc/iproute2/rt_protos.d/mip6.conf": "# changed\n",
	} {
		if b, err := os.ReadFile(m.root + name); err != nil || string(b) != want {
			t.Errorf("after the upgrade %s is %q (%v)", name, b, err)
		}
	}
	rpm("-e", "mip6d")
	var left []string
	for _, name := range m.files() {
		if name, _, _ := strings.Cut(name, "\n"); strings.Contains(name, "mip6") {
			left = append(left, name)
		}
	}
	// The one that was changed is kept beside, as rpm does.
	want := []string{"/etc/iproute2/rt_protos.d/mip6.conf.rpmsave", "/etc/mip6d", "/etc/mip6d/keys", "/etc/mip6d/mip6d.yaml"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("what is left behind (-want +got)\n%s", diff)
	}
}
