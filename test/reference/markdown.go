package reference

import (
	"regexp"
	"strings"
)

// Configuration makes mdoc of docs/configuration.md: headings, paragraphs, lists,
// indented examples, and tables, of which a row becomes an entry. The title and what
// stands before the first heading are one section, CONFIGURATION FILE.
func Configuration(markdown string) string {
	m := &mdoc{}
	m.macro("Sh", "CONFIGURATION FILE")
	first := true
	for _, b := range blocks(markdown) {
		switch {
		case strings.HasPrefix(b, "# "):
			continue
		case strings.HasPrefix(b, "## "):
			m.macro("Sh", escape(strings.ToUpper(b[3:])))
			first = true
			continue
		case strings.HasPrefix(b, "### "):
			m.macro("Ss", escape(b[4:]))
			first = true
			continue
		case strings.HasPrefix(b, "|"):
			m.table(b)
		case strings.HasPrefix(b, "    "):
			m.literal(b)
		case strings.HasPrefix(b, "* "), strings.HasPrefix(b, "- "):
			m.bullets(b)
		default:
			lead, list, found := strings.Cut(b, "\n* ")
			if !first {
				m.macro("Pp")
			}
			m.text(inline(lead))
			if found {
				m.bullets("* " + list)
			}
		}
		first = false
	}
	return m.String()
}

// table writes the rows of a table below its two lines of heading.
func (m *mdoc) table(s string) {
	lines := strings.Split(s, "\n")
	m.macro("Bl", "-tag", "-width", "Ds")
	for _, l := range lines[min(2, len(lines)):] {
		c := cells(l)
		m.macro("It", "Ic", escape(plain(c[0])))
		if len(c) != 4 {
			m.text(inline(strings.Join(c[1:], ". ")))
			continue
		}
		head := inline(c[1])
		switch c[2] {
		case "":
		case "*required*":
			head += "; required"
		default:
			head += "; default: " + inline(c[2])
		}
		m.text(head + ".")
		if c[3] != "" {
			m.macro("br")
			m.text(inline(strings.ToUpper(c[3][:1])+c[3][1:]) + ".")
		}
	}
	m.macro("El")
}

func (m *mdoc) bullets(s string) {
	m.macro("Bl", "-bullet")
	for item := range strings.SplitSeq("\n"+s, "\n* ") {
		if item != "" {
			m.macro("It")
			m.text(inline(item))
		}
	}
	m.macro("El")
}

var span = regexp.MustCompile("`[^`]*`|\\*[^*]+\\*|\\[[^\\]]*\\]\\([^)]*\\)")

// inline makes one line of a paragraph: code becomes bold, emphasis italic, and of a
// link its words are left, with the document's name where they are not that.
func inline(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	var b strings.Builder
	at := 0
	for _, m := range span.FindAllStringIndex(s, -1) {
		b.WriteString(escape(s[at:m[0]]))
		switch part := s[m[0]:m[1]]; part[0] {
		case '`':
			b.WriteString(`\fB` + escape(strings.Trim(part, "`")) + `\fP`)
		case '*':
			b.WriteString(`\fI` + escape(strings.Trim(part, "*")) + `\fP`)
		default:
			b.WriteString(escape(link.FindStringSubmatch(part)[1]))
		}
		at = m[1]
	}
	b.WriteString(escape(s[at:]))
	return b.String()
}
