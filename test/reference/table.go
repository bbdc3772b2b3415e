package reference

import (
	"regexp"
	"strings"
)

// Row is what docs/configuration.md says of a key, in its Markdown.
type Row struct{ Key, Type, Default, Meaning string }

var keyCell = regexp.MustCompile("^`([a-z0-9_.\\[\\]]+)`$")

// Rows reads the tables of keys.
func Rows(markdown string) []Row {
	var rows []Row
	for line := range strings.Lines(markdown) {
		c := cells(line)
		if len(c) != 4 {
			continue
		}
		if m := keyCell.FindStringSubmatch(c[0]); m != nil {
			rows = append(rows, Row{m[1], c[1], c[2], c[3]})
		}
	}
	return rows
}

// cells are those of a table's row, nil of another line.
func cells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	list := strings.Split(strings.Trim(line, "|"), "|")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

var link = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)

// plain is a cell's text without Markdown.
func plain(s string) string {
	return strings.NewReplacer("`", "", "*", "").Replace(link.ReplaceAllString(s, "$1"))
}
