package umip

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Options change how a File is converted.
type Options struct {
	// Role is played instead of NodeConfig's, as UMIP's -H, -M and -C did; zero: NodeConfig's.
	Role Roles
}

// Result is a converted configuration.
type Result struct {
	Text string // YAML
	Role Roles

	Todo int // what the operator has to say, marked TODO
	Left int // options that have no counterpart, named at the end
}

// converter writes one File as our configuration.
type converter struct {
	page
	f        *File
	role     Roles
	todos    int
	problems Problems

	notes []note
	used  map[*Statement]bool // converted, or named in a comment
}

// note is a statement that is not converted.
type note struct {
	at   Position
	seq  int
	text string
	why  string
}

// Convert writes a File without problems as mip6d's configuration. Problems are
// values that neither daemon could work with.
func (f *File) Convert(o Options) (*Result, Problems) {
	c := &converter{f: f, used: make(map[*Statement]bool)}
	config := c.last("NodeConfig")
	c.role = CorrespondentNode
	if config != nil {
		c.role = config.role
	}
	if o.Role != 0 {
		c.role = o.Role
	}
	if c.role == proxyRole {
		c.problems.add(config.At, "%s: %s; there is nothing to convert", config.text(), noteProxy)
		return nil, c.problems
	}
	c.head(config, o.Role != 0)
	switch c.role {
	case HomeAgent:
		c.homeAgent()
	case MobileNode:
		c.mobileNode()
	}
	c.correspondentNode()
	c.log()
	c.leftOver()
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, c.problems
	}
	return &Result{Text: c.b.String(), Role: c.role, Todo: c.todos, Left: len(c.notes)}, nil
}

// head says what this is, from which file and for which role; nothing in it
// changes from one run to the next.
func (c *converter) head(config *Statement, given bool) {
	origin := "the file has no NodeConfig"
	switch {
	case given && (config == nil || config.role != c.role):
		origin = "asked for with --role"
	case config != nil:
		origin = config.text()
	}
	c.comment(fmt.Sprintf("mip6d as a %s (%s), converted by mip6ctl convert-umip from UMIP's\n  %s", c.role.name(), origin, shown(c.f.Name)))
	c.comment("\nTODO marks what the old file did not say and you must. Then: mip6d --check -c FILE. docs/from-umip.md tells what is different.")
	if config == nil && !given {
		c.todo("without NodeConfig, UMIP was a correspondent node unless it was started with -H or -M: convert with --role ha or --role mn if it was.")
	}
	c.blank()
}

// todo is a comment about what the operator has to do.
func (c *converter) todo(format string, args ...any) {
	c.todos++
	c.comment("TODO: " + fmt.Sprintf(format, args...))
}

// shown is a text that can stand in a comment.
func shown(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.ToValidUTF8(s, "") != s {
		return strconv.QuoteToASCII(s)
	}
	return s
}

// all returns the statements of a name at top level; they count as converted.
func (c *converter) all(name string) []*Statement { return c.within(c.f.statements, name) }

func (c *converter) within(list []*Statement, name string) []*Statement {
	var found []*Statement
	for _, s := range list {
		if s.Keyword.Name == name {
			found = append(found, s)
			c.used[s] = true
		}
	}
	return found
}

// last returns the statement that counted, nil if there is none; others of its
// name are left over.
func (c *converter) last(name string) *Statement { return c.lastOf(c.f.statements, name) }

func (c *converter) lastOf(list []*Statement, name string) *Statement {
	found := c.within(list, name)
	for i, s := range found {
		if i < len(found)-1 {
			c.leave(s, "said again later, and UMIP took the last")
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[len(found)-1]
}

// leave names a statement at the end as not converted.
func (c *converter) leave(s *Statement, why string) {
	c.used[s] = true
	n := note{s.At, s.seq, s.text(), why}
	if !slices.Contains(c.notes, n) { // several may ask for the last of a name
		c.notes = append(c.notes, n)
	}
}

// leftOver names what nothing was made of.
func (c *converter) leftOver() {
	c.unused(c.f.statements)
	for i, at := range c.f.missing {
		c.notes = append(c.notes, note{at, -1, fmt.Sprintf("include %q", shorten(c.f.patterns[i])), "no file was found: what it would hold is missing here"})
	}
	if len(c.notes) == 0 {
		return
	}
	slices.SortStableFunc(c.notes, func(a, b note) int { return cmp.Compare(a.seq, b.seq) })
	c.blank()
	c.comment("Not converted:")
	done := make(map[string]bool)
	for _, n := range c.notes {
		if done[n.why] {
			continue
		}
		done[n.why] = true
		c.comment("")
		for _, same := range c.notes {
			if same.why == n.why {
				c.hanging(fmt.Sprintf("%s:%d: %s", shown(same.at.File), same.at.Line, same.text), "  ", "    ")
			}
		}
		c.hanging(n.why, "    ", "    ")
	}
}

func (c *converter) unused(list []*Statement) {
	for _, s := range list {
		k := s.Keyword
		switch {
		case !c.used[s] && k.roles&c.role == 0:
			c.leave(s, fmt.Sprintf("UMIP did not read this as a %s", c.role.name()))
		case !c.used[s]:
			c.leave(s, strings.ReplaceAll(k.Remark, "`", ""))
		default:
			c.unused(s.body)
			continue
		}
		if len(s.body) > 0 {
			c.notes[len(c.notes)-1].text += " " + blockText(s)
		}
	}
}

func (c *converter) log() {
	s := c.last("DebugLevel")
	if s == nil {
		return
	}
	level := "info"
	if s.number > 0 {
		level = "debug"
	}
	c.blank()
	c.line("log: {level: "+level+"}", s.text())
}

// usable records a problem with an address that cannot be anybody's own, which
// our configuration refuses, too.
func (c *converter) usable(s *Statement) bool {
	why := unusable(s.addr)
	if why != "" && s.addr.IsValid() {
		c.problems.add(s.addrAt, "%s wants a global or unique local unicast IPv6 address, and %s is %s", s.Keyword.Name, s.addr, why)
	}
	return why == ""
}

func unusable(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "none"
	case a.Is4In6():
		return "IPv4"
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsLoopback():
		return "the loopback address"
	case a.IsMulticast():
		return "multicast"
	case a.IsLinkLocalUnicast():
		return "link-local"
	}
	return ""
}

// usableHome is the same of a home address with its length.
func (c *converter) usableHome(s *Statement) bool {
	if !c.usable(s) {
		return false
	}
	switch p := s.prefix; {
	case p.Bits() < minPrefix:
		c.problems.add(s.addrAt, "%s has a prefix length of %d: expected %d to 128, mostly 64", s.Keyword.Name, p.Bits(), minPrefix)
	case p.Bits() < 127 && p.Addr() == p.Masked().Addr():
		c.problems.add(s.addrAt, "%s is the subnet's router anycast address (RFC 4291 §2.6.1): expected a host's own", p.Addr())
	default:
		return true
	}
	return false
}

// Limits of our configuration.
const (
	minPrefix   = 16
	maxPrefix   = 127
	minLifetime = 4
	maxInterval = 30 * 24 * 3600
)

// networks are a statement's mobile network prefixes as our configuration has
// them; what it cannot have is left over.
func (c *converter) networks(s *Statement) []netip.Prefix {
	var list []netip.Prefix
	for _, p := range s.prefixes {
		m := p.Masked()
		switch a := m.Addr(); {
		case p.Bits() < minPrefix || p.Bits() > maxPrefix:
			c.part(s, p, fmt.Sprintf("a mobile network prefix has %d to %d bits", minPrefix, maxPrefix))
		case a.Is4In6() || a.IsMulticast() || a.IsLinkLocalUnicast():
			c.part(s, p, "it holds no global addresses")
		case slices.Contains(list, m):
			c.part(s, p, "the prefix is there twice")
		default:
			list = append(list, m)
			if m != p {
				c.part(s, p, fmt.Sprintf("written as %s, without the bits beyond its length", m))
			}
		}
	}
	return list
}

// part names one prefix of a statement as not converted, or not as it was.
func (c *converter) part(s *Statement, p netip.Prefix, why string) {
	c.notes = append(c.notes, note{s.At, s.seq, fmt.Sprintf("%s: %s", s.Keyword.Name, p), why})
}

// lifetime writes a lifetime in seconds under a key of ours, which has another
// default than UMIP's.
func (c *converter) lifetime(key string, s *Statement, ours string) {
	switch {
	case s == nil:
		c.line(key+": "+seconds(maxLifetime), "UMIP's default; mip6d's is "+ours)
	case s.number < minLifetime:
		c.line(key+": "+seconds(minLifetime), s.text()+"; 4s is the least")
	default:
		c.line(key+": "+seconds(s.number), "")
	}
}

// badIfName says what the kernel would not take in an interface's name.
func badIfName(s string) string {
	switch {
	case s == "" || len(s) > maxIfName:
		return fmt.Sprintf("it has %d bytes, and 1 to %d are possible", len(s), maxIfName)
	case s == "." || s == "..":
		return "it is a directory's"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '/' || r == ':' || r == 0x7f }):
		return "it has a blank, a slash, a colon or a control character"
	}
	return ""
}
