package mh

import (
	"strconv"
	"time"
)

// Type is the MH Type field, RFC 6275 §6.1.1.
type Type uint8

// MH Types.
const (
	TypeBindingRefreshRequest  Type = 0 // §6.1.2
	TypeHomeTestInit           Type = 1 // §6.1.3
	TypeCareOfTestInit         Type = 2 // §6.1.4
	TypeHomeTest               Type = 3 // §6.1.5
	TypeCareOfTest             Type = 4 // §6.1.6
	TypeBindingUpdate          Type = 5 // §6.1.7
	TypeBindingAcknowledgement Type = 6 // §6.1.8
	TypeBindingError           Type = 7 // §6.1.9
)

// typeNames has the types of other RFCs too, for people: Parse refuses them.
var typeNames = map[Type]string{
	TypeBindingRefreshRequest:  "Binding Refresh Request",
	TypeHomeTestInit:           "Home Test Init",
	TypeCareOfTestInit:         "Care-of Test Init",
	TypeHomeTest:               "Home Test",
	TypeCareOfTest:             "Care-of Test",
	TypeBindingUpdate:          "Binding Update",
	TypeBindingAcknowledgement: "Binding Acknowledgement",
	TypeBindingError:           "Binding Error",
	8:                          "Fast Binding Update",                 // RFC 5568
	9:                          "Fast Binding Acknowledgment",         // RFC 5568
	12:                         "Home Agent Switch",                   // RFC 5142
	13:                         "Heartbeat",                           // RFC 5847
	14:                         "Handover Initiate",                   // RFC 5568
	15:                         "Handover Acknowledge",                // RFC 5568
	16:                         "Binding Revocation",                  // RFC 5846
	19:                         "Update Notification",                 // RFC 7077
	20:                         "Update Notification Acknowledgement", // RFC 7077
	21:                         "Flow Binding",                        // RFC 7109
}

// String is the message's name in the RFC.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return "MH Type " + strconv.Itoa(int(t))
}

// OptionType is a mobility option's type, RFC 6275 §6.2.1.
type OptionType uint8

// Mobility option types.
const (
	OptionPad1                          OptionType = 0  // RFC 6275 §6.2.2
	OptionPadN                          OptionType = 1  // RFC 6275 §6.2.3
	OptionBindingRefreshAdvice          OptionType = 2  // RFC 6275 §6.2.4
	OptionAlternateCareOfAddress        OptionType = 3  // RFC 6275 §6.2.5
	OptionNonceIndices                  OptionType = 4  // RFC 6275 §6.2.6
	OptionBindingAuthorizationData      OptionType = 5  // RFC 6275 §6.2.7
	OptionMobileNetworkPrefix           OptionType = 6  // RFC 3963 §4.3
	OptionMobileNodeIdentifier          OptionType = 8  // RFC 4283 §3
	OptionMobilityMessageAuthentication OptionType = 9  // RFC 4285 §5
	OptionMesgID                        OptionType = 10 // RFC 4285 §6
	OptionIPv4HomeAddress               OptionType = 29 // RFC 5555 §3.1.1
	OptionIPv4AddressAcknowledgement    OptionType = 30 // RFC 5555 §3.2.1
)

var optionNames = map[OptionType]string{
	OptionPad1:                          "Pad1",
	OptionPadN:                          "PadN",
	OptionBindingRefreshAdvice:          "Binding Refresh Advice",
	OptionAlternateCareOfAddress:        "Alternate Care-of Address",
	OptionNonceIndices:                  "Nonce Indices",
	OptionBindingAuthorizationData:      "Binding Authorization Data",
	OptionMobileNetworkPrefix:           "Mobile Network Prefix",
	OptionMobileNodeIdentifier:          "Mobile Node Identifier",
	OptionMobilityMessageAuthentication: "Mobility Message Authentication",
	OptionMesgID:                        "Mesg-ID",
	OptionIPv4HomeAddress:               "IPv4 Home Address",
	OptionIPv4AddressAcknowledgement:    "IPv4 Address Acknowledgement",
}

// String is the option's name in its RFC.
func (t OptionType) String() string {
	if s, ok := optionNames[t]; ok {
		return s
	}
	return "option " + strconv.Itoa(int(t))
}

const (
	headerLen = 6  // the fixed part of every Mobility Header
	noNext    = 59 // Payload Proto: IPPROTO_NONE

	// LifetimeUnit is the unit of all lifetimes on the wire (§6.1.7).
	LifetimeUnit = 4 * time.Second

	// MaxLifetime is the longest lifetime that a message can carry.
	MaxLifetime = 0xffff * LifetimeUnit
)

// units converts to the wire: rounded down, so that nothing is granted that was
// not meant, and capped. All ones is no infinity in RFC 6275, only the longest.
func units(d time.Duration) uint16 {
	switch {
	case d <= 0:
		return 0
	case d > MaxLifetime:
		return 0xffff
	}
	return uint16(d / LifetimeUnit)
}

// unitsAsked is units for what is asked for and not granted: there a positive
// time never becomes the zero that would mean another thing, such as the
// deletion of the binding (§6.1.7).
func unitsAsked(d time.Duration) uint16 {
	if 0 < d && d < LifetimeUnit {
		return 1
	}
	return units(d)
}

func lifetime(units uint16) time.Duration { return time.Duration(units) * LifetimeUnit }
