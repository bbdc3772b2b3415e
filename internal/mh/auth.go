package mh

// Covered returns the octets of a marshalled message that an authenticator
// covers, up to the end of the mobility SPI for RFC 4285 §5.1, or up to the
// Authenticator field for RFC 6275 §6.2.7, with the Checksum field zero. kind
// is OptionMobilityMessageAuthentication or OptionBindingAuthorizationData;
// subtype is that of RFC 4285. The result is a copy; nil when there is no such
// option.
func Covered(b []byte, kind OptionType, subtype uint8) []byte {
	return AppendCovered(nil, b, kind, subtype)
}

// AppendCovered is Covered for those who have room for the copy: it is appended to room, which is
// empty.
func AppendCovered(room, b []byte, kind OptionType, subtype uint8) []byte {
	end := AuthenticatorOffset(b, kind, subtype)
	if end < 0 {
		return nil
	}
	c := append(room[:0], b[:end]...)
	c[4], c[5] = 0, 0
	return c
}

// bodyLen is the length of each type's fixed part.
var bodyLen = func() map[Type]int {
	all := make(map[Type]int)
	for t := range 256 {
		if m := newMessage(Type(t)); m != nil {
			all[Type(t)] = m.bodyLen()
		}
	}
	return all
}()

// AuthenticatorOffset returns where in a marshalled message the authenticator's
// octets begin, -1 when there is no such option; see Covered.
func AuthenticatorOffset(b []byte, kind OptionType, subtype uint8) int {
	b, err := cut(b)
	if err != nil {
		return -1
	}
	body, known := bodyLen[Type(b[2])]
	if !known {
		return -1
	}
	for at := headerLen + body; at+1 < len(b); {
		t := OptionType(b[at])
		if t == OptionPad1 {
			at++
			continue
		}
		end := at + 2 + int(b[at+1])
		if end > len(b) {
			return -1
		}
		switch {
		case t != kind:
		case t == OptionBindingAuthorizationData:
			return at + 2
		case t == OptionMobilityMessageAuthentication && b[at+1] >= 5 && b[at+2] == subtype:
			return at + 7
		}
		at = end
	}
	return -1
}
