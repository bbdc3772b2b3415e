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
	Problems []Problem `json:"problems"`      // empty: all is well
}

// Problem is something that a person should look at and that still holds.
type Problem struct {
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
}
