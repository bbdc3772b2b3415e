package umip

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentation: docs/from-umip.md has the table of options as it is here.
func TestDocumentation(t *testing.T) {
	const file, begin, end = "../../docs/from-umip.md", "-update -->\n", "<!-- end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	want := table()
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of %s is not the one of keywords.go: go test ./internal/umip -update (-want +got)\n%s", file, diff)
	}
}

// table writes the rows; neighbours of which the same is to be said share one.
func table() string {
	var b strings.Builder
	b.WriteString("\n| option | becomes | remarks |\n|---|---|---|\n")
	names := ""
	for i, k := range Keywords {
		if names != "" {
			names += ", "
		}
		names += "`" + k.Name + "`"
		if next := i + 1; next < len(Keywords) && Keywords[next].in == k.in && Keywords[next].Ours == k.Ours && Keywords[next].Remark == k.Remark {
			continue
		}
		if k.in != atTop {
			names += " (" + k.in.String() + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", names, becomes(k.Ours), k.Remark)
		names = ""
	}
	b.WriteString("\n")
	return strings.ReplaceAll(b.String(), "|  |", "| |")
}

// becomes puts our keys into code quotes.
func becomes(ours string) string {
	parts := strings.Split(ours, ", ")
	for i, p := range parts {
		if strings.ContainsAny(p, "._…") && !strings.Contains(p, " ") {
			parts[i] = "`" + p + "`"
		}
	}
	return strings.Join(parts, ", ")
}
