package mh

// Parse reads a whole Mobility Header, from its Payload Proto field on. Octets
// behind the header's length are ignored, since Payload Proto says that
// nothing follows. The checksum is not looked at: it needs addresses, and a
// receiver checks it before anything else (ChecksumOK). What remains of RFC
// 6275 §9.2 is done in the order in which it stands there.
//
// The error is always a *ParseError.
func Parse(b []byte) (Message, error) {
	b, err := cut(b)
	if err != nil {
		return nil, err
	}
	m := newMessage(Type(b[2]))
	if m == nil {
		return nil, &ParseError{
			Answer: AnswerBindingError, Status: ErrorUnknownType,
			Reason: ReasonUnknownType, Offset: 2, Text: "unknown " + Type(b[2]).String(),
		}
	}
	if b[0] != noNext {
		return nil, parameterProblem(ReasonPayloadProto, 0, "Payload Proto is %d, not 59", b[0])
	}
	options := headerLen + m.bodyLen()
	if options > len(b) {
		return nil, parameterProblem(ReasonHeaderLen, 1,
			"Header Len says %d octets, but a %s has at least %d", len(b), m.Type(), options)
	}
	h := m.Base()
	h.Reserved, h.Checksum, h.Verbatim = b[3], be.Uint16(b[4:]), true
	m.parseBody(b[headerLen:])
	if h.Options, err = parseOptions(b, options); err != nil {
		return nil, err
	}
	return m, nil
}

// ParseUnknown reads what all Mobility Headers have in common, whatever the MH
// Type. It is for showing a message; a receiver answers as Parse's error says.
func ParseUnknown(b []byte) (*Unknown, error) {
	b, err := cut(b)
	if err != nil {
		return nil, err
	}
	if b[0] != noNext {
		return nil, parameterProblem(ReasonPayloadProto, 0, "Payload Proto is %d, not 59", b[0])
	}
	m := &Unknown{MHType: Type(b[2])}
	m.Reserved, m.Checksum, m.Verbatim = b[3], be.Uint16(b[4:]), true
	m.parseBody(b[headerLen:])
	return m, nil
}

// cut returns the octets that belong to the header by its Header Len. A packet
// without all of them cannot be answered: nobody knows where the field that is
// wrong would be.
func cut(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, silent(ReasonTruncated, 0, "%d octets are too few for any message", len(b))
	}
	length := headerLength(b)
	if length > len(b) {
		return nil, silent(ReasonTruncated, 1, "Header Len says %d octets, but there are only %d", length, len(b))
	}
	return b[:length], nil
}

// countOptions says how many options begin before the end of the message.
func countOptions(b []byte, at int) (n int) {
	for ; at < len(b); n++ {
		switch {
		case OptionType(b[at]) == OptionPad1:
			at++
		case at+1 < len(b):
			at += 2 + int(b[at+1])
		default:
			at++
		}
	}
	return n
}

// parseOptions reads options from an offset to the end of the message.
func parseOptions(b []byte, at int) (Options, error) {
	opts := make(Options, 0, countOptions(b, at))
	for at < len(b) {
		t := OptionType(b[at])
		if t == OptionPad1 {
			opts = append(opts, Pad1{})
			at++
			continue
		}
		if len(b)-at < 2 {
			return nil, silent(ReasonOptionLength, at, "the %s option is cut off", t)
		}
		end := at + 2 + int(b[at+1])
		if end > len(b) {
			return nil, silent(ReasonOptionLength, at, "the %s option ends %d octets behind the message", t, end-len(b))
		}
		o, err := parseOption(t, b[at+2:end], at)
		if err != nil {
			return nil, err
		}
		opts = append(opts, o)
		at = end
	}
	return opts, checkOrder(opts)
}
