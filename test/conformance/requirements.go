package conformance

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Requirement is one line of the list.
type Requirement struct {
	ID      string // RFC, section and number: 6275-9.5.1-3
	Section string // RFC6275 9.5.1
	Roles   string // CN, HA, MN, MR or all
	Level   string // RFC 2119's words; small letters or "implied" where the RFC's text does without
	Text    string
	Missing string // what no test shows, and why; begins with Partly where tests show the rest
}

// Partly begins the reason of a requirement that tests show in part.
const Partly = "partly: "

var (
	idForm      = regexp.MustCompile(`^(\d{4})-(\d+(?:\.\d+)*)-\d+[a-z]?$`)
	sectionForm = regexp.MustCompile(`^RFC(\d{4}) (\d+(?:\.\d+)*)$`)
	levels      = []string{"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "must", "must not", "should", "should not", "implied"}
	roles       = []string{"CN", "HA", "MN", "MR", "all"}
)

const header = "id\tsection\troles\tlevel\trequirement\tmissing"

// Read reads the list.
func Read(fsys fs.FS) ([]Requirement, error) {
	b, err := fs.ReadFile(fsys, List)
	if err != nil {
		return nil, fmt.Errorf("read the requirements: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if lines[0] != header {
		return nil, fmt.Errorf("%s:1: the first line is not %q", List, header)
	}
	seen := make(map[string]bool)
	list := make([]Requirement, 0, len(lines))
	for i, line := range lines[1:] {
		r, err := parseLine(line)
		if err == nil && seen[r.ID] {
			err = fmt.Errorf("%s is there twice", r.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", List, i+2, err)
		}
		seen[r.ID] = true
		list = append(list, r)
	}
	return list, nil
}

func parseLine(line string) (Requirement, error) {
	f := strings.Split(line, "\t")
	if len(f) != 6 {
		return Requirement{}, fmt.Errorf("%d columns, want 6", len(f))
	}
	r := Requirement{f[0], f[1], f[2], f[3], f[4], f[5]}
	id, section := idForm.FindStringSubmatch(r.ID), sectionForm.FindStringSubmatch(r.Section)
	switch {
	case id == nil || section == nil || id[1] != section[1] || id[2] != section[2]:
		return r, fmt.Errorf("id %q and section %q do not have the form 6275-9.5.1-3 and RFC6275 9.5.1", r.ID, r.Section)
	case !slices.Contains(levels, r.Level):
		return r, fmt.Errorf("%s: level %q is none of %q", r.ID, r.Level, levels)
	case strings.TrimSpace(r.Text) == "":
		return r, fmt.Errorf("%s: there is no text", r.ID)
	}
	for _, role := range strings.Split(r.Roles, "/") {
		if !slices.Contains(roles, role) {
			return r, fmt.Errorf("%s: role %q is none of %q", r.ID, role, roles)
		}
	}
	return r, nil
}
