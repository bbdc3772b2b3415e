package packages

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// Where make test-packages puts things into the guest.
const (
	debianTree = "/packages/debian.tar"
	oldDeb     = "/packages/old.deb"
	newDeb     = "/packages/new.deb"
)

// patience is how long anything may take that systemd or dpkg does, under software
// emulation.
const patience = 90 * time.Second

// machine is a node of the test bed with a Debian tree, in which systemd is process 1
// once it is booted.
type machine struct {
	testing.TB
	*node.Node
	root    string
	systemd *exec.Cmd
	console node.Output
}

// newMachine unpacks the tree, on a file system of its own.
func newMachine(t testing.TB, n *node.Node) *machine {
	t.Helper()
	m := &machine{TB: t, Node: n, root: filepath.Join("/machines", n.Name)}
	if err := os.MkdirAll(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", m.root, "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(m.root, unix.MNT_DETACH) })
	m.must(exec.CommandContext(t.Context(), "tar", "-xf", debianTree, "--numeric-owner", "-C", m.root))
	for _, deb := range []string{oldDeb, newDeb} {
		b, err := os.ReadFile(deb)
		if err != nil {
			t.Fatal(err)
		}
		m.write(filepath.Join("/root", filepath.Base(deb)), string(b), 0o644)
	}
	return m
}

// chrooted runs a program in the tree, with no systemd there.
func (m *machine) chrooted(args ...string) string {
	m.Helper()
	cmd := exec.CommandContext(m.Context(), "/usr/bin/env", append([]string{"-i", path}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root}
	cmd.Dir = "/"
	return m.must(cmd)
}

const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

// become makes the tree the root of a new mount namespace, and systemd process 1 in it.
const become = `set -e
mount --make-rprivate /
mount -t proc proc $R/proc
mount -t sysfs sysfs $R/sys
mount -t cgroup2 cgroup2 $R/sys/fs/cgroup
mount -t bpf bpf $R/sys/fs/bpf
mount -t devtmpfs dev $R/dev
mount -t tmpfs -o mode=0755 tmpfs $R/run
cd $R
mount --move . /
exec chroot . /usr/bin/env -i ` + path + ` container=mip6d-test /lib/systemd/systemd --show-status=no
`

func (m *machine) boot() {
	m.Helper()
	m.systemd = exec.Command("/bin/sh", "-c", become)
	m.systemd.Env = append(os.Environ(), "R="+m.root)
	m.systemd.Stdout, m.systemd.Stderr = &m.console, &m.console
	m.systemd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP,
	}
	if err := m.Start(m.systemd); err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() {
		if m.Failed() {
			out, err := m.insideWith(context.Background(), "journalctl", "--no-pager", "-n", "60").CombinedOutput()
			m.Logf("%s's console:\n%s\nand journal (%v):\n%s", m.Node.Name, m.console.String(), err, out)
		}
		_ = m.systemd.Process.Kill() // and with process 1 all of the machine
		_ = m.systemd.Wait()
	})
	m.eventually("systemd runs", func() string {
		out, _ := m.try("systemctl", "is-system-running")
		if s := strings.TrimSpace(out); s != "running" && s != "degraded" {
			return s
		}
		return ""
	})
}

// inside makes a program run in all of the machine's namespaces.
func (m *machine) inside(args ...string) *exec.Cmd { return m.insideWith(m.Context(), args...) }

func (m *machine) insideWith(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{
		"-t", fmt.Sprint(m.systemd.Process.Pid), "-m", "-u", "-i", "-n", "-p", "/usr/bin/env", "-i", path, "SYSTEMD_PAGER=",
	}, args...)...)
	cmd.Dir = "/"
	return cmd
}

func (m *machine) try(args ...string) (string, error) {
	out, err := m.inside(args...).CombinedOutput()
	return string(out), err
}

// run runs a program that must succeed, and returns what it printed.
func (m *machine) run(args ...string) string {
	m.Helper()
	return m.must(m.inside(args...))
}

func (m *machine) must(cmd *exec.Cmd) string {
	m.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.Fatalf("%s: %s: %v\n%s", m.Node.Name, strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// write puts a file into the tree, where it is seen inside, too.
func (m *machine) write(name, text string, mode os.FileMode) {
	m.Helper()
	name = filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		m.Fatal(err)
	}
}

// property asks systemd for one of the service's.
func (m *machine) property(name string) string {
	m.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--value", "-p", name, "mip6d.service"))
}

// eventually polls until nothing is wrong any more.
func (m *machine) eventually(what string, wrong func() string) {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), patience)
	defer cancel()
	for {
		w := wrong()
		if w == "" {
			return
		}
		select {
		case <-ctx.Done():
			m.Fatalf("%s: not after %v: %s: %s", m.Node.Name, patience, what, w)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// files lists the tree, but for what dpkg and systemd note for themselves. In /etc the
// contents count, too.
func (m *machine) files() []string {
	m.Helper()
	var list []string
	err := filepath.WalkDir(m.root, func(name string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := "/" + strings.TrimPrefix(strings.TrimPrefix(name, m.root), "/")
		for _, own := range []string{
			"/var/lib/dpkg", "/var/log", "/var/cache", "/var/lib/systemd", "/run", "/tmp", "/var/tmp", "/proc", "/sys", "/dev", "/etc/.pwd.lock",
		} {
			if rel == own || strings.HasPrefix(rel, own+"/") {
				if e.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
		}
		if strings.HasPrefix(rel, "/etc/") && strings.HasSuffix(rel, "-") {
			return nil // passwd's copy of the version before
		}
		if strings.HasPrefix(rel, "/etc/") && e.Type().IsRegular() {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			rel += "\n" + string(b)
		}
		list = append(list, rel)
		return nil
	})
	if err != nil {
		m.Fatal(err)
	}
	slices.Sort(list)
	return list
}
