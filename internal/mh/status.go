package mh

import "strconv"

// Status is the Status field of a Binding Acknowledgement (RFC 6275 §6.1.8).
// Values below 128 accept.
type Status uint8

// Statuses of a Binding Acknowledgement.
const (
	StatusAccepted                   Status = 0
	StatusPrefixDiscoveryNecessary   Status = 1
	StatusReasonUnspecified          Status = 128
	StatusAdministrativelyProhibited Status = 129
	StatusInsufficientResources      Status = 130
	StatusHomeRegistrationNotSupport Status = 131
	StatusNotHomeSubnet              Status = 132
	StatusNotHomeAgent               Status = 133
	StatusDADFailed                  Status = 134
	StatusSequenceOutOfWindow        Status = 135
	StatusExpiredHomeNonce           Status = 136
	StatusExpiredCareOfNonce         Status = 137
	StatusExpiredNonces              Status = 138
	StatusRegistrationTypeChange     Status = 139
	StatusRouterNotPermitted         Status = 140 // RFC 3963 §4.2
	StatusInvalidPrefix              Status = 141 // RFC 3963 §4.2
	StatusPrefixNotAuthorized        Status = 142 // RFC 3963 §4.2
	StatusForwardingSetupFailed      Status = 143 // RFC 3963 §4.2
	StatusIDMismatch                 Status = 144 // MIPV6-ID-MISMATCH, RFC 4285 §7
	StatusMesgIDRequired             Status = 145 // MIPV6-MESG-ID-REQD, RFC 4285 §7
	StatusAuthFail                   Status = 146 // MIPV6-AUTH-FAIL, RFC 4285 §7
	StatusInvalidCareOf              Status = 174
)

// Statuses of a Binding Error (RFC 6275 §6.1.9).
const (
	ErrorUnknownBinding Status = 1 // unknown binding for Home Address destination option
	ErrorUnknownType    Status = 2 // unrecognized MH Type value
)

var statusNames = map[Status]string{
	StatusAccepted:                   "Binding Update accepted",
	StatusPrefixDiscoveryNecessary:   "accepted but prefix discovery necessary",
	StatusReasonUnspecified:          "reason unspecified",
	StatusAdministrativelyProhibited: "administratively prohibited",
	StatusInsufficientResources:      "insufficient resources",
	StatusHomeRegistrationNotSupport: "home registration not supported",
	StatusNotHomeSubnet:              "not home subnet",
	StatusNotHomeAgent:               "not home agent for this mobile node",
	StatusDADFailed:                  "Duplicate Address Detection failed",
	StatusSequenceOutOfWindow:        "sequence number out of window",
	StatusExpiredHomeNonce:           "expired home nonce index",
	StatusExpiredCareOfNonce:         "expired care-of nonce index",
	StatusExpiredNonces:              "expired nonces",
	StatusRegistrationTypeChange:     "registration type change disallowed",
	StatusRouterNotPermitted:         "mobile router operation not permitted",
	StatusInvalidPrefix:              "invalid prefix",
	StatusPrefixNotAuthorized:        "not authorized for prefix",
	StatusForwardingSetupFailed:      "forwarding setup failed",
	StatusIDMismatch:                 "MIPV6-ID-MISMATCH",
	StatusMesgIDRequired:             "MIPV6-MESG-ID-REQD",
	StatusAuthFail:                   "MIPV6-AUTH-FAIL",
	StatusInvalidCareOf:              "invalid care-of address",
}

// Accepted says whether the Binding Update was accepted.
func (s Status) Accepted() bool { return s < 128 }

// String is the status of a Binding Acknowledgement in the RFC's words.
func (s Status) String() string {
	if n, ok := statusNames[s]; ok {
		return n
	}
	return "status " + strconv.Itoa(int(s))
}
