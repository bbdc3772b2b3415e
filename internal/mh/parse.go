package mh

// Parse reads a whole Mobility Header, from its Payload Proto field on. Octets
// behind the header's length are ignored, since Payload Proto says that
// nothing follows. The checksum is not looked at: it needs addresses, and a
// receiver checks it before anything else (ChecksumOK).
//
// The error is always a *ParseError.
func Parse(b []byte) (Message, error) {
	if len(b) < 8 {
		return nil, silent(0, "%d octets are too few for any message", len(b))
	}
	if b[0] != noNext {
		return nil, parameterProblem(0, "Payload Proto is %d, not 59", b[0])
	}
	length := (int(b[1]) + 1) * 8
	if length > len(b) {
		return nil, silent(1, "Header Len says %d octets, but there are only %d", length, len(b))
	}
	b = b[:length]

	m := newMessage(Type(b[2]))
	if m == nil {
		return nil, &ParseError{
			Answer: AnswerBindingError, Status: ErrorUnknownType, Offset: 2, Text: "unknown " + Type(b[2]).String(),
		}
	}
	options := headerLen + m.bodyLen()
	if options > length {
		return nil, parameterProblem(1, "Header Len says %d octets, but a %s has at least %d", length, m.Type(), options)
	}
	h := m.header()
	h.Reserved, h.Checksum, h.Verbatim = b[3], be.Uint16(b[4:]), true
	m.parseBody(b[headerLen:])
	var err error
	if h.Options, err = parseOptions(b, options); err != nil {
		return nil, err
	}
	return m, nil
}

// parseOptions reads options from an offset to the end of the message.
func parseOptions(b []byte, at int) (Options, error) {
	var opts Options
	for at < len(b) {
		t := OptionType(b[at])
		if t == OptionPad1 {
			opts = append(opts, Pad1{})
			at++
			continue
		}
		if len(b)-at < 2 {
			return nil, silent(at, "the %s option is cut off", t)
		}
		end := at + 2 + int(b[at+1])
		if end > len(b) {
			return nil, silent(at, "the %s option ends %d octets behind the message", t, end-len(b))
		}
		o, err := parseOption(t, b[at+2:end], at)
		if err != nil {
			return nil, err
		}
		if err := mayStand(opts, o, at, end == len(b)); err != nil {
			return nil, err
		}
		opts = append(opts, o)
		at = end
	}
	return opts, nil
}

// mayStand checks what is required of an option's place among the others.
func mayStand(before Options, o Option, at int, last bool) error {
	t := o.OptionType()
	switch o := o.(type) {
	case PadN, MobileNetworkPrefix, UnknownOption:
		return nil
	case BindingAuthorizationData:
		if !last {
			return silent(at, "something follows the %s option (RFC 6275 §6.2.7)", t)
		}
	case MobilityMessageAuthentication:
		for _, b := range before {
			if b, ok := b.(MobilityMessageAuthentication); ok && b.Subtype == o.Subtype {
				return silent(at, "the %s option of subtype %d is repeated (RFC 4285 §5)", t, o.Subtype)
			}
			if b, ok := b.(MobilityMessageAuthentication); ok && b.Subtype == SubtypeMNAAA && o.Subtype == SubtypeMNHA {
				return silent(at, "MN-HA authentication stands behind MN-AAA authentication (RFC 4285 §5)")
			}
		}
		return nil
	}
	for _, b := range before {
		if b.OptionType() == t {
			return silent(at, "the %s option is repeated", t)
		}
	}
	return nil
}
