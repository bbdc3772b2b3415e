package mh

import (
	"fmt"
	"slices"
)

// alignment of an option: it starts at a multiple of n plus offset.
type alignment struct{ n, offset int }

// alignments of RFC 6275 §6.2, RFC 3963 §4.3, RFC 4285 §6 and RFC 5555 §3.
var alignments = map[OptionType]alignment{
	OptionBindingRefreshAdvice:       {2, 0},
	OptionAlternateCareOfAddress:     {8, 6},
	OptionNonceIndices:               {2, 0},
	OptionBindingAuthorizationData:   {8, 2},
	OptionMobileNetworkPrefix:        {8, 4},
	OptionMesgID:                     {8, 2},
	OptionIPv4HomeAddress:            {4, 0},
	OptionIPv4AddressAcknowledgement: {4, 0},
}

// alignmentOf is where an option may start. RFC 4285 §5 asks 4n+1 for its
// authentication; if that is the last option, the place among those is taken at
// which the message ends with it, so that no padding follows the authenticator.
func alignmentOf(t OptionType, dataLen int, last bool) alignment {
	if t != OptionMobilityMessageAuthentication {
		return alignments[t]
	}
	if at := -(2 + dataLen) & 7; last && at%4 == 1 {
		return alignment{8, at}
	}
	return alignment{4, 1}
}

// Marshal writes a message. Options without Verbatim are aligned with padding
// as RFC 6275 §6.2 asks and the end is padded to eight octets. The checksum is
// the message's Checksum field: zero in a new message, to be filled in with
// SetChecksum. It fails when an option or the whole is too long for its length
// field, and when an option holds what Parse would refuse. The order of options
// is the caller's: tests make wrong ones.
func Marshal(m Message) ([]byte, error) {
	h := m.Base()
	b := make([]byte, headerLen+m.bodyLen(), 128)
	b[0], b[2], b[3] = noNext, byte(m.Type()), h.Reserved
	be.PutUint16(b[4:], h.Checksum)
	m.putBody(b[headerLen:])
	for i, o := range h.Options {
		t := o.OptionType()
		if t == OptionPad1 {
			b = append(b, byte(t))
			continue
		}
		// The data are written where the option begins and then moved to behind what comes before
		// them: how much that is depends on how many they are.
		at := len(b)
		b = o.data(b)
		length := len(b) - at
		if length > 0xff {
			return nil, fmt.Errorf("marshal %s: the %s option has %d octets of data, more than 255", m.Type(), t, length)
		}
		padding := 0
		if !h.Verbatim {
			if a := alignmentOf(t, length, i == len(h.Options)-1); a.n > 0 {
				padding = (a.offset - at%a.n + a.n) % a.n
			}
			if err := checkOption(t, b[at:], at+padding); err != nil {
				return nil, fmt.Errorf("marshal %s: %w", m.Type(), err)
			}
		}
		b = slices.Grow(b, padding+2)[:len(b)+padding+2]
		data := at + padding + 2
		copy(b[data:], b[at:at+length])
		pad(b[:at], padding)
		b[data-2], b[data-1] = byte(t), byte(length)
	}
	if !h.Verbatim {
		b = pad(b, -len(b)&7)
	}
	if len(b)%8 != 0 || len(b) < 8 || len(b) > 8*256 {
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
	for range n - 2 {
		b = append(b, 0)
	}
	return b
}
