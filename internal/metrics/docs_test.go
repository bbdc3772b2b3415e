package metrics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("update", false, "write the tables of docs/metrics.md")

// tables are those of docs/metrics.md, by the words of the comment before each.
func tables() map[string]string {
	var names, stats strings.Builder
	fmt.Fprint(&names, "| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range Families() {
		labels := ""
		for i, l := range f.Labels {
			if i > 0 {
				labels += ", "
			}
			labels += "`" + l + "`"
		}
		fmt.Fprintf(&names, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, labels, f.Help)
	}
	fmt.Fprint(&stats, "| counter of `mip6ctl show stats` | series |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		s, labels := counters[name], []string(nil)
		for i, l := range s.family.Labels {
			labels = append(labels, fmt.Sprintf("%s=%q", l, s.values[i]))
		}
		series := s.family.Name
		if labels != nil {
			series += "{" + strings.Join(labels, ",") + "}"
		}
		fmt.Fprintf(&stats, "| `%s` | `%s` |\n", name, series)
	}
	return map[string]string{"metrics": names.String(), "counters": stats.String()}
}

// TestDocumentation: docs/metrics.md lists what is exported. After a change run
//
//	go test ./internal/metrics -run Documentation -update
func TestDocumentation(t *testing.T) {
	const file = top + "docs/metrics.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for name, want := range tables() {
		begin, end := "<!-- "+name+": written by a test -->\n", "<!-- end -->\n"
		before, rest, ok := strings.Cut(doc, begin)
		got, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for the table of %s", file, name)
		}
		if *rewrite {
			doc = before + begin + want + end + after
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, table of %s: go test ./internal/metrics -run Documentation -update (-want +got)\n%s", file, name, diff)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
