package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const top = "../../"

// vocabulary is what an expression may name: the labels of each metric, and the values
// of those labels that have fixed ones.
type vocabulary struct {
	labels map[string][]string
	values map[string]map[string]bool // by metric and label
}

// exported is what mip6d exports, histograms by their three names; up and the labels
// job and instance are Prometheus's own.
func exported(t *testing.T) vocabulary {
	t.Helper()
	v := vocabulary{labels: map[string][]string{"up": {}}, values: make(map[string]map[string]bool)}
	got, err := NewRegistry(filled(), busy()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		switch f.GetType().String() {
		case "HISTOGRAM":
			v.labels[f.GetName()+"_bucket"] = append([]string{"le"}, labels...)
			fallthrough
		case "SUMMARY":
			v.labels[f.GetName()+"_sum"], v.labels[f.GetName()+"_count"] = labels, labels
		default:
			v.labels[f.GetName()] = labels
		}
	}
	know := func(metric, label, value string) {
		key := metric + "." + label
		if v.values[key] == nil {
			v.values[key] = make(map[string]bool)
		}
		v.values[key][value] = true
	}
	for _, s := range counters {
		for i, l := range s.family.Labels {
			know(s.family.Name, l, s.values[i])
		}
	}
	for _, k := range kinds {
		know(events.Name, "event", string(k))
	}
	for _, b := range []*Family{bindings, bindingsLimit, listEntries} {
		know(b.Name, "binding", Home)
		know(b.Name, "binding", Correspondent)
	}
	for _, c := range []string{"engine", "data_path", "tunnels"} {
		know(answered.Name, "collector", c)
	}
	for _, c := range []string{"created", "moved", "refreshed"} {
		know(registrationSeconds.Name+"_bucket", "change", c)
	}
	for _, r := range []string{homeAgent, mobileNode, correspondentNode} {
		know(registrations.Name, "role", r)
	}
	return v
}

// wrong says what of an expression mip6d does not export.
func (v vocabulary) wrong(expr string) (list []string) {
	q, err := parseQuery(expr)
	if err != nil {
		return []string{err.Error()}
	}
	if len(q.selectors) == 0 {
		return []string{"it asks for nothing"}
	}
	all := []string{"job", "instance"}
	for _, s := range q.selectors {
		labels, ok := v.labels[s.name]
		if !ok {
			list = append(list, s.name+" is not exported")
			continue
		}
		all = append(all, labels...)
		for _, m := range s.matches {
			if m.label == "job" || m.label == "instance" {
				continue
			}
			if !slices.Contains(labels, m.label) {
				list = append(list, fmt.Sprintf("%s has no label %s", s.name, m.label))
			}
			if known := v.values[s.name+"."+m.label]; known != nil {
				for _, value := range strings.Split(m.value, "|") {
					if !known[value] {
						list = append(list, fmt.Sprintf("%s never has %s=%q; it has %q", s.name, m.label, value, slices.Sorted(maps.Keys(known))))
					}
				}
			}
		}
	}
	for _, l := range q.grouped {
		if !slices.Contains(all, l) {
			list = append(list, fmt.Sprintf("nothing there has the label %s", l))
		}
	}
	return list
}

// TestVocabularyFindsMistakes: this test of the tests fails when they can't.
func TestVocabularyFindsMistakes(t *testing.T) {
	v := exported(t)
	for expr, want := range map[string]string{
		`mip6d_binding > 1`:                                   "mip6d_binding is not exported",
		`mip6d_bindings{type="home"}`:                         "mip6d_bindings has no label type",
		`sum by (status) (mip6d_bindings)`:                    "nothing there has the label status",
		`mip6d_dropped_messages_total{reason=~"replay|rply"}`: `mip6d_dropped_messages_total never has reason="rply"`,
		`rate(mip6d_handover_duration_seconds[5m])`:           "mip6d_handover_duration_seconds is not exported",
		`1 > 0`: "it asks for nothing",
	} {
		got := v.wrong(expr)
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q, want %s", expr, got, want)
		}
	}
	if got := v.wrong(`sum by (job, le) (rate(mip6d_handover_duration_seconds_bucket{since="link_up"}[5m])) > up{job="mip6d"}`); got != nil {
		t.Errorf("a right one: %q", got)
	}
}

// TestRules: alert rules ask for what is exported, and say what to do.
func TestRules(t *testing.T) {
	text, err := os.ReadFile(top + "configs/prometheus/mip6d.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(top + "docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	v, n := exported(t), 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			n++
			for _, w := range v.wrong(r.Expr) {
				t.Errorf("%s: %s", r.Alert, w)
			}
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s lacks its severity, summary or description", r.Alert)
			}
			if !strings.Contains(string(doc), "`"+r.Alert+"`") {
				t.Errorf("docs/metrics.md does not name %s", r.Alert)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d rules were read", n)
	}
}

// TestDashboard: every panel asks for what is exported, and every metric of ours but
// the few that people look up is on some panel or in a rule.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(top + "configs/grafana/mip6d.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	v, ids := exported(t), make(map[int]bool)
	check := func(what, expr string) {
		for _, w := range v.wrong(strings.NewReplacer("$__rate_interval", "5m", `"$job"`, `"mip6d"`, `"$instance"`, `"a"`).Replace(expr)) {
			t.Errorf("%s: %s", what, w)
		}
	}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q shows nothing, or stands off the grid", p.Title)
		}
		for _, q := range p.Targets {
			check(p.Title, q.Expr)
		}
	}
	for _, a := range board.Annotations.List {
		check("annotation", a.Expr)
	}
	for _, l := range board.Templating.List {
		if m := regexp.MustCompile(`^label_values\((.*), \w+\)$`).FindStringSubmatch(l.Definition); m != nil {
			check(l.Name, m[1])
		}
	}
	if len(board.Panels) < 20 {
		t.Errorf("only %d panels were read", len(board.Panels))
	}
	rules, err := os.ReadFile(top + "configs/prometheus/mip6d.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Families() {
		if !strings.Contains(string(text)+string(rules), f.Name) && !slices.Contains(lookedUp, f.Name) {
			t.Errorf("%s is on no panel and in no rule", f.Name)
		}
	}
}

// lookedUp are those without a panel.
var lookedUp = []string{
	answered.Name, tunnelRxPackets.Name, tunnelTxPackets.Name, messagesIn.Name, messagesOut.Name, accepted.Name,
	returnRoutability.Name, retransmissions.Name, suppressed.Name, bindingErrors.Name, dadFailures.Name, evicted.Name,
	neighbour.Name, homeLink.Name, gated.Name, overBudget.Name,
}
