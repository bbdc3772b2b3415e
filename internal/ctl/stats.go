package ctl

// Stats is everything counted since the daemon's start.
type Stats struct {
	// Counters of the protocol: messages, and what was dropped, one for
	// each reason.
	Counters map[string]uint64 `json:"counters"`

	// DataPath are the counters of packets that only the kernel sees.
	DataPath map[string]uint64 `json:"data_path"`
}
