package mh

import "fmt"

// Answer is what the protocol sends for a message that cannot be parsed
// (RFC 6275 §9.2).
type Answer uint8

const (
	// AnswerSilence: the message is dropped and counted.
	AnswerSilence Answer = iota
	// AnswerParameterProblem: an ICMPv6 Parameter Problem, Code 0, with
	// ParseError.Pointer.
	AnswerParameterProblem
	// AnswerBindingError: a Binding Error with ParseError.Status.
	AnswerBindingError
)

// ParseError says why a Mobility Header was not accepted and what its sender
// is to be told.
type ParseError struct {
	Answer  Answer
	Pointer int    // AnswerParameterProblem: octets from the Mobility Header's start; the caller adds what stands before it
	Status  Status // AnswerBindingError
	Offset  int    // where in the message
	Text    string // what is wrong
}

// Error says what is wrong and where.
func (e *ParseError) Error() string {
	return fmt.Sprintf("Mobility Header, octet %d: %s", e.Offset, e.Text)
}

func silent(offset int, format string, args ...any) error {
	return &ParseError{Offset: offset, Text: fmt.Sprintf(format, args...)}
}

func parameterProblem(pointer int, format string, args ...any) error {
	return &ParseError{
		Answer: AnswerParameterProblem, Pointer: pointer, Offset: pointer, Text: fmt.Sprintf(format, args...),
	}
}
