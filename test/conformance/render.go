package conformance

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const introduction = `# Conformance

Written by ` + "`make conformance`" + ` from ` + "`" + List + "`" + ` and the comments of the tests; do not edit it by hand.

Each line is something that an RFC asks: its id, who has to keep it (CN correspondent node, HA home agent, MN mobile node, MR
mobile router), the RFC's word (small letters or *implied*: its text asks without the word), what it asks in our words, and the
tests that show it. A test is listed only if it fails when the rule is broken. *Missing* says what no test shows, and why.
Tests called TestKernel… run on a real kernel ([testing.md](testing.md)).
`

// render writes the document.
func (t *Table) render() []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	t.summary(&b)
	rfc, section := "", ""
	for _, r := range t.Rows {
		number, rest, _ := strings.Cut(r.Section, " ")
		if number != rfc {
			rfc = number
			fmt.Fprintf(&b, "\n## RFC %s\n", strings.TrimPrefix(rfc, "RFC"))
		}
		if r.Section != section {
			t.alsoNamed(&b, section)
			section = r.Section
			fmt.Fprintf(&b, "\n### %s §%s\n\n| id | who | level | requirement | shown by |\n|---|---|---|---|---|\n", strings.Replace(rfc, "RFC", "RFC ", 1), rest)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.ID, r.Roles, r.Level, escape(r.Text), r.shown())
	}
	t.alsoNamed(&b, section)
	return b.Bytes()
}

// alsoNamed lists the tests of a section that name no single requirement.
func (t *Table) alsoNamed(b *bytes.Buffer, section string) {
	if list := t.Named[section]; len(list) > 0 {
		fmt.Fprintf(b, "\nFurther tests of this section: %s.\n", links(list))
	}
}

func (r *Row) shown() string {
	var parts []string
	if len(r.Tests) > 0 {
		parts = append(parts, links(r.Tests))
	}
	switch reason, partly := strings.CutPrefix(r.Missing, Partly); {
	case partly:
		parts = append(parts, "*missing* in part: "+escape(reason))
	case r.Missing != "":
		parts = append(parts, "*missing*: "+escape(r.Missing))
	}
	return strings.Join(parts, "; ")
}

func links(tests []Test) string {
	tests = slices.Clone(tests)
	slices.SortFunc(tests, func(a, b Test) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Name, b.Name)) })
	var list []string
	for _, t := range tests {
		list = append(list, fmt.Sprintf("[%s.%s](../%s)", t.Package(), t.Name, t.File))
	}
	return strings.Join(list, ", ")
}

func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(s)
}

// tally counts requirements of one kind.
type tally struct{ all, shown, partly, missing int }

func (c *tally) add(r *Row) {
	c.all++
	switch {
	case r.Missing == "":
		c.shown++
	case len(r.Tests) > 0:
		c.partly++
	default:
		c.missing++
	}
}

// summary counts, by RFC and word.
func (t *Table) summary(b *bytes.Buffer) {
	counts := make(map[[2]string]*tally)
	why := make(map[string]*tally)
	for i := range t.Rows {
		r := &t.Rows[i]
		rfc, _, _ := strings.Cut(r.Section, " ")
		word := "other words"
		if r.Level == strings.ToUpper(r.Level) {
			word, _, _ = strings.Cut(r.Level, " ") // with its NOT
		}
		tallyOf(counts, [2]string{rfc, word}).add(r)
		if r.Missing != "" {
			reason, _, _ := strings.Cut(strings.TrimPrefix(r.Missing, Partly), ":")
			tallyOf(why, reason).add(r)
		}
	}
	b.WriteString("\n| RFC | word, with NOT | requirements | shown | in part | missing |\n|---|---|---|---|---|---|\n")
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, k := range keys {
		c := counts[k]
		fmt.Fprintf(b, "| %s | %s | %d | %d | %d | %d |\n", strings.TrimPrefix(k[0], "RFC"), k[1], c.all, c.shown, c.partly, c.missing)
	}
	b.WriteString("\n| why it is missing | wholly | in part |\n|---|---|---|\n")
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		fmt.Fprintf(b, "| %s | %d | %d |\n", escape(reason), why[reason].missing, why[reason].partly)
	}
}

func tallyOf[K comparable](m map[K]*tally, k K) *tally {
	if m[k] == nil {
		m[k] = new(tally)
	}
	return m[k]
}
