package reference

import (
	"fmt"
	"regexp"
	"strings"
)

// mdoc writes mdoc(7), which groff and mandoc read.
type mdoc struct{ strings.Builder }

// macro writes a request with arguments, of which each is one. What is text in them
// is escaped by the caller.
func (m *mdoc) macro(name string, args ...string) {
	m.WriteString("." + name)
	for _, a := range args {
		if strings.ContainsAny(a, " \t") || a == "" {
			a = `"` + strings.ReplaceAll(a, `"`, `""`) + `"`
		}
		m.WriteString(" " + a)
	}
	m.WriteByte('\n')
}

var sentence = regexp.MustCompile(`([^.][.!?][)"]?) +`)

// text writes escaped text, each sentence on a line of its own, as mdoc wants it.
func (m *mdoc) text(s string) {
	for l := range strings.Lines(sentence.ReplaceAllString(s, "$1\n")) {
		m.line(l)
	}
}

// line writes escaped text as a line that is no request.
func (m *mdoc) line(s string) {
	if s = strings.TrimRight(s, " \n"); s == "" {
		return
	}
	if s[0] == '.' || s[0] == '\'' {
		s = `\&` + s
	}
	m.WriteString(s + "\n")
}

// paragraphs writes plain text: empty lines part paragraphs, indented lines are kept.
func (m *mdoc) paragraphs(s string) {
	for i, p := range blocks(s) {
		if i > 0 {
			m.macro("Pp")
		}
		if strings.HasPrefix(p, " ") || strings.HasPrefix(p, "\t") {
			m.literal(p)
			continue
		}
		m.text(escape(strings.Join(strings.Fields(p), " ")))
	}
}

// literal writes lines as they are, without their common indentation.
func (m *mdoc) literal(s string) {
	m.macro("Bd", "-literal", "-offset", "indent")
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	indent := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	for _, l := range lines {
		cut := min(indent, len(l)-len(strings.TrimLeft(l, " ")))
		if l = escape(l[cut:]); l == "" {
			l = `\&`
		}
		m.line(l)
	}
	m.macro("Ed")
}

// blocks parts text at empty lines.
func blocks(s string) []string {
	var list []string
	for b := range strings.SplitSeq(s, "\n\n") {
		if b = strings.Trim(b, "\n"); b != "" {
			list = append(list, b)
		}
	}
	return list
}

// escape makes text mean itself. What is not ASCII is named, as groff reads bytes.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`) // to be found and copied as it is typed
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
