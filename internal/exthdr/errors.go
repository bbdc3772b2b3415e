package exthdr

import "fmt"

// ParseError says why an extension header was not accepted. The packet is
// silently discarded.
type ParseError struct {
	Offset int    // where in the header
	Text   string // what is wrong
}

// Error says what is wrong and where.
func (e *ParseError) Error() string {
	return fmt.Sprintf("extension header, octet %d: %s", e.Offset, e.Text)
}

func malformed(offset int, format string, args ...any) error {
	return &ParseError{offset, fmt.Sprintf(format, args...)}
}
