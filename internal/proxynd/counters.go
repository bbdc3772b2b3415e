package proxynd

import "mip6d/internal/role"

// What the responder counts. The strings are part of the control protocol.
const (
	CountAnswered   role.Counter = "nd_solicitations_answered"
	CountDefended   role.Counter = "nd_probes_answered" // duplicate address detection by others
	CountInvalid    role.Counter = "nd_invalid"         // fails another check of RFC 4861 §7.1
	CountHopLimit   role.Counter = "nd_wrong_hop_limit" // not 255: from afar
	CountAdvertised role.Counter = "nd_advertisements_sent"
	CountProbed     role.Counter = "nd_probes_sent"
	CountSolicited  role.Counter = "nd_solicitations_sent" // for a node that an answer is to be delivered to
	CountUnsent     role.Counter = "nd_send_failures"
)
