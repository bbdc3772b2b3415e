package umip

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// width is how long a line with a comment becomes, in characters.
const width = 118

// page is YAML that is being written, line by line.
type page struct {
	b     strings.Builder
	depth int
	dash  bool // the next line begins an element of a list
}

// line writes one line; remark, if any, stands behind it.
func (p *page) line(text, remark string) {
	p.b.WriteString(p.margin())
	p.b.WriteString(text)
	if remark != "" {
		p.b.WriteString("  # " + remark)
	}
	p.b.WriteByte('\n')
}

// margin is the indentation of the next line.
func (p *page) margin() string {
	m := strings.Repeat("  ", p.depth)
	if p.dash {
		p.dash = false
		return m[2:] + "- "
	}
	return m
}

// open writes a key whose value follows, and indents.
func (p *page) open(key string) {
	p.line(key+":", "")
	p.depth++
}

func (p *page) close() { p.depth-- }

// element begins an element of a list: its first key gets the dash.
func (p *page) element() {
	p.depth++
	p.dash = true
}

func (p *page) blank() { p.b.WriteByte('\n') }

// comment writes lines of a comment, wrapped. A line that begins with a blank is
// written as it is.
func (p *page) comment(text string) { p.hanging(text, "", "") }

// hanging is a comment with an indentation of its own for its first line and
// the others.
func (p *page) hanging(text, first, others string) {
	margin := strings.Repeat("  ", p.depth)
	if p.dash { // before the element
		margin = margin[2:]
	}
	for _, paragraph := range strings.Split(text, "\n") {
		if paragraph == "" || paragraph[0] == ' ' {
			p.b.WriteString(strings.TrimRight(margin+"# "+first+paragraph, " ") + "\n")
			continue
		}
		lead, line := first, ""
		for _, w := range strings.Fields(paragraph) {
			if line != "" && len(margin)+3+len(lead)+utf8.RuneCountInString(line)+utf8.RuneCountInString(w) > width {
				p.b.WriteString(margin + "# " + lead + line + "\n")
				lead, line = others, ""
			}
			if line != "" {
				line += " "
			}
			line += w
		}
		p.b.WriteString(margin + "# " + lead + line + "\n")
	}
}

// confusing are words that YAML takes for something else than a text.
var confusing = words("null", "true", "false", "yes", "no", "on", "off", "y", "n")

// plain: nothing in it means something to YAML.
func plain(s string) bool {
	inner := func(c byte) bool { return isDigit(c) || isLetter(c) || strings.IndexByte("_./:@+-", c) >= 0 }
	return s != "" && (isDigit(s[0]) || isLetter(s[0])) && span(s, inner) == len(s) && !strings.HasSuffix(s, ":") && !confusing[strings.ToLower(s)]
}

// scalar writes a value so that YAML takes it for a text.
func scalar(s string) string {
	if plain(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

// flow writes a list in one line.
func flow(values []string) string { return "[" + strings.Join(values, ", ") + "]" }

func addresses(list []netip.Addr) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = scalar(a.String())
	}
	return out
}

func prefixesText(list []netip.Prefix) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = scalar(p.String())
	}
	return out
}

func onOff(v bool) string {
	if v {
		return "on"
	}
	return "off"
}

func seconds(n uint32) string { return strconv.FormatUint(uint64(n), 10) + "s" }
