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

// Statuses of extensions that this codec does not speak; a peer may send them,
// and people want to read them.
const (
	statusMCoANotComplete     Status = 4   // RFC 5648 §4.2, as 5 and 164–169
	statusMCoAReturnHome      Status = 5   //
	statusPermanentToken      Status = 147 // RFC 4866 §5.6, as 148–150
	statusServiceAuthFailed   Status = 151 // RFC 5149 §4
	statusProxyRegNotEnabled  Status = 152 // RFC 5213 §8.9, as 153–162
	statusMCoAMalformed       Status = 164
	statusIPv4NotAuthorized   Status = 170 // RFC 5844 §3.3.3, as 171–173
	statusReinitSA            Status = 176 // RFC 6618 §7
	statusDelegatedNotAllowed Status = 177 // RFC 7148 §4.3, as 178
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

	statusMCoANotComplete:         "MCOA NOTCOMPLETE",
	statusMCoAReturnHome:          "MCOA RETURNHOME WO/NDP",
	statusPermanentToken:          "permanent home keygen token unavailable",
	statusPermanentToken + 1:      "CGA and signature verification failed",
	statusPermanentToken + 2:      "permanent home keygen token exists",
	statusPermanentToken + 3:      "non-null home nonce index expected",
	statusServiceAuthFailed:       "SERVICE_AUTHORIZATION_FAILED",
	statusProxyRegNotEnabled:      "PROXY_REG_NOT_ENABLED",
	statusProxyRegNotEnabled + 1:  "NOT_LMA_FOR_THIS_MOBILE_NODE",
	statusProxyRegNotEnabled + 2:  "MAG_NOT_AUTHORIZED_FOR_PROXY_REG",
	statusProxyRegNotEnabled + 3:  "NOT_AUTHORIZED_FOR_HOME_NETWORK_PREFIX",
	statusProxyRegNotEnabled + 4:  "TIMESTAMP_MISMATCH",
	statusProxyRegNotEnabled + 5:  "TIMESTAMP_LOWER_THAN_PREV_ACCEPTED",
	statusProxyRegNotEnabled + 6:  "MISSING_HOME_NETWORK_PREFIX_OPTION",
	statusProxyRegNotEnabled + 7:  "BCE_PBU_PREFIX_SET_DO_NOT_MATCH",
	statusProxyRegNotEnabled + 8:  "MISSING_MN_IDENTIFIER_OPTION",
	statusProxyRegNotEnabled + 9:  "MISSING_HANDOFF_INDICATOR_OPTION",
	statusProxyRegNotEnabled + 10: "MISSING_ACCESS_TECH_TYPE_OPTION",
	statusMCoAMalformed:           "MCOA MALFORMED",
	statusMCoAMalformed + 1:       "MCOA NON-MCOA BINDING EXISTS",
	statusMCoAMalformed + 2:       "MCOA PROHIBITED",
	statusMCoAMalformed + 3:       "MCOA UNKNOWN COA",
	statusMCoAMalformed + 4:       "MCOA BULK REGISTRATION PROHIBITED",
	statusMCoAMalformed + 5:       "MCOA SIMULTANEOUS HOME AND FOREIGN PROHIBITED",
	statusIPv4NotAuthorized:       "NOT_AUTHORIZED_FOR_IPV4_MOBILITY_SERVICE",
	statusIPv4NotAuthorized + 1:   "NOT_AUTHORIZED_FOR_IPV4_HOME_ADDRESS",
	statusIPv4NotAuthorized + 2:   "NOT_AUTHORIZED_FOR_IPV6_MOBILITY_SERVICE",
	statusIPv4NotAuthorized + 3:   "MULTIPLE_IPV4_HOME_ADDRESS_ASSIGNMENT_NOT_SUPPORTED",
	statusReinitSA:                "REINIT_SA_WITH_HAC",
	statusDelegatedNotAllowed:     "NOT_AUTHORIZED_FOR_DELEGATED_MNP",
	statusDelegatedNotAllowed + 1: "REQUESTED_DMNP_IN_USE",
}

// Accepted says whether the Binding Update was accepted.
func (s Status) Accepted() bool { return s < 128 }

// ErrorString is the status of a Binding Error in the RFC's words; its numbers
// are not those of a Binding Acknowledgement.
func (s Status) ErrorString() string {
	switch s {
	case ErrorUnknownBinding:
		return "unknown binding for Home Address destination option"
	case ErrorUnknownType:
		return "unrecognized MH Type value"
	}
	return "status " + strconv.Itoa(int(s))
}

// String is the status of a Binding Acknowledgement in the RFC's words.
func (s Status) String() string {
	if n, ok := statusNames[s]; ok {
		return n
	}
	return "status " + strconv.Itoa(int(s))
}
