package mh

import "fmt"

// alignment of an option: it starts at a multiple of n plus offset.
type alignment struct{ n, offset int }

// alignments of RFC 6275 §6.2 and the RFCs of the other options. That of RFC
// 4285's authentication is 4n+1; the stricter 8n+5 lets a message whose last
// option it is end on its boundary, so that no padding follows the
// authenticator.
var alignments = map[OptionType]alignment{
	OptionBindingRefreshAdvice:          {2, 0},
	OptionAlternateCareOfAddress:        {8, 6},
	OptionNonceIndices:                  {2, 0},
	OptionBindingAuthorizationData:      {8, 2},
	OptionMobileNetworkPrefix:           {8, 4},
	OptionMobilityMessageAuthentication: {8, 5},
	OptionMesgID:                        {4, 2},
}

// Marshal writes a message. Options without Verbatim are aligned with padding
// as RFC 6275 §6.2 asks and the end is padded to eight octets. The checksum is
// the message's Checksum field: zero in a new message, to be filled in with
// SetChecksum. It fails when an option or the whole is too long for its length
// field.
func Marshal(m Message) ([]byte, error) {
	h := m.header()
	b := make([]byte, headerLen+m.bodyLen(), 128)
	b[0], b[2], b[3] = noNext, byte(m.Type()), h.Reserved
	be.PutUint16(b[4:], h.Checksum)
	m.putBody(b[headerLen:])
	for _, o := range h.Options {
		t := o.OptionType()
		if a, ok := alignments[t]; ok && !h.Verbatim {
			b = pad(b, (a.offset-len(b)%a.n+a.n)%a.n)
		}
		b = append(b, byte(t))
		if t == OptionPad1 {
			continue
		}
		at := len(b)
		b = o.data(append(b, 0))
		if n := len(b) - at - 1; n > 0xff {
			return nil, fmt.Errorf("marshal %s: the %s option has %d octets of data, more than 255", m.Type(), t, n)
		} else {
			b[at] = byte(n)
		}
	}
	if !h.Verbatim {
		b = pad(b, -len(b)&7)
	}
	if len(b)%8 != 0 || len(b) > 8*256 {
		return nil, fmt.Errorf("marshal %s: %d octets are no length of a Mobility Header", m.Type(), len(b))
	}
	b[1] = byte(len(b)/8 - 1)
	return b, nil
}

// pad appends n octets of padding options.
func pad(b []byte, n int) []byte {
	switch n {
	case 0:
		return b
	case 1:
		return append(b, byte(OptionPad1))
	}
	b = append(b, byte(OptionPadN), byte(n-2))
	return append(b, make([]byte, n-2)...)
}
