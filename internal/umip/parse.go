package umip

import (
	"fmt"
	"net/netip"
	"strings"
)

// File is an old configuration that was understood.
type File struct {
	Name       string
	statements []*Statement
	missing    []Position // of includes that matched nothing
	patterns   []string
}

// Statement is one option with its value.
type Statement struct {
	Keyword *Keyword // an entry of CnBindingPolicySet has that of the set
	At      Position // of its name
	seq     int      // in the order of reading

	args []token // as they stand there
	body []*Statement

	// What the arguments mean, as far as the form has it.
	name     string // in quotes, or a word
	role     Roles
	number   uint32
	yes      bool
	addr     netip.Addr // invalid: there is none, or it was no address
	addrAt   Position
	local    netip.Addr // of an entry of CnBindingPolicySet
	prefix   netip.Prefix
	prefixes []netip.Prefix
}

// text is a statement on one line, without its block.
func (s *Statement) text() string {
	var b strings.Builder
	b.WriteString(s.Keyword.Name)
	if s.Keyword.secret {
		return b.String() + " …"
	}
	before := ""
	for _, t := range s.args {
		if t.kind != mark && before != "/" && before != "(" || t.text == "(" {
			b.WriteByte(' ')
		}
		before = ""
		switch t.kind {
		case mark:
			before = t.text
			b.WriteString(t.text)
		case quoted:
			fmt.Fprintf(&b, "%q", shorten(t.text))
		default:
			b.WriteString(shorten(t.text))
		}
	}
	return b.String()
}

// parser reads statements. It goes on after an error, so that all of them are
// found at once.
type parser struct {
	tokens   stream
	problems Problems
	seq      int
}

// Parse reads an old configuration, and what it includes. Without problems the
// File can be converted.
func Parse(main Source, include Include) (*File, Problems) {
	p := &parser{}
	p.tokens = stream{include: include, problems: &p.problems}
	p.tokens.files = []*lexer{newLexer(main.Name, string(main.Text), &p.problems)}
	f := &File{Name: main.Name}
	for p.tokens.peek().kind != endOfFile {
		if p.isMark("}") || p.isMark(";") {
			if t := p.tokens.next(); t.text == "}" {
				p.problems.add(t.at, `found "}" without a block that it could close: expected an option`)
			}
			continue
		}
		if s := p.statement(atTop, ""); s != nil {
			f.statements = append(f.statements, s)
		}
	}
	f.missing, f.patterns = p.tokens.missing, p.tokens.patterns
	return f, p.problems
}

func (p *parser) isMark(text string) bool {
	t := p.tokens.peek()
	return t.kind == mark && t.text == text
}

// argument takes the next token as a part of a statement.
func (p *parser) argument(s *Statement) token {
	t := p.tokens.next()
	s.args = append(s.args, t)
	return t
}

// statement reads one option with its value and block. Nil: there was none.
func (p *parser) statement(in place, within string) *Statement {
	t := p.tokens.next()
	if t.kind != word {
		p.problems.add(t.at, "expected an option%s, and found %s", within, t)
		if t.kind == mark && t.text == "{" {
			p.recoverIn(in, 1)
		} else {
			p.recover(in)
		}
		return nil
	}
	k := byPlace[in][t.text]
	if k == nil {
		p.problems.add(t.at, "%s", unknown(t, in))
		p.recover(in)
		return nil
	}
	s := &Statement{Keyword: k, At: t.at, seq: p.seq}
	p.seq++
	if !p.arguments(s) {
		p.recover(in)
		return s
	}
	switch {
	case k.form == formHomeLink || k.form == formPolicySet || k.form == formCNPolicies:
		if !p.isMark("{") {
			p.wants(s, `a block that begins with "{"`)
			p.recover(in)
			return s
		}
		p.block(s)
	case (k.form == formInterface || k.form == formProxy) && p.isMark("{"):
		p.block(s)
	case p.isMark(";"):
		p.tokens.next()
	default:
		next := p.tokens.peek()
		p.problems.add(next.at, `expected ";" after %s, and found %s`, s.text(), next)
		p.recover(in)
	}
	return s
}

// block reads what stands in braces.
func (p *parser) block(s *Statement) {
	p.tokens.next()
	in := s.Keyword.form.block()
	for {
		switch t := p.tokens.peek(); {
		case t.kind == endOfFile:
			p.problems.add(t.at, `expected "}" to close the block of %s (line %d), and found %s`, s.text(), s.At.Line, t)
			return
		case p.isMark("}"):
			p.tokens.next()
			if len(s.body) == 0 {
				p.problems.add(t.at, "expected an option in the block of %s, and it is empty", s.text())
			}
			return
		case p.isMark(";"):
			p.tokens.next()
		case s.Keyword.form == formCNPolicies:
			s.body = append(s.body, p.cnPolicy(s))
		case t.kind == word && byPlace[in][t.text] == nil && byPlace[atTop][t.text] != nil && t.first && t.at.Column == 1:
			// An option of the top level at the begin of a line: the brace is missing.
			p.problems.add(t.at, `expected "}" to close the block of %s (line %d), and found %s, which stands %s`, s.text(), s.At.Line, t, elsewhere(t.text))
			return
		default:
			if e := p.statement(in, " of "+s.Keyword.Name); e != nil {
				s.body = append(s.body, e)
			}
		}
	}
}

// cnPolicy reads an entry of CnBindingPolicySet.
func (p *parser) cnPolicy(set *Statement) *Statement {
	e := &Statement{Keyword: set.Keyword, At: p.tokens.peek().at, seq: p.seq}
	p.seq++
	ok := p.address(e)
	if ok && p.tokens.peek().kind == address {
		e.local = p.argument(e).addr
	}
	switch {
	case !ok:
		p.tokens.next()
		p.recover(inProxy)
	case !p.truth(e):
		p.recover(inProxy)
	case !p.isMark(";"):
		next := p.tokens.peek()
		p.problems.add(next.at, `expected ";" after %s, and found %s`, e.text(), next)
		p.recover(inProxy)
	default:
		p.tokens.next()
	}
	return e
}

// recover passes over the rest of a statement that was not understood: to its
// semicolon or the end of its block, or to a line that begins with an option.
func (p *parser) recover(in place) { p.recoverIn(in, 0) }

// recoverIn is the same from within so many blocks that were not understood.
func (p *parser) recoverIn(in place, depth int) {
	for {
		t := p.tokens.peek()
		switch {
		case t.kind == endOfFile:
			return
		case t.kind == word && t.first && (byPlace[in][t.text] != nil && depth == 0 || t.at.Column == 1 && byPlace[atTop][t.text] != nil):
			return
		case p.isMark("{"):
			depth++
		case p.isMark("}"):
			if depth == 0 {
				return
			}
			if depth--; depth == 0 {
				p.tokens.next()
				return
			}
		case p.isMark(";") && depth == 0:
			p.tokens.next()
			return
		}
		p.tokens.next()
	}
}

// unknown says what is wrong with a word that is no option here.
func unknown(t token, in place) string {
	if where := elsewhere(t.text); where != "" {
		return fmt.Sprintf("%s stands %s, not %s", t, where, in)
	}
	text := fmt.Sprintf("there is no option %s %s", t, in)
	if best := closest(t.text, in); best != "" {
		text += fmt.Sprintf("; did you mean %s?", best)
	}
	return text
}

// closest finds the option that was probably meant.
func closest(name string, in place) string {
	best, least := "", 3
	for i := range Keywords {
		k := &Keywords[i]
		if k.in != in || k.form == formReserved {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(k.Name))
		if d < least {
			best, least = k.Name, d
		}
	}
	return best
}

// distance is how many letters differ (Levenshtein). What is far longer than
// any option is far from all of them.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
