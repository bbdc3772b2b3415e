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
	Reason  Reason // what to count it under
	Pointer int    // AnswerParameterProblem: octets from the Mobility Header's start; the caller adds what stands before it
	Status  Status // AnswerBindingError
	Offset  int    // where in the message
	Text    string // what is wrong
}

// Error says what is wrong and where.
func (e *ParseError) Error() string {
	return fmt.Sprintf("Mobility Header, octet %d: %s", e.Offset, e.Text)
}

// Reason names what is wrong, in the form of a counter.
type Reason string

// Reasons, in the order in which Parse looks for them.
const (
	ReasonTruncated    Reason = "truncated"
	ReasonUnknownType  Reason = "unknown_type"
	ReasonPayloadProto Reason = "bad_payload_proto"
	ReasonHeaderLen    Reason = "bad_header_len"
	ReasonOptionLength Reason = "bad_option_length"
	ReasonOptionValue  Reason = "bad_option_value"
	ReasonOptionOrder  Reason = "bad_option_order" // misplaced or repeated
)

func silent(why Reason, offset int, format string, args ...any) error {
	return &ParseError{Reason: why, Offset: offset, Text: fmt.Sprintf(format, args...)}
}

func parameterProblem(why Reason, pointer int, format string, args ...any) error {
	return &ParseError{
		Answer: AnswerParameterProblem, Reason: why, Pointer: pointer, Offset: pointer, Text: fmt.Sprintf(format, args...),
	}
}
