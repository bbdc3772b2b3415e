package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// These are put into the guest by scripts/test-prometheus.
const (
	program   = "/bin/prometheus"
	rules     = "/src/mip6d.rules.yml"
	dashboard = "/src/mip6d.json"
)

// server is a Prometheus that runs on a machine of the test bed.
type server struct {
	t    *testing.T
	http *http.Client
}

// start runs Prometheus on n until the test's end.
func start(t *testing.T, n *node.Node, targets ...string) *server {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}
rule_files: [%s]
scrape_configs:
  - job_name: mip6d
    static_configs: [{targets: ["%s"]}]
`, rules, strings.Join(targets, `", "`))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=[::1]:9090", "--log.level=warn")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := n.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s := &server{t: t, http: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		err = n.Do(func() error {
			conn, err = new(net.Dialer).DialContext(ctx, network, addr)
			return err
		})
		return conn, err
	}}}}
	return s
}

// get asks Prometheus's API and decodes its data.
func (s *server) get(path string, into any) error {
	resp, err := s.http.Get("http://[::1]:9090/api/v1/" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// query returns the values that an expression has now, as text.
func (s *server) query(expr string) ([]string, error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	if err := s.get("query?query="+url.QueryEscape(expr), &data); err != nil {
		return nil, err
	}
	var values []string
	for _, r := range data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values, nil
}

// eventually waits until an expression has one value.
func (s *server) eventually(expr, want string) {
	s.t.Helper()
	var got []string
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if got, err = s.query(expr); err == nil && len(got) == 1 && got[0] == want {
			return
		}
	}
	s.t.Errorf("%s is %q (%v), want %s", expr, got, err, want)
}

// TestScrape: Prometheus, a correspondent of the mobile node, scrapes the home agent and
// the mobile node at its home address, wherever that is.
func TestScrape(t *testing.T) {
	if os.Getenv("MIP6D_PROMETHEUS") == "" {
		t.Skip("this is for make test-prometheus, which brings Prometheus into the VM")
	}
	topo := topology.New(t, topology.Config{Start: topology.Foreign1})
	const listen = "metrics: {listen: \"[::]:9462\"}\n"
	ha, mn := daemon.HomeAgent(), daemon.MobileNode()
	ha.Text, mn.Text = ha.Text+listen, mn.Text+listen
	daemon.New(t, topo.HA, ha)
	daemon.New(t, topo.MN, mn)
	onHA, onMN := fmt.Sprintf("[%s]:9462", topology.HAAddr), fmt.Sprintf("[%s]:9462", topology.HoA)
	s := start(t, topo.CN, onHA, onMN)
	s.eventually(`sum(up{job="mip6d"})`, "2")
	if t.Failed() {
		t.Fatalf("targets: %+v", s.targets())
	}
	s.eventually(`mip6d_bindings{binding="home"}`, "1")
	s.eventually(`mip6d_binding_update_list_entries{binding="home",state="away"}`, "1")

	ping, err := traffic.StartPing(topo.CN, topology.CNAddr, topology.HoA, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topo.Move(topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	s.eventually(`mip6d_events_total{event="binding_moved"} > 0`, "1")
	s.eventually(`mip6d_registration_duration_seconds_count{change="moved"}`, "1")
	s.eventually(`mip6d_handover_duration_seconds_count{since="link_up",to="foreign"}`, "2")
	s.eventually(`mip6d_handover_duration_seconds_count{since="link_down",to="foreign"}`, "1")
	s.eventually(`mip6d_handover_duration_seconds_sum{since="link_down"} > bool 0 < bool 30`, "1")
	s.eventually(`min(mip6d_registration_round_trip_seconds_count{binding="home"} >= bool 2)`, "1")
	s.eventually(`count(mip6d_tunnel_transmit_bytes_total > 1000)`, "2")
	s.eventually(`count(mip6d_tunnel_receive_packets_total > 10)`, "2")
	s.eventually(`mip6d_tunnel_checked_packets_total{verdict="passed"} > bool 10`, "1")
	s.eventually(`sum(mip6d_collector_success)`, "6")
	s.eventually(`count(process_resident_memory_bytes > 0)`, "2")
	s.eventually(`count(go_gc_duration_seconds_count)`, "2")
	ping.Stop(time.Second)
	s.rules()
	s.dashboard()
}

// targets says what went wrong with which.
func (s *server) targets() any {
	var data struct {
		ActiveTargets []struct {
			ScrapeURL, LastError, Health string
			LastScrapeDuration           float64
		}
	}
	if err := s.get("targets", &data); err != nil {
		return err
	}
	return data
}

// rules: all are evaluated, and none fires in peace.
func (s *server) rules() {
	s.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	n := 0
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if err := s.get("rules", &data); err != nil {
			s.t.Fatal(err)
		}
		unknown := false
		for _, g := range data.Groups {
			for _, r := range g.Rules {
				unknown = unknown || r.Health == "unknown"
			}
		}
		if !unknown {
			break
		}
	}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			n++
			if r.Health != "ok" || r.State == "firing" {
				s.t.Errorf("alert %s: %s, %s %s", r.Name, r.Health, r.State, r.LastError)
			}
		}
	}
	if n < 10 {
		s.t.Errorf("only %d rules were loaded", n)
	}
	s.t.Logf("%d rules evaluated", n)
}

// dashboard: Prometheus understands every expression; most have an answer in this small
// world.
func (s *server) dashboard() {
	s.t.Helper()
	text, err := os.ReadFile(dashboard)
	if err != nil {
		s.t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		s.t.Fatal(err)
	}
	asked, empty := 0, []string(nil)
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			asked++
			expr := strings.NewReplacer("$__rate_interval", "1m", "$job", "mip6d", "$instance", ".*").Replace(q.Expr)
			got, err := s.query(expr)
			switch {
			case err != nil:
				s.t.Errorf("%s: %s: %v", p.Title, expr, err)
			case len(got) == 0:
				empty = append(empty, p.Title)
			}
		}
	}
	s.t.Logf("%d expressions of the dashboard, without an answer here: %q", asked, empty)
	if asked < 30 || len(empty) > asked/5 {
		s.t.Errorf("of %d expressions %d have no answer", asked, len(empty))
	}
}
