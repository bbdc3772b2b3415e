package mh

import (
	"net/netip"
	"time"
)

// Option is one mobility option, RFC 6275 §6.2.
type Option interface {
	OptionType() OptionType
	// data appends the Option Data.
	data(b []byte) []byte
}

// Options is the list of a message's options, in the order of the wire.
type Options []Option

// Find returns the first option of a type.
func Find[T Option](opts Options) (T, bool) {
	for _, o := range opts {
		if t, ok := o.(T); ok {
			return t, true
		}
	}
	var none T
	return none, false
}

// Pad1 is one octet of padding, §6.2.2.
type Pad1 struct{}

// PadN is two or more octets of padding, §6.2.3.
type PadN struct {
	Data []byte // zero-valued; kept as received
}

// BindingRefreshAdvice tells how long until the home agent wants a new home
// registration, §6.2.4. Only in Binding Acknowledgements.
type BindingRefreshAdvice struct {
	Interval time.Duration
}

// AlternateCareOfAddress is the care-of address where it is not the packet's
// source, §6.2.5. Only in Binding Updates.
type AlternateCareOfAddress struct {
	CareOf netip.Addr
}

// NonceIndices tells from which nonces the keygen tokens were made, §6.2.6.
type NonceIndices struct {
	Home, CareOf uint16
}

// BindingAuthorizationData authenticates between mobile node and
// correspondent node, §6.2.7. It is the last option and nothing follows it.
type BindingAuthorizationData struct {
	Authenticator [12]byte
}

// MobileNetworkPrefix is a prefix behind a mobile router, RFC 3963 §4.3.
type MobileNetworkPrefix struct {
	Reserved uint8
	Length   uint8 // prefix length, 0–128
	Prefix   netip.Addr
}

// Subtypes of MobileNodeIdentifier (RFC 4283 §3.1).
const SubtypeNAI = 1

// MobileNodeIdentifier names the mobile node other than by an address,
// RFC 4283 §3.
type MobileNodeIdentifier struct {
	Subtype    uint8
	Identifier []byte // at least one octet
}

// Subtypes of MobilityMessageAuthentication (RFC 4285 §5).
const (
	SubtypeMNHA  = 1
	SubtypeMNAAA = 2
)

// MobilityMessageAuthentication authenticates Binding Updates and
// Acknowledgements without IPsec, RFC 4285 §5.
type MobilityMessageAuthentication struct {
	Subtype       uint8
	SPI           uint32 // mobility SPI; 0–255 are reserved
	Authenticator []byte // Authentication Data; 12 octets for HMAC_SHA1 of MN-HA
}

// MesgID is the replay protection option, RFC 4285 §6.
type MesgID struct {
	Timestamp uint64 // NTP format
}

// UnknownOption is an option that this codec does not know.
type UnknownOption struct {
	Type OptionType
	Data []byte
}

// OptionType returns OptionPad1.
func (Pad1) OptionType() OptionType { return OptionPad1 }

// OptionType returns OptionPadN.
func (PadN) OptionType() OptionType { return OptionPadN }

// OptionType returns OptionBindingRefreshAdvice.
func (BindingRefreshAdvice) OptionType() OptionType { return OptionBindingRefreshAdvice }

// OptionType returns OptionAlternateCareOfAddress.
func (AlternateCareOfAddress) OptionType() OptionType { return OptionAlternateCareOfAddress }

// OptionType returns OptionNonceIndices.
func (NonceIndices) OptionType() OptionType { return OptionNonceIndices }

// OptionType returns OptionBindingAuthorizationData.
func (BindingAuthorizationData) OptionType() OptionType { return OptionBindingAuthorizationData }

// OptionType returns OptionMobileNetworkPrefix.
func (MobileNetworkPrefix) OptionType() OptionType { return OptionMobileNetworkPrefix }

// OptionType returns OptionMobileNodeIdentifier.
func (MobileNodeIdentifier) OptionType() OptionType { return OptionMobileNodeIdentifier }

// OptionType returns OptionMobilityMessageAuthentication.
func (MobilityMessageAuthentication) OptionType() OptionType {
	return OptionMobilityMessageAuthentication
}

// OptionType returns OptionMesgID.
func (MesgID) OptionType() OptionType { return OptionMesgID }

// OptionType returns the type as received.
func (o UnknownOption) OptionType() OptionType { return o.Type }
