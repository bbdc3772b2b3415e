package probe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/doctor"
	"mip6d/internal/xfrmmig"
	"mip6d/test/testkernel"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// status is what was found for a key.
func status(findings []doctor.Finding, k doctor.Key) doctor.Status {
	for _, f := range findings {
		if f.Key == k {
			return f.Status
		}
	}
	return ""
}

// TestKernelEveryProbeIsOK: Debian's kernel has everything. The name of the route
// protocol is no matter of a kernel; here it is as after an installation.
func TestKernelEveryProbeIsOK(t *testing.T) {
	testkernel.Require(t)
	conf := filepath.Join(t.TempDir(), "mip6.conf")
	must(t, os.WriteFile(conf, []byte("75\tmip6\n"), 0o644))
	files := protoFiles
	protoFiles = []string{conf}
	defer func() { protoFiles = files }()
	for _, what := range []string{"modules loaded", "again"} {
		begin := time.Now()
		findings, err := Scratch(All(), Options{})
		must(t, err)
		t.Logf("%d probes, %s: %v", len(findings), what, time.Since(begin))
		for _, f := range findings {
			if f.Status != doctor.OK {
				t.Errorf("%s is %s: %s", f.Key, f.Status, f.Err)
			}
		}
		if len(findings) != len(doctor.Table) {
			t.Errorf("%d findings for %d probes", len(findings), len(doctor.Table))
		}
	}
}

// TestKernelDaemonsPartIsQuick: what a daemon tries at its start. The bound is
// generous for an emulated machine; the log has the figures.
func TestKernelDaemonsPartIsQuick(t *testing.T) {
	testkernel.Require(t)
	for _, roles := range [][]doctor.Role{{doctor.HomeAgent}, {doctor.MobileNode}, {doctor.CorrespondentNode}, {doctor.HomeAgent, doctor.CorrespondentNode}} {
		keys := doctor.AtStart(roles)
		var took []time.Duration
		for range 5 {
			begin := time.Now()
			findings, err := Scratch(keys, Options{})
			must(t, err)
			took = append(took, time.Since(begin))
			for _, f := range findings {
				if f.Status != doctor.OK {
					t.Errorf("%v: %s is %s: %s", roles, f.Key, f.Status, f.Err)
				}
			}
		}
		slices.Sort(took)
		t.Logf("%v: %d probes in a scratch namespace: median %v, %v to %v", roles, len(keys), took[2], took[0], took[4])
		if took[2] > 5*time.Second {
			t.Errorf("%v: a daemon's probes take %v", roles, took[2])
		}
		begin := time.Now()
		here := Here(keys, Options{})
		t.Logf("%v: %d of them where we are: %v", roles, len(here), time.Since(begin))
	}
}

// TestKernelNothingIsLeft: neither a scratch namespace nor the harmless part changes
// the namespace that a daemon lives in.
func TestKernelNothingIsLeft(t *testing.T) {
	testkernel.Namespace(t)
	c, err := xfrmmig.Dial()
	must(t, err)
	defer c.Close()
	must(t, c.Set(xfrmmig.CorrespondentSignalling()))
	look := func() (text []string) {
		links, err := netlink.LinkList()
		must(t, err)
		for _, l := range links {
			text = append(text, "link "+l.Attrs().Name)
		}
		states, err := netlink.XfrmStateList(netlink.FAMILY_ALL)
		must(t, err)
		for _, s := range states {
			text = append(text, "state "+s.Src.String()+" "+s.Dst.String())
		}
		policies, err := c.Policies()
		must(t, err)
		for _, p := range policies {
			text = append(text, "policy "+p.Selector.Src.String()+" "+p.Selector.Dst.String())
		}
		addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
		must(t, err)
		for _, a := range addrs {
			text = append(text, "address "+a.IPNet.String())
		}
		rules, err := netlink.RuleList(netlink.FAMILY_ALL)
		must(t, err)
		for _, r := range rules {
			text = append(text, r.String())
		}
		slices.Sort(text)
		return text
	}
	before := look()
	here := Here(All(), Options{})
	for _, f := range here {
		if f.Status != doctor.OK && f.Key != "route_protocol_name" {
			t.Errorf("%s is %s: %s", f.Key, f.Status, f.Err)
		}
	}
	for _, k := range []doctor.Key{"home_address_states", "routing_header_states", "sub_policies", "packet_sockets"} {
		if status(here, k) == "" {
			t.Errorf("%s is harmless and was not tried", k)
		}
	}
	_, err = Scratch(All(), Options{})
	must(t, err)
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("the namespace before and after:\n%s", diff)
	}
}

// TestKernelHiddenModulesAreMissing takes modules out of the kernel and hides their
// files: what depends on them is missing, and nothing else.
func TestKernelHiddenModulesAreMissing(t *testing.T) {
	testkernel.Require(t)
	if os.Getenv("MIP6D_VM") == "" {
		t.Skip("takes modules out of the kernel: only in the VM")
	}
	before, err := Scratch(All(), Options{}) // has loaded them all
	must(t, err)
	for module, keys := range map[string][]doctor.Key{
		"sch_plug": {"plug_queue"},
		"sit":      {"sit"},
		"esp6":     {"esp_aead", "esp_cbc_hmac"},
		"veth":     {"detour_pair"}, // what else wants a link takes a dummy
	} {
		t.Run(module, func(t *testing.T) {
			testkernel.HideModule(t, module)
			findings, err := Scratch(All(), Options{})
			must(t, err)
			for _, f := range findings {
				want := status(before, f.Key)
				if slices.Contains(keys, f.Key) {
					want = doctor.Missing
				}
				if f.Status != want {
					t.Errorf("%s is %s (%s), want %s", f.Key, f.Status, f.Err, want)
				}
			}
		})
	}
}

// TestScratchAgreesWithTestkernel holds wherever root runs it: on a kernel without
// Mobile IPv6 the probes find missing what the tests' own small probe misses.
func TestScratchAgreesWithTestkernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	findings, err := Scratch(All(), Options{})
	if errors.Is(err, fs.ErrPermission) {
		t.Skip(err)
	}
	must(t, err)
	ok := status(findings, "home_address_states") == doctor.OK && status(findings, "external_tunnel") == doctor.OK
	if capable := testkernel.Capable(); ok != (capable == nil) {
		t.Errorf("the probes say %v of Home Address option and external tunnel, and testkernel: %v", ok, capable)
	}
	t.Logf("this kernel, %s:", Release())
	for _, f := range findings {
		t.Logf("%-8s %s %s", f.Status, f.Key, f.Err)
		if strings.Contains(f.Err, "\n") {
			t.Errorf("%s is told in several lines", f.Key)
		}
		if f.Status == doctor.Denied {
			t.Errorf("root may not try %s: %s", f.Key, f.Err)
		}
	}
}

// The main thread is what others take for the process: it stays where it is. With
// one processor a goroutine runs on the thread of the one that started it and waits,
// so that some begin on the main thread.
func TestProcessStaysInItsNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	where := func() string {
		ns, err := os.Readlink("/proc/self/ns/net")
		must(t, err)
		return ns
	}
	before := where()
	onMain := 0
	for range 50 {
		if unix.Gettid() == unix.Getpid() {
			onMain++
		}
		err := inNamespace(Options{}, func(*scratch) {
			if other, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || other == before {
				t.Errorf("the scratch namespace is %q, and ours %q: %v", other, before, err)
			}
			if unix.Gettid() == unix.Getpid() {
				t.Error("the main thread is in a scratch namespace")
			}
		})
		if errors.Is(err, fs.ErrPermission) {
			t.Skip(err)
		}
		must(t, err)
		if now := where(); now != before {
			t.Fatalf("the process is in %s, and was in %s", now, before)
		}
	}
	t.Logf("%d of 50 began on the main thread", onMain)
}
