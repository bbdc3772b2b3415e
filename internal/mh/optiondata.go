package mh

import (
	"bytes"
	"net/netip"
)

func (Pad1) data(b []byte) []byte   { return b }
func (o PadN) data(b []byte) []byte { return append(b, o.Data...) }

func (o BindingRefreshAdvice) data(b []byte) []byte {
	return be.AppendUint16(b, unitsAsked(o.Interval))
}

func (o AlternateCareOfAddress) data(b []byte) []byte { return appendAddr(b, o.CareOf) }

func (o NonceIndices) data(b []byte) []byte {
	return be.AppendUint16(be.AppendUint16(b, o.Home), o.CareOf)
}

func (o BindingAuthorizationData) data(b []byte) []byte { return append(b, o.Authenticator[:]...) }

func (o MobileNetworkPrefix) data(b []byte) []byte {
	return appendAddr(append(b, o.Reserved, o.Length), o.Prefix)
}

func (o MobileNodeIdentifier) data(b []byte) []byte {
	return append(append(b, o.Subtype), o.Identifier...)
}

func (o MobilityMessageAuthentication) data(b []byte) []byte {
	return append(be.AppendUint32(append(b, o.Subtype), o.SPI), o.Authenticator...)
}

func (o MesgID) data(b []byte) []byte { return be.AppendUint64(b, o.Timestamp) }

func (o UnknownOption) data(b []byte) []byte { return append(b, o.Data...) }

func appendAddr(b []byte, a netip.Addr) []byte {
	var a16 [16]byte
	putAddr(a16[:], a)
	return append(b, a16[:]...)
}

// checkOption looks whether data are an option's of a type; at is where it stands.
func checkOption(t OptionType, d []byte, at int) error {
	if want, fixed := fixedLen[t]; fixed && len(d) != want {
		return silent(ReasonOptionLength, at, "the %s option has length %d, not %d", t, len(d), want)
	}
	if least := leastLen[t]; len(d) < least {
		return silent(ReasonOptionLength, at, "the %s option has length %d, less than %d", t, len(d), least)
	}
	switch t {
	case OptionMobileNetworkPrefix:
		if d[1] > 128 {
			return silent(ReasonOptionValue, at, "the %s option has a prefix length of %d", t, d[1])
		}
	case OptionIPv4HomeAddress:
		return checkIPv4HomeAddress(d, at)
	}
	return nil
}

// parseOption makes an option of its type and data; at is where it stands.
func parseOption(t OptionType, d []byte, at int) (Option, error) {
	if err := checkOption(t, d, at); err != nil {
		return nil, err
	}
	switch t {
	case OptionPadN:
		if len(d) < len(usualPadding) && bytes.Equal(d, zeros[:len(d)]) {
			return usualPadding[len(d)], nil
		}
		return PadN{bytes.Clone(d)}, nil
	case OptionBindingRefreshAdvice:
		return BindingRefreshAdvice{lifetime(be.Uint16(d))}, nil
	case OptionAlternateCareOfAddress:
		return AlternateCareOfAddress{netip.AddrFrom16([16]byte(d))}, nil
	case OptionNonceIndices:
		return NonceIndices{Home: be.Uint16(d), CareOf: be.Uint16(d[2:])}, nil
	case OptionBindingAuthorizationData:
		return BindingAuthorizationData{[12]byte(d)}, nil
	case OptionMobileNetworkPrefix:
		return MobileNetworkPrefix{Reserved: d[0], Length: d[1], Prefix: netip.AddrFrom16([16]byte(d[2:]))}, nil
	case OptionMobileNodeIdentifier:
		return MobileNodeIdentifier{Subtype: d[0], Identifier: bytes.Clone(d[1:])}, nil
	case OptionMobilityMessageAuthentication:
		return MobilityMessageAuthentication{
			Subtype: d[0], SPI: be.Uint32(d[1:]), Authenticator: bytes.Clone(d[5:]),
		}, nil
	case OptionMesgID:
		return MesgID{be.Uint64(d)}, nil
	case OptionIPv4HomeAddress:
		return parseIPv4HomeAddress(d), nil
	case OptionIPv4AddressAcknowledgement:
		return parseIPv4AddressAcknowledgement(d), nil
	}
	return UnknownOption{Type: t, Data: bytes.Clone(d)}, nil
}

// zeros are what padding is made of, and usualPadding the options of as many of them: nearly every
// message has one, and none need be made for it.
var (
	zeros        [6]byte
	usualPadding = [...]Option{
		PadN{zeros[:0]}, PadN{zeros[:1:1]}, PadN{zeros[:2:2]}, PadN{zeros[:3:3]}, PadN{zeros[:4:4]}, PadN{zeros[:5:5]}, PadN{zeros[:6:6]},
	}
)

// fixedLen is the Option Length of options that have only one.
var fixedLen = map[OptionType]int{
	OptionBindingRefreshAdvice:       2,
	OptionAlternateCareOfAddress:     16,
	OptionNonceIndices:               4,
	OptionBindingAuthorizationData:   12,
	OptionMobileNetworkPrefix:        18,
	OptionMesgID:                     8,
	OptionIPv4HomeAddress:            6,
	OptionIPv4AddressAcknowledgement: 6,
}

// leastLen is the least Option Length of the others.
var leastLen = map[OptionType]int{
	OptionMobileNodeIdentifier:          2,
	OptionMobilityMessageAuthentication: 5,
}
