package config

import (
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

const top = "../../"

// TestExamples parses every shipped example, with keys where it wants them.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(top + "configs/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("only %d examples found (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, name := range regexp.MustCompile(`/etc/mip6d/keys/\w+`).FindAllString(string(text), -1) {
				key := fmt.Sprintf("%x", sha512.Sum512([]byte(name))) // each another, long enough for all
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(key), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			local := strings.ReplaceAll(string(text), "/etc/mip6d/keys/", dir+"/")
			if _, err := parse(file, []byte(local)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDocumentsExamples parses the configurations that documents show: indented in the
// README, fenced elsewhere.
func TestDocumentsExamples(t *testing.T) {
	for file, want := range map[string]*regexp.Regexp{
		"README.md":     regexp.MustCompile(`(?m)^    (?:home_agent|mobile_node):\n(?:      .*\n)+`),
		"docs/ipsec.md": regexp.MustCompile("(?m)^```yaml\n(?:[^`].*\n)+```$"),
	} {
		text, err := os.ReadFile(top + file)
		if err != nil {
			t.Fatal(err)
		}
		examples := want.FindAllString(string(text), -1)
		if len(examples) < 2 {
			t.Errorf("%s has %d examples", file, len(examples))
		}
		for _, e := range examples {
			e = strings.TrimSuffix(strings.TrimPrefix(e, "```yaml\n"), "```")
			if _, d := decode(file, []byte(e), WithoutKeys()); len(d.problems) > 0 {
				t.Errorf("%s: %v in\n%s", file, d.problems, e)
			}
		}
	}
}

// schema returns every key there is. The complete examples show all of them.
func schema(t *testing.T) []string {
	t.Helper()
	var keys []string
	for _, s := range Settings() {
		keys = append(keys, s.Path)
	}
	slices.Sort(keys)
	for _, name := range []string{"complete-home-agent.yaml", "complete-mobile-node.yaml"} {
		text, err := os.ReadFile(top + "configs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, d := decode(name, text, WithoutKeys())
		for _, key := range keys {
			if section, _, ok := strings.Cut(key, "."); ok && d.has(section) && !used(d.top, key) {
				t.Errorf("%s does not show %s", name, key)
			}
		}
	}
	return keys
}

// used says whether a key of the schema has a value somewhere.
func used(n *yaml.Node, key string) bool {
	if key == "" {
		return true
	}
	first, rest, _ := strings.Cut(key, ".")
	first, isList := strings.CutSuffix(first, "[]")
	n = value(n, first)
	if n == nil || !isList {
		return n != nil && used(n, rest)
	}
	return slices.ContainsFunc(n.Content, func(e *yaml.Node) bool { return used(e, rest) })
}

// TestDocumentation compares the parser's keys with docs/configuration.md's.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(top + "docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.\\[\\]]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	if diff := cmp.Diff(schema(t), documented); diff != "" {
		t.Errorf("keys of the parser and of docs/configuration.md differ (-parser +docs)\n%s", diff)
	}
}

// TestDocumentedDefaults compares the defaults that the documentation tells.
func TestDocumentedDefaults(t *testing.T) {
	text, err := os.ReadFile(top + "docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"home_agent.max_lifetime":               "`1h`",
		"mobile_node.homes[].lifetime":          "`420s`",
		"mobile_node.interfaces[].preference":   "`100`",
		"run_dir":                               "`" + defaultRunDir + "`",
		"state_dir":                             "`" + defaultStateDir + "`",
		"control.group":                         "`" + defaultGroup + "`",
		"control.journal":                       "`8192`",
		"kernel.route_protocol":                 "`75`",
		"kernel.rule_priority":                  "`627`",
		"kernel.table":                          "`6275`",
		"kernel.tunnel_name":                    "`" + defaultTunnelName + "`",
		"kernel.tunnel_prefix":                  "`" + defaultTunnelPrefix + "`",
		"home_agent.max_bindings":               "`131072`",
		"home_agent.timestamp_window":           "`7s`",
		"log.level":                             "`info`",
		"log.format":                            "`" + string(LogText) + "`",
		"home_agent.mobile_nodes[].auth.replay": "`" + string(ReplayTimestamp) + "`",
	} {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(key) + "` \\|[^|]*\\|([^|]*)\\|").FindStringSubmatch(string(text))
		if row == nil || strings.TrimSpace(row[1]) != want {
			t.Errorf("the documented default of %s is %q, want %q", key, row, want)
		}
	}
	c := defaults()
	if defaultMaxLifetime.Hours() != 1 || defaultLifetime.Seconds() != 420 || defaultPreference != 100 || defaultMaxBindings != 131072 || defaultTimestampWindow.Seconds() != 7 ||
		c.Kernel.RouteProtocol != 75 || c.Kernel.RulePriority != 627 || c.Kernel.Table != 6275 || c.Log.Level.String() != "INFO" {
		t.Error("a default has changed: correct docs/configuration.md and this test")
	}
}

// TestNamesForIproute2: the drop-ins name the defaults.
func TestNamesForIproute2(t *testing.T) {
	for file, want := range map[string]string{
		"configs/rt_protos.d/mip6.conf": fmt.Sprintf("\n%d\tmip6\n", defaultRouteProtocol),
		"configs/rt_tables.d/mip6.conf": fmt.Sprintf("\n%d\tmip6\n%d\tmip6-home\n%d\tmip6-tunnel\n", defaultTable, defaultTable+1, defaultTable+2),
	} {
		text, err := os.ReadFile(top + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(string(text), want) {
			t.Errorf("%s does not end with %q", file, want)
		}
	}
}
