package umip

import (
	"fmt"
	"strings"
)

// Position is a place in a file, from 1.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is one thing that is wrong with an old configuration.
type Problem struct {
	Position
	Text string // what was expected, and what is there
}

func (p Problem) String() string { return p.Position.String() + ": " + p.Text }

// Problems is everything that is wrong, in the order of reading.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds what is told about a file that is something else
// altogether.
const maxProblems = 50

// add records a problem, once for each place.
func (ps *Problems) add(at Position, format string, args ...any) {
	switch n := len(*ps); {
	case n > maxProblems || n > 0 && (*ps)[n-1].Position == at:
		return
	case n == maxProblems:
		*ps = append(*ps, Problem{at, "and more: is this a configuration of UMIP?"})
		return
	}
	*ps = append(*ps, Problem{at, fmt.Sprintf(format, args...)})
}
