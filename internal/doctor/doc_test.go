package doctor

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocumented: docs/doctor.md has the table, row by row.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		rows[strings.TrimSpace(line)] = true
	}
	for _, p := range Table {
		level := func(r Role) string {
			n, _ := p.need(r)
			return string(n.Level)
		}
		row := fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", p.Key, p.What, level(HomeAgent), level(MobileNode), level(CorrespondentNode), p.Get.Option)
		if !rows[row] {
			t.Errorf("docs/doctor.md lacks the row\n%s", row)
		}
	}
}
