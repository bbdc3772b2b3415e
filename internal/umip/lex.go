package umip

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a token is.
type kind int

const (
	endOfFile kind = iota
	word           // an option or a value: NodeConfig, enabled
	number         // 10
	decimal        // 1.5
	address        // IPv6
	address4       // IPv4
	hardware       // 02:00:5e:00:53:01
	quoted         // "eth0"
	mark           // one of { } ( ) ; / , =
)

// token is one piece of the text.
type token struct {
	kind  kind
	text  string // as it stands there; a quoted one without its quotes
	at    Position
	first bool // on its line

	addr netip.Addr // of address and address4
	num  uint32     // of number
}

// String is the token as a message shows it.
func (t token) String() string {
	switch t.kind {
	case endOfFile:
		return "the end of the file"
	case word, number, decimal, address, address4, hardware:
		return shorten(t.text)
	default:
		return strconv.QuoteToASCII(shorten(t.text))
	}
}

// maxShown bounds how much of a wrong value a message repeats, in bytes.
const maxShown = 64

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// lexer splits one file's text into tokens.
type lexer struct {
	rest     string
	at       Position
	first    bool // no token in this line so far
	problems *Problems
}

func newLexer(file, text string, problems *Problems) *lexer {
	return &lexer{rest: text, at: Position{file, 1, 1}, first: true, problems: problems}
}

// take removes n bytes that hold no line end and returns them.
func (l *lexer) take(n int) string {
	s := l.rest[:n]
	l.rest = l.rest[n:]
	l.at.Column += utf8.RuneCountInString(s)
	return s
}

// next returns the next token; at the end of the file that, again and again.
func (l *lexer) next() token {
	for {
		l.skip()
		t := token{at: l.at, first: l.first}
		if l.rest == "" {
			return t
		}
		l.first = false
		switch c := l.rest[0]; {
		case c == '"':
			t.kind, t.text = quoted, l.quoted()
		case strings.IndexByte("{}();/,=", c) >= 0:
			t.kind, t.text = mark, l.take(1)
		case isWordByte(c):
			t.text = l.take(span(l.rest, isWordByte))
			if !l.classify(&t) {
				continue
			}
		default:
			l.strange()
			continue
		}
		return t
	}
}

// skip passes over blanks, line ends and comments.
func (l *lexer) skip() {
	for l.rest != "" {
		switch l.rest[0] {
		case '\n':
			l.rest = l.rest[1:]
			l.at.Line, l.at.Column, l.first = l.at.Line+1, 1, true
		case ' ', '\t', '\r':
			l.take(1)
		case '#':
			end := strings.IndexByte(l.rest, '\n')
			if end < 0 {
				end = len(l.rest)
			}
			l.take(end)
		default:
			return
		}
	}
}

// quoted reads a string, which ends in its line. What cannot be printed would
// break the comments and names that it comes to stand in.
func (l *lexer) quoted() string {
	at := l.at
	l.take(1)
	end := strings.IndexAny(l.rest, "\"\n")
	if end < 0 || l.rest[end] == '\n' {
		if end < 0 {
			end = len(l.rest)
		}
		l.problems.add(at, "a string begins here and does not end in this line: expected a \"")
		return printable(l.take(end))
	}
	s := l.take(end)
	l.take(1)
	if p := printable(s); p != s {
		l.problems.add(at, "a string with characters that cannot be printed: expected a name")
		return p
	}
	return s
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// strange passes over characters that begin nothing.
func (l *lexer) strange() {
	at := l.at
	n := span(l.rest, func(c byte) bool { return !isWordByte(c) && strings.IndexByte(" \t\r\n#\"{}();/,=", c) < 0 })
	l.problems.add(at, "expected an option or a value, and found %s", strconv.QuoteToASCII(shorten(l.take(n))))
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isWordByte(c byte) bool {
	return isDigit(c) || isLetter(c) || c == '_' || c == '.' || c == ':'
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// classify says what a run of letters, digits, dots and colons is. It is false
// for what is nothing, after a problem.
func (l *lexer) classify(t *token) bool {
	s := t.text
	switch {
	case strings.Contains(s, ":"):
		a, err := netip.ParseAddr(s)
		switch {
		case err == nil && a.Is6():
			t.kind, t.addr = address, a
		case isHardware(s):
			t.kind = hardware
		case span(s, func(c byte) bool { return isHex(c) || c == ':' || c == '.' }) < len(s):
			l.problems.add(t.at, "expected an option or a value, and found %s", shorten(s))
			return false
		default:
			l.problems.add(t.at, "%s is no IPv6 address", shorten(s))
			// It stands where an address is expected: one complaint is enough.
			t.kind, t.addr = address, netip.Addr{}
		}
	case span(s, isDigit) == len(s):
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			l.problems.add(t.at, "%s is too large: expected a number up to %d", shorten(s), uint32(1<<32-1))
		}
		t.kind, t.num = number, uint32(n)
	case isDigit(s[0]) && strings.Count(s, ".") == 1 && span(s, func(c byte) bool { return isDigit(c) || c == '.' }) == len(s):
		t.kind = decimal
	case isLetter(s[0]) && !strings.Contains(s, "."):
		t.kind = word
	default:
		a, err := netip.ParseAddr(s)
		if err != nil {
			l.problems.add(t.at, "expected an option or a value, and found %s", shorten(s))
			return false
		}
		t.kind, t.addr = address4, a
	}
	return true
}

// isHardware: six pairs of hexadecimal digits.
func isHardware(s string) bool {
	parts := strings.Split(s, ":")
	if len(parts) != 6 {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 2 || span(p, isHex) != len(p) {
			return false
		}
	}
	return true
}
