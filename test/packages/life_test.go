package packages

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// inDebian says whether make test-packages runs us in the VM.
func inDebian(t *testing.T) {
	t.Helper()
	if os.Getenv("MIP6D_TEST_PACKAGES") != "vm" {
		t.Skip("wants the VM and a Debian tree: make test-packages")
	}
}

// TestLifeInAChroot: where no systemd runs, such as where images are made.
func TestLifeInAChroot(t *testing.T) {
	inDebian(t)
	m := newMachine(t, &node.Node{Name: "image"})
	before := m.files()
	m.chrooted("dpkg", "-i", "/root/old.deb") // without /proc
	m.chrooted("dpkg", "--purge", "mip6d")
	if err := unix.Mount("proc", m.root+"/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(m.root+"/proc", unix.MNT_DETACH) })
	m.chrooted("dpkg", "-i", "/root/old.deb")
	for _, name := range []string{
		"/usr/sbin/mip6d", "/usr/bin/mip6ctl", "/usr/bin/mip6bench", "/usr/lib/systemd/system/mip6d.service", "/usr/share/man/man5/mip6d.yaml.5.gz",
		"/etc/iproute2/rt_protos.d/mip6.conf", "/usr/share/bash-completion/completions/mip6ctl", "/etc/mip6d/keys",
	} {
		if _, err := os.Stat(m.root + name); err != nil {
			t.Error(err)
		}
	}
	if got := m.chrooted("/usr/sbin/mip6d", "--version"); got != "mip6d 0~1\n" {
		t.Errorf("the daemon says %q", got)
	}
	if got := m.chrooted("stat", "-c", "%a %U %G", "/etc/mip6d/keys"); got != "2750 root mip6d\n" {
		t.Errorf("/etc/mip6d/keys is %q", got)
	}
	m.chrooted("dpkg", "-i", "/root/new.deb")
	m.chrooted("dpkg", "--purge", "mip6d")
	if diff := cmp.Diff(before, m.files()); diff != "" {
		t.Errorf("something is left behind (-before +after)\n%s", diff)
	}
}

// install installs a configuration of the test bed's with its package, and starts it.
func (m *machine) install(cfg daemon.Config) {
	m.Helper()
	m.run("dpkg", "-i", "/root/old.deb")
	// Nothing to do yet, and nothing has failed.
	if got := m.property("ActiveState"); got != "inactive" {
		m.Errorf("%s: after the installation the service is %s", m.Node.Name, got)
	}
	for name, text := range cfg.Files {
		m.run("sh", "-c", fmt.Sprintf("umask 027; printf %%s '%s' >/etc/mip6d/keys/%s", text, name))
	}
	m.write("/etc/mip6d/mip6d.yaml", strings.ReplaceAll(cfg.Text, "$DIR/", "keys/"), 0o644)
	m.run("mip6d", "--check") // as root, of keys that are for mip6d
	m.run("systemctl", "enable", "--now", "mip6d.service")
	if got := m.property("ActiveState"); got != "active" {
		m.Fatalf("%s: the service is %s", m.Node.Name, got)
	}
}

// pid is the service's, as the VM counts.
func (m *machine) pid() string { m.Helper(); return m.property("MainPID") }

// TestLifeWithSystemd is an operator's story, on a home agent and a mobile node.
func TestLifeWithSystemd(t *testing.T) {
	inDebian(t)
	topo := topology.New(t, topology.Config{Start: topology.Foreign1})
	ha, mn := newMachine(t, topo.HA), newMachine(t, topo.MN)
	ha.boot()
	mn.boot()
	files, kernel := ha.files(), ha.kernelState()

	ha.install(daemon.HomeAgent())
	mn.install(daemon.MobileNode())
	ha.isHardened()
	mn.isHardened()

	registered := func() {
		t.Helper()
		ha.eventually("the mobile node is registered", func() string {
			out, err := ha.try("mip6ctl", "show", "bindings")
			if err != nil || !strings.Contains(out, topology.HoA.String()) {
				return fmt.Sprintf("%v: %s", err, out)
			}
			return ""
		})
	}
	registered()
	ping, err := traffic.StartPing(topo.CN, topology.CNAddr, topology.HoA, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ping.Stop(0) })
	answered := func(what string) {
		t.Helper()
		since := time.Now()
		ha.eventually(what, func() string {
			if ping.Answered(since) {
				return ""
			}
			return "no reply"
		})
	}
	answered("packets reach the mobile node")

	t.Log("who may use mip6ctl")
	if out, err := ha.try("setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=mip6", "mip6ctl", "status"); err != nil {
		t.Errorf("a member of mip6 may not: %v: %s", err, out)
	}
	if out, err := ha.try("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "mip6ctl", "status"); err == nil {
		t.Errorf("anybody may: %s", out)
	}

	t.Log("reload")
	ha.reload()

	t.Log("watchdog")
	ha.watchdog()
	registered()
	answered("packets reach the mobile node after the watchdog")

	t.Log("upgrade")
	for _, m := range []*machine{ha, mn} {
		old, begin := m.pid(), time.Now()
		m.run("dpkg", "-i", "/root/new.deb")
		if got := m.property("ActiveState"); got != "active" {
			t.Fatalf("%s: after the upgrade the service is %s", m.Node.Name, got)
		}
		if m.pid() == old {
			t.Errorf("%s: the upgrade has not restarted the service", m.Node.Name)
		}
		// At once: systemd has waited for READY=1, and bindings outlive a restart.
		if out := ha.run("mip6ctl", "show", "bindings"); !strings.Contains(out, topology.HoA.String()) {
			t.Errorf("after %s's upgrade the home agent has %s", m.Node.Name, out)
		}
		end := time.Now()
		answered("packets reach the mobile node after the upgrade")
		gap := traffic.Measure(ping.Probes(), begin, end, begin)
		t.Logf("%s was upgraded in %v; of %d packets through the tunnel %d were lost", m.Node.Name, end.Sub(begin).Round(time.Millisecond), gap.Sent, gap.Lost)
	}

	t.Log("purge")
	ha.purge(files, kernel)
}

// purge takes the package away, and everything with it.
func (m *machine) purge(files []string, kernel string) {
	m.Helper()
	m.run("dpkg", "--purge", "mip6d")
	if diff := cmp.Diff(files, m.files()); diff != "" {
		m.Errorf("something is left behind (-before +after)\n%s", diff)
	}
	for _, name := range []string{"/run/mip6d", "/var/lib/mip6d"} {
		if out, err := m.try("ls", "-lad", name); err == nil {
			m.Errorf("left behind: %s", out)
		}
	}
	if diff := cmp.Diff(kernel, m.kernelState()); diff != "" {
		m.Errorf("something is left behind in the kernel (-before +after)\n%s", diff)
	}
	// systemd may remember the name for a while.
	if load, active := m.property("LoadState"), m.property("ActiveState"); load != "not-found" || active != "inactive" {
		m.Errorf("systemd still has the unit: %s, %s", load, active)
	}
}

// reload has the service reload; what it says of that has its priority in the journal.
func (m *machine) reload() {
	m.Helper()
	m.run("systemctl", "reload", "mip6d.service")
	m.eventually("the reload is over", func() string {
		if s := m.property("ActiveState"); s != "active" {
			return s
		}
		if out := m.run("journalctl", "-u", "mip6d.service", "-o", "cat"); !strings.Contains(out, "configuration reloaded") {
			return out
		}
		return ""
	})
	out := m.run("journalctl", "-u", "mip6d.service", "-o", "json", "--output-fields=PRIORITY,MESSAGE")
	for line := range strings.Lines(out) {
		if strings.Contains(line, "configuration reloaded") && !strings.Contains(line, `"PRIORITY":"6"`) {
			m.Errorf("the journal has no priority: %s", line)
		}
	}
}

// kernelState is what of the kernel's is ours.
func (m *machine) kernelState() string {
	m.Helper()
	return m.run("sh", "-c", `ip -6 rule; ip -6 route show table all proto 75; ip -br link | grep -o '^mip6[^ @]*'; ip xfrm policy; ip xfrm state; exit 0`)
}

// isHardened looks at the running process: its user and its capabilities.
func (m *machine) isHardened() {
	m.Helper()
	status := m.run("cat", "/proc/"+m.pid()+"/status")
	uid := strings.TrimSpace(m.run("id", "-u", "mip6d"))
	if !regexp.MustCompile(`(?m)^Uid:\t` + uid + `\t`).MatchString(status) {
		m.Errorf("%s: mip6d does not run as uid %s:\n%s", m.Node.Name, uid, status)
	}
	const wanted = 1<<12 | 1<<13 | 1<<39 // CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF
	for _, set := range []string{"CapEff", "CapBnd"} {
		found := regexp.MustCompile(`(?m)^` + set + `:\t([0-9a-f]+)$`).FindStringSubmatch(status)
		if found == nil {
			m.Fatalf("%s: no %s in\n%s", m.Node.Name, set, status)
		}
		if v, err := strconv.ParseUint(found[1], 16, 64); err != nil || v != wanted {
			m.Errorf("%s: %s is %s, want %x", m.Node.Name, set, found[1], uint64(wanted))
		}
	}
	if got := m.property("StatusText"); !regexp.MustCompile(`^(home_agent|mobile_node|correspondent_node)`).MatchString(got) {
		m.Errorf("%s: the status is %q", m.Node.Name, got)
	}
}

// watchdog stops the daemon's process, which systemd must notice and replace.
func (m *machine) watchdog() {
	m.Helper()
	m.run("sh", "-c", "mkdir -p /run/systemd/system/mip6d.service.d; printf '[Service]\\nWatchdogSec=4\\n' >/run/systemd/system/mip6d.service.d/quick.conf")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "mip6d.service")
	restarts, pid := m.property("NRestarts"), m.pid()
	m.run("sh", "-c", "kill -STOP "+pid)
	m.eventually("a new process", func() string {
		if m.property("NRestarts") == restarts || m.property("ActiveState") != "active" || m.pid() == pid {
			return m.run("systemctl", "show", "-p", "NRestarts,ActiveState,SubState,Result", "mip6d.service")
		}
		return ""
	})
	if out := m.run("journalctl", "-u", "mip6d.service", "-o", "cat"); !strings.Contains(out, "SIGABRT: abort") || !strings.Contains(out, "goroutine ") {
		m.Errorf("%s: the journal does not tell what mip6d was doing when the watchdog ended it:\n%s", m.Node.Name, out)
	}
	m.run("sh", "-c", "rm -r /run/systemd/system/mip6d.service.d; systemctl daemon-reload; systemctl restart mip6d.service")
}
