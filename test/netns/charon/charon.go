// Package charon runs Debian's strongSwan, the IKE daemon charon-systemd, in a machine of
// the test bed. Each has a root of its own, so that configuration lies where it is
// installed, and two of them do not meet.
package charon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// tree is where the guest has the archive of scripts/fetch-strongswan; shipped what is in
// configs/strongswan. A machine that is no guest has neither.
const (
	tree    = "/strongswan.tar"
	shipped = "/configs/strongswan"
)

// archive is the tree's, fetched where this is no guest.
func archive() (string, error) {
	if _, err := os.Stat(tree); err == nil {
		return tree, nil
	}
	out, err := exec.Command("../../scripts/fetch-strongswan").Output()
	if err != nil {
		return "", fmt.Errorf("fetch strongSwan: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Shipped reads a file of configs/strongswan.
func Shipped(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(shipped, name))
	if errors.Is(err, fs.ErrNotExist) {
		b, err = os.ReadFile(filepath.Join("../../configs/strongswan", name))
	}
	return b, err
}

// Charon is an IKE daemon.
type Charon struct {
	Node *node.Node
	Root string

	cmd  *exec.Cmd
	done chan struct{}
	log  node.Output
}

// New unpacks strongSwan and adds files by their names below its root. Start starts it; it
// ends at the test's end.
func New(t testing.TB, n *node.Node, files map[string][]byte) *Charon {
	t.Helper()
	c := &Charon{Node: n, Root: t.TempDir()}
	t.Cleanup(func() {
		c.Kill()
		if err := c.unmount(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("charon on %s said:\n%s", n.Name, c.Log())
		}
	})
	if err := c.unpack(files); err != nil {
		t.Fatal(err)
	}
	return c
}

// logging has charon tell on its standard error what it does.
const logging = "charon {\n filelog {\n stderr {\n default = 1\n knl = 2\n ike = 1\n flush_line = yes\n }\n }\n}\n"

func (c *Charon) unpack(more map[string][]byte) error {
	packed, err := archive()
	if err != nil {
		return err
	}
	if out, err := exec.Command("tar", "-xf", packed, "-C", c.Root).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", packed, err, out)
	}
	for _, dir := range []string{"proc", "dev", "run", "tmp", "var/run"} {
		if err := os.MkdirAll(filepath.Join(c.Root, dir), 0o755); err != nil {
			return err
		}
	}
	for name, minor := range map[string]uint32{"null": 3, "random": 8, "urandom": 9} {
		file := filepath.Join(c.Root, "dev", name)
		if err := unix.Mknod(file, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			return fmt.Errorf("make %s: %w", file, err)
		}
	}
	proc := filepath.Join(c.Root, "proc")
	if err := unix.Mount("proc", proc, "proc", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", proc, err)
	}
	files := map[string][]byte{"etc/passwd": []byte("root:x:0:0:root:/root:/bin/sh\n"), "etc/strongswan.d/log.conf": []byte(logging)}
	maps.Copy(files, more)
	for name, content := range files {
		file := filepath.Join(c.Root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *Charon) unmount() error {
	err := unix.Unmount(filepath.Join(c.Root, "proc"), unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) { // it was not
		return nil
	}
	return err
}

// Start starts charon as its systemd unit does, which has it load its configuration.
func (c *Charon) Start(ctx context.Context) error {
	if err := c.Launch(ctx); err != nil {
		return err
	}
	return c.Load(ctx)
}

// Load has charon load its configuration.
func (c *Charon) Load(ctx context.Context) error {
	_, err := c.Swanctl(ctx, "--load-all", "--noprompt")
	return err
}

// Launch starts charon, which knows no connections before Load.
func (c *Charon) Launch(ctx context.Context) error {
	if err := os.Remove(c.Socket()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.cmd = exec.Command("/usr/sbin/charon-systemd")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.Root}
	c.cmd.Dir = "/"
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	if err := c.Node.Start(c.cmd); err != nil {
		return fmt.Errorf("%s: start charon: %w", c.Node.Name, err)
	}
	done := make(chan struct{})
	c.done = done
	go func() { _ = c.cmd.Wait(); close(done) }()
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		if _, err := os.Stat(c.Socket()); err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("%s: charon ended at once:\n%s", c.Node.Name, c.Log())
		case <-ctx.Done():
			return fmt.Errorf("%s: charon makes no socket:\n%s", c.Node.Name, c.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Socket is where it is talked to by vici.
func (c *Charon) Socket() string { return filepath.Join(c.Root, "var/run/charon.vici") }

// Swanctl runs swanctl and returns what it prints.
func (c *Charon) Swanctl(ctx context.Context, args ...string) (string, error) {
	return c.Run(ctx, "/usr/sbin/swanctl", args...)
}

// Run runs a program of the root.
func (c *Charon) Run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.Root}
	cmd.Dir = "/"
	var out, msg strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := c.Node.Start(cmd); err != nil {
		return "", fmt.Errorf("%s: %s: %w", c.Node.Name, program, err)
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("%s: %s %s: %w: %s%s", c.Node.Name, program, strings.Join(args, " "), err, out.String(), msg.String())
	}
	return out.String(), nil
}

// Kill ends charon with SIGKILL.
func (c *Charon) Kill() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Kill() // it may have ended by itself
	<-c.done
}

// Log is what charon has said so far.
func (c *Charon) Log() string { return c.log.String() }
