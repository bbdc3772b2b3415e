package ctl

import "time"

// Protocol is the version of this protocol. It changes when an old client
// would misunderstand a new server.
const Protocol = 1

// The roles' names in Status.
const (
	RoleHomeAgent         = "home_agent"
	RoleMobileNode        = "mobile_node"
	RoleCorrespondentNode = "correspondent_node"
)

// Status says what a daemon is and how it is.
type Status struct {
	Roles    []string  `json:"roles"`
	Version  string    `json:"version"`
	PID      int       `json:"pid"`
	Since    time.Time `json:"since"` // when it started
	Config   string    `json:"config"`
	Loaded   time.Time `json:"config_loaded"` // at the start or by the last reload that succeeded
	Problems []Problem `json:"problems"`      // the worst first; empty: all is well
}

// Severity says what a Problem costs.
type Severity string

// Severities, the worst first.
const (
	Critical Severity = "critical" // mobile nodes are not served, or not as they were promised
	Serious  Severity = "error"    // something does not work that is configured
	Warning  Severity = "warning"  // it works, and is not as it should be
)

// Problem is something that a person should look at and that still holds.
type Problem struct {
	Severity Severity  `json:"severity"`
	Since    time.Time `json:"since"`
	Text     string    `json:"text"`
	Do       string    `json:"do"` // what to do about it
}
