package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// otherTexts are commands whose text for people is tested in another way.
var otherTexts = map[string]string{
	"watch":      "testdata/script/watch*.txtar: it goes on until it is interrupted",
	"top":        "testdata/top",
	"report":     "test/report: a page for a browser",
	"bug-report": "bugreport_test.go: the file's name has the time in it",
	"decode":     "testdata/script/decode.txtar: JSON always",
	"version":    "testdata/script/failures.txtar: the version is that of the build",
}

// leaves are the commands that do something.
func leaves(c *cobra.Command) (list []*cobra.Command) {
	for _, sub := range c.Commands() {
		list = append(list, leaves(sub)...)
	}
	if len(c.Commands()) == 0 {
		list = append(list, c)
	}
	return list
}

// wordsOf are those that a command is called by.
func wordsOf(c *cobra.Command) string { return strings.TrimPrefix(c.CommandPath(), "mip6ctl ") }

// TestEveryTableHasAGoldenText: tables.txtar compares what each command prints with -o table
// and with -o wide, and lists of it have more than one row.
func TestEveryTableHasAGoldenText(t *testing.T) {
	b, err := os.ReadFile("testdata/script/tables.txtar")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, c := range leaves(newRoot()) {
		name := wordsOf(c)
		if _, other := otherTexts[name]; other {
			continue
		}
		for _, f := range []format{formatTable, formatWide} {
			line := regexp.MustCompile(`(?m)^(?:exec|status \d) mip6ctl ` + regexp.QuoteMeta(name) + `(?: .*)? -o ` + string(f) + "\ncmp stdout (want/.+)$")
			m := line.FindStringSubmatch(text)
			if m == nil {
				t.Errorf("tables.txtar has no golden text of %s -o %s", name, f)
				continue
			}
			_, golden, there := strings.Cut(text, "-- "+m[1]+" --\n")
			golden, _, _ = strings.Cut(golden, "\n-- ")
			if rows := strings.Count(golden, "\n"); !there || strings.HasPrefix(name, "show ") && rows < 2 {
				t.Errorf("%s -o %s: %s has %d rows below the first", name, f, m[1], rows)
			}
		}
	}
}
