package netns

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// quiet is the picture without mobile node, for the load generator.
var quiet = topology.Config{Unplug: true, Silent: map[topology.Link]bool{
	topology.Home: true, topology.Foreign1: true, topology.Foreign2: true}}

// benchReport is what mip6bench -json prints.
type benchReport struct {
	Results []struct {
		Kind     string
		Begun    int
		Accepted int
		Refused  map[string]int
		Lost     int
		P50      float64 `json:"p50_ms"`
		Max      float64 `json:"max_ms"`
	}
}

// runBench runs mip6bench on the CN's machine. It fails where mip6bench says that
// something was lost or refused.
func runBench(t *testing.T, topo *topology.Topology, args ...string) benchReport {
	t.Helper()
	out, err := topo.CN.Run(within(t, 2*time.Minute), "mip6bench", append(args, "-json", "-interface", topology.CNInterface, "-patience", "30s")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r benchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	return r
}

// mip6bench registers, refreshes, moves and de-registers 200 mobile nodes, and the
// home agent has the bindings that it says.
func TestKernelLoadGenerator(t *testing.T) {
	const n = 200
	topo := topology.New(t, quiet)
	ha := daemon.New(t, topo.HA, load.HomeAgent(n, n))
	if err := load.Prepare(topo); err != nil {
		t.Fatal(err)
	}
	args := load.Args(t, n)
	client := ha.Client()
	defer client.Close()

	r := runBench(t, topo, append(args, "-phases", "first,refresh,care_of_change", "-rate", "100")...)
	if len(r.Results) != 3 {
		t.Fatalf("%d results", len(r.Results))
	}
	for i, kind := range []string{"first", "refresh", "care_of_change"} {
		if got := r.Results[i]; got.Kind != kind || got.Accepted != n || got.Lost != 0 || got.P50 <= 0 || got.Max < got.P50 {
			t.Errorf("%+v, want %d accepted of kind %s", got, n, kind)
		}
	}
	if r.Results[0].P50 < 500 {
		t.Errorf("duplicate address detection does not show: %+v", r.Results)
	}
	list, err := client.Bindings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := load.Population(n, n)
	if len(list) != n {
		t.Fatalf("%d bindings", len(list))
	}
	for _, b := range list {
		i, ok := p.Index(b.HomeAddress)
		if !ok || b.CareOf != p.CareOfAddress(i, 1) || b.Moves != 1 || !b.Authenticated || b.Sequence < 3 {
			t.Errorf("mobile node %d: %+v", i, b)
		}
	}

	// It begins with sequence numbers that the home agent has seen, and goes on.
	r = runBench(t, topo, append(args, "-phases", "refresh,deregistration", "-window", "16")...)
	if r.Results[1].Accepted != n {
		t.Errorf("%+v", r)
	}
	if list, err := client.Bindings(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%d bindings after de-registration (%v)", len(list), err)
	}
}

// Without a key towards a home agent that allows it, and with statuses that are
// no success.
func TestKernelLoadGeneratorUnauthenticated(t *testing.T) {
	topo := topology.New(t, quiet)
	text := fmt.Sprintf("home_agent:\n  links: [{interface: %s, address: %s, prefixes: [%s], advertise: off}]\n  allow_unauthenticated: true\n  max_bindings: 15\n",
		topology.HAHomeInterface, topology.HAAddr, topology.HomePrefix)
	ha := daemon.New(t, topo.HA, daemon.Config{Text: text})
	if err := load.Prepare(topo); err != nil {
		t.Fatal(err)
	}
	args := []string{"-home-agent", topology.HAAddr.String(), "-first-home", "2001:db8:1::7:0", "-care-of", "2001:db8:f9:8000::/49"}
	r := runBench(t, topo, append(args, "-nodes", "10", "-phases", "first")...)
	if r.Results[0].Accepted != 10 {
		t.Errorf("%+v", r)
	}
	client := ha.Client()
	defer client.Close()
	if list, err := client.Bindings(t.Context()); err != nil || len(list) != 10 || list[0].Authenticated {
		t.Errorf("bindings %+v (%v)", list, err)
	}
	out, err := topo.CN.Run(within(t, 2*time.Minute), "mip6bench", append(args, "-nodes", "20", "-phases", "first", "-json", "-patience", "30s")...)
	var some benchReport
	if jsonErr := json.Unmarshal([]byte(out), &some); jsonErr != nil {
		t.Fatalf("%v, %v\n%s", jsonErr, err, out)
	}
	if got := some.Results[0]; got.Accepted != 15 || got.Refused["130"] != 5 {
		t.Errorf("%+v, want 15 accepted and 5 refused with status 130", got)
	}
	if err == nil || !strings.Contains(err.Error(), "5 registrations were lost or refused") {
		t.Errorf("mip6bench ended with %v", err)
	}
}
