package packages

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// careOfPrefix is what care-of addresses begin with in the test bed.
const careOfPrefix = "2001:db8:f"

// TestNetworkd: systemd-networkd configures the interfaces of a home agent and a mobile node, and is started beneath a
// running mip6d. It deletes rules, routes and addresses that it doesn't know, unless it is told not to; what of them
// is ours comes back at once.
func TestNetworkd(t *testing.T) {
	inDebian(t)
	topo := topology.New(t, topology.Config{Start: topology.Foreign1})
	ha, mn := newMachine(t, topo.HA), newMachine(t, topo.MN)
	// What the test bed has configured, networkd's way.
	ha.network(topology.HAHomeInterface, fmt.Sprintf("Address=%s/64\n", topology.HAAddr))
	ha.network(topology.HACoreInterface, fmt.Sprintf("Address=%s/64\nGateway=%sff\n", topology.HACoreAddr, topology.HACoreAddr.Prev()))
	mn.network(topology.MNInterface, "")
	for _, m := range []*machine{ha, mn} {
		m.boot()
		// No udev runs here, which has to have seen an interface before networkd touches it: this says that it has.
		m.run("sh", "-c", "mkdir -p /run/udev/data; for f in /sys/class/net/*/ifindex; do echo I:1 >/run/udev/data/n$(cat $f); done")
	}
	ha.install(daemon.HomeAgent())
	mn.install(daemon.MobileNode())
	ping, err := traffic.StartPing(topo.CN, topology.CNAddr, topology.HoA, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ping.Stop(0) })
	answered := func() {
		t.Helper()
		since := time.Now()
		mn.eventually("packets reach the mobile node", func() string {
			if ping.Answered(since) {
				return ""
			}
			return "no reply"
		})
	}
	answered()

	// restart has networkd begin anew, and says how much of ours it deletes and how many packets are lost.
	restart := func(m *machine, how string) (deleted, lost int) {
		t.Helper()
		want, begin := sorted(m.kernelState()), time.Now()
		lines := m.deletions(func() {
			m.run("systemctl", "restart", "systemd-networkd.service")
			m.eventually("networkd has configured its interfaces", m.unconfigured)
			m.eventually("all of ours is there", func() string {
				if diff := cmp.Diff(want, sorted(m.kernelState())); diff != "" {
					return diff
				}
				return ""
			})
		})
		end := time.Now()
		answered()
		gap := traffic.Measure(ping.Probes(), begin, end, begin)
		t.Logf("%s, %s: networkd deletes %d of ours; of %d packets through the tunnel %d were lost:\n%s",
			m.Node.Name, how, len(lines), gap.Sent, gap.Lost, strings.Join(lines, "\n"))
		return len(lines), gap.Lost
	}
	restart(ha, "by default")
	if deleted, _ := restart(mn, "by default"); deleted == 0 {
		t.Error("networkd deletes nothing: this test shows nothing")
	}
	if out := mn.run("journalctl", "-u", "mip6d.service", "-o", "cat"); !strings.Contains(out, "they are there again") {
		t.Error("mip6d says nothing of what was deleted")
	}
	for _, m := range []*machine{ha, mn} {
		m.run("mkdir", "-p", "/etc/systemd/networkd.conf.d")
		m.run("cp", "/usr/share/doc/mip6d/examples/networkd/mip6d.conf", "/etc/systemd/networkd.conf.d/")
	}
	restart(mn, "told to leave routes and rules")
	mn.network(topology.MNInterface, "KeepConfiguration=yes\n")
	unharmed := func(m *machine, how string) {
		t.Helper()
		if deleted, lost := restart(m, how); deleted+lost > 0 {
			t.Errorf("%s, %s: %d of ours are deleted and %d packets lost", m.Node.Name, how, deleted, lost)
		}
	}
	unharmed(mn, "told to leave addresses, too")
	unharmed(ha, "told to leave routes and rules")
	mn.network(topology.MNInterface, "\n[Link]\nUnmanaged=yes\n")
	unharmed(mn, "told to leave the interface alone")
	if _, err := topo.Move(topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	answered()
}

func sorted(text string) []string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return lines
}

// network has networkd configure an interface.
func (m *machine) network(ifname, text string) {
	m.Helper()
	m.write("/etc/systemd/network/"+ifname+".network",
		fmt.Sprintf("[Match]\nName=%s\n\n[Network]\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\n%s", ifname, text), 0o644)
}

// unconfigured is what networkd says of its interfaces while some that it manages are not as they are to be. Those of
// mip6d wait for udev.
func (m *machine) unconfigured() string {
	managed := 0
	files, _ := filepath.Glob(filepath.Join(m.root, "/etc/systemd/network/*.network")) // the pattern is right
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && !strings.Contains(string(b), "Unmanaged=yes") {
			managed++
		}
	}
	out := m.run("sh", "-c", "cat /run/systemd/netif/links/*")
	if strings.Count(out, "ADMIN_STATE=configured\n") != managed {
		return out
	}
	return ""
}

// deletions returns what of ours is deleted meanwhile, by whomever.
func (m *machine) deletions(do func()) (list []string) {
	m.Helper()
	const output = "/run/monitor"
	pid := m.run("sh", "-c", "ip -6 monitor route rule address >"+output+" 2>&1 & echo $!")
	do()
	m.run("sh", "-c", "kill "+pid)
	for line := range strings.Lines(m.run("cat", output)) {
		if strings.HasPrefix(line, "Deleted") && (strings.Contains(line, "proto mip6") || strings.Contains(line, "inet6 "+careOfPrefix)) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}
