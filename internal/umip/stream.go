package umip

// Source is the text of one file.
type Source struct {
	Name string
	Text []byte
}

// Include finds the files that an include "PATTERN" means, a shell pattern. No
// file is no error.
type Include func(pattern string) ([]Source, error)

const (
	// maxDepth is how deep UMIP let files include each other.
	maxDepth = 5

	// maxIncluded bounds the files that are included in all: two that include
	// each other twice would be 32, those of a directory some hundred.
	maxIncluded = 10_000
)

// wordInclude begins an include, which has no semicolon.
const wordInclude = "include"

// stream is the tokens of a file and of those that it includes.
type stream struct {
	files    []*lexer // the one that is read, last; those that are to follow it are below
	open     []int    // for each level of inclusion, how many files there were
	include  Include
	included int
	missing  []Position // includes that matched nothing
	patterns []string   // their patterns
	problems *Problems
	peeked   *token
}

func (s *stream) peek() token {
	if s.peeked == nil {
		t := s.read()
		s.peeked = &t
	}
	return *s.peeked
}

func (s *stream) next() token {
	t := s.peek()
	if t.kind != endOfFile {
		s.peeked = nil
	}
	return t
}

func (s *stream) read() token {
	for {
		t := s.files[len(s.files)-1].next()
		switch {
		case t.kind == word && t.text == wordInclude:
			s.enter(t.at)
		case t.kind == endOfFile && len(s.files) > 1:
			s.files = s.files[:len(s.files)-1]
			for len(s.open) > 0 && len(s.files) == s.open[len(s.open)-1] {
				s.open = s.open[:len(s.open)-1]
			}
		default:
			return t
		}
	}
}

// enter reads the pattern of an include and makes its files the next to be read.
func (s *stream) enter(at Position) {
	l := s.files[len(s.files)-1]
	l.skip()
	if l.rest == "" || l.rest[0] != '"' {
		s.problems.add(at, `include wants a file name or pattern in quotes, such as include "/etc/mip6d.conf.d/*.conf"`)
		return
	}
	pattern := l.quoted()
	if len(s.open) >= maxDepth {
		s.problems.add(at, "files include each other more than %d levels deep", maxDepth)
		return
	}
	var files []Source
	if s.include != nil {
		var err error
		if files, err = s.include(pattern); err != nil {
			s.problems.add(at, "include %q: %v", shorten(pattern), err)
			return
		}
	}
	if s.included += len(files); s.included > maxIncluded {
		s.problems.add(at, "more than %d files are included", maxIncluded)
		return
	}
	if len(files) == 0 {
		s.missing, s.patterns = append(s.missing, at), append(s.patterns, pattern)
		return
	}
	s.open = append(s.open, len(s.files))
	for i := len(files) - 1; i >= 0; i-- {
		s.files = append(s.files, newLexer(files[i].Name, string(files[i].Text), s.problems))
	}
}
