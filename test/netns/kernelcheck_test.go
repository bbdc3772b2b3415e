package netns

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"mip6d/internal/doctor"
	"mip6d/test/testkernel"
)

// TestKernelDaemonRefusesAKernelWithoutTunnels takes ip6_tunnel out of the kernel. A
// home agent does not start, with the words of mip6ctl doctor; a correspondent node
// needs no tunnel.
func TestKernelDaemonRefusesAKernelWithoutTunnels(t *testing.T) {
	testkernel.Require(t)
	if os.Getenv("MIP6D_VM") == "" {
		t.Skip("takes a module out of the kernel: only in the VM")
	}
	agent := configure(t, "home_agent:\n  links: [{interface: lo, address: '2001:db8:1::1', prefixes: ['2001:db8:1::/64'], advertise: off}]\n  allow_unauthenticated: true\n")
	testkernel.HideModule(t, "ip6_tunnel")

	out, err := inEmptyNamespace(t, nil, "mip6ctl", "doctor", "-c", agent, "-o", "json")
	wantExit(t, err, 1, out)
	var report doctor.Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	var told []string
	for _, r := range report.Roles {
		for _, l := range r.Lacks {
			if l.Level == doctor.Must {
				told = append(told, string(l.Key))
			}
		}
	}
	if strings.Join(told, " ") != "external_tunnel" || report.OK || !report.Wanted {
		t.Errorf("doctor says that these are lacking: %v, and OK %v", told, report.OK)
	}

	begin := time.Now()
	log, err := inEmptyNamespace(t, nil, "mip6d", "-c", agent)
	t.Logf("it refused within %v:\n%s", time.Since(begin), log)
	wantExit(t, err, 1, log)
	for _, want := range []string{
		report.Roles[0].Lacks[0].Text,
		"this kernel cannot run a home agent: it lacks external_tunnel; mip6ctl doctor tells all of it",
	} {
		if !strings.Contains(unquote(log), want) {
			t.Errorf("mip6d does not say %q", want)
		}
	}

	out, err = inEmptyNamespace(t, nil, "mip6ctl", "doctor", "--role", "cn")
	wantExit(t, err, 0, out)
	if _, err := runUntil(t, nil, "mip6d runs", "mip6d", "-c", configure(t, "correspondent_node: {}\n")); err != nil {
		t.Error(err)
	}

	// The unit that we ship lets nobody make a namespace: the start itself must fail
	// then, and say where to ask.
	log, err = inEmptyNamespace(t, hardened, "mip6d", "-c", agent)
	wantExit(t, err, 1, log)
	for _, want := range []string{"the kernel was probed in part only", "mip6ctl doctor, run as root, tells whether the kernel is to blame"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the confined mip6d does not say %q:\n%s", want, log)
		}
	}
}

// TestKernelConfinedDaemonStarts has no more than the capabilities of the unit that
// we ship, which lets nobody make a namespace: mip6d runs all the same.
func TestKernelConfinedDaemonStarts(t *testing.T) {
	testkernel.Require(t)
	for _, text := range []string{
		"correspondent_node: {}\n",
		"home_agent:\n  links: [{interface: eth0, address: '2001:db8:1::1', prefixes: ['2001:db8:1::/64'], advertise: off}]\n  allow_unauthenticated: true\n",
		"mobile_node:\n  homes: [{home_address: '2001:db8:1::100/64', home_agent: '2001:db8:1::1'}]\n  interfaces: [{name: eth0}]\n  allow_unauthenticated: true\n",
	} {
		log, err := runUntil(t, hardened, "mip6d runs", "mip6d", "-c", configure(t, text))
		if err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(log) {
			// Warnings that have to do with this test's configuration and machine only.
			allowed := strings.Contains(line, "allow_unauthenticated") || strings.Contains(line, "group=mip6")
			if strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") && !allowed {
				t.Errorf("it complains: %s", line)
			}
		}
		if !strings.Contains(log, "the kernel was probed in part only") || !strings.Contains(log, "operation not permitted") {
			t.Errorf("it does not say that it could probe a part only:\n%s", log)
		}
	}
	out, err := inEmptyNamespace(t, hardened, "mip6ctl", "doctor", "--role", "cn")
	wantExit(t, err, 1, out)
	if !strings.Contains(string(out), "make a scratch network namespace: operation not permitted: run this as root") {
		t.Errorf("doctor without permission says %s", out)
	}
}

// configure writes a configuration with sockets of its own.
func configure(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "mip6d.yaml")
	text += fmt.Sprintf("run_dir: %s\ncontrol: {socket: %s}\n", dir, filepath.Join(dir, "sock"))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// hardened leaves the thread's children the capabilities of systemd/mip6d.service.
func hardened() error {
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		switch c {
		case unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_BPF:
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}

// inEmptyNamespace runs a program to its end in a network namespace with lo and
// eth0.
func inEmptyNamespace(t *testing.T, prepare func() error, name string, args ...string) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := start(cmd, prepare); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	return out.Bytes(), err
}

// runUntil runs a program there until it says something, then ends it, and returns
// what it has said.
func runUntil(t *testing.T, prepare func() error, word, name string, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := start(cmd, prepare); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	said := func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && !strings.Contains(said(), word); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			return said(), fmt.Errorf("%s ended without saying %q: %v\n%s", name, word, err, said())
		default:
		}
	}
	if !strings.Contains(said(), word) {
		err = fmt.Errorf("%s does not say %q:\n%s", name, word, said())
	}
	return said(), errors.Join(err, cmd.Process.Signal(unix.SIGTERM), <-ended)
}

// start starts a program on a thread with a network namespace of its own, that ends
// with the start.
func start(cmd *exec.Cmd, prepare func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		result <- func() error {
			ns, err := netns.New()
			if err != nil {
				return err
			}
			defer ns.Close()
			attrs := netlink.NewLinkAttrs()
			attrs.Name = "eth0"
			if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth1"}); err != nil {
				return err
			}
			for _, name := range []string{"lo", "eth0", "eth1"} {
				l, err := netlink.LinkByName(name)
				if err == nil {
					err = netlink.LinkSetUp(l)
				}
				if err != nil {
					return err
				}
			}
			if prepare != nil {
				if err := prepare(); err != nil {
					return err
				}
			}
			return cmd.Start()
		}()
	}()
	return <-result
}

func wantExit(t *testing.T, err error, want int, out []byte) {
	t.Helper()
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("exit status %d, want %d:\n%s", got, want, out)
	}
}

// unquote undoes what the log's text form does to a value with quotes.
func unquote(b []byte) string { return strings.ReplaceAll(string(b), `\"`, `"`) }
