package conformance

import (
	"fmt"
	"io/fs"
	"strings"
)

// Row is a requirement with its tests.
type Row struct {
	Requirement
	Tests []Test
}

// Table is all that the document says.
type Table struct {
	Rows  []Row
	Named map[string][]Test // by section: tests that are named by it and name no requirement
}

// Join puts requirements and tests together. problems are what does not fit.
func Join(requirements []Requirement, tests []Test) (t Table, problems []string) {
	t.Named = make(map[string][]Test)
	at := make(map[string]int)
	for i, r := range requirements {
		at[r.ID] = i
		t.Rows = append(t.Rows, Row{Requirement: r})
	}
	for _, test := range tests {
		said := make(map[string]bool)
		for _, id := range test.IDs {
			i, known := at[id]
			switch {
			case !known:
				problems = append(problems, fmt.Sprintf("%s: %s names %s, which %s does not have", test.File, test.Name, id, List))
			case said[id]:
				problems = append(problems, fmt.Sprintf("%s: %s names %s twice", test.File, test.Name, id))
			default:
				t.Rows[i].Tests = append(t.Rows[i].Tests, test)
			}
			said[id] = true
		}
		if len(test.IDs) == 0 && test.Section != "" {
			t.Named[test.Section] = append(t.Named[test.Section], test)
		}
	}
	for _, r := range t.Rows {
		partly := strings.HasPrefix(r.Missing, Partly)
		switch {
		case len(r.Tests) == 0 && r.Missing == "":
			problems = append(problems, fmt.Sprintf("%s: %s (%s) has neither a test nor a reason: %s", List, r.ID, r.Level, r.Text))
		case len(r.Tests) == 0 && partly:
			problems = append(problems, fmt.Sprintf("%s: %s is said to be shown in part, but no test names it", List, r.ID))
		case len(r.Tests) > 0 && r.Missing != "" && !partly:
			problems = append(problems, fmt.Sprintf("%s: %s is said to be missing (%s), but %s names it", List, r.ID, r.Missing, r.Tests[0].Name))
		}
	}
	return t, problems
}

// Make reads list and tests below a module's root and writes the document.
func Make(fsys fs.FS) (document []byte, problems []string, err error) {
	requirements, err := Read(fsys)
	if err != nil {
		return nil, nil, err
	}
	tests, problems, err := Collect(fsys)
	if err != nil {
		return nil, nil, err
	}
	t, more := Join(requirements, tests)
	return t.render(), append(problems, more...), nil
}
