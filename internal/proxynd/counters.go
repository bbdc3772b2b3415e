package proxynd

import "mip6d/internal/role"

// What the responder counts. The strings are part of the control protocol.
const (
	CountAnswered   role.Counter = "nd_solicitations_answered"
	CountDefended   role.Counter = "nd_probes_answered" // duplicate address detection by others
	CountInvalid    role.Counter = "nd_invalid"         // fails the checks of RFC 4861 §7.1
	CountAdvertised role.Counter = "nd_advertisements_sent"
	CountProbed     role.Counter = "nd_probes_sent"
	CountUnsent     role.Counter = "nd_send_failures"
)
