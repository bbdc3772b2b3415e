package config

import (
	"log/slog"
	"time"
)

// The numbers collide with nothing in iproute2's rt_protos and rt_tables, nor
// with what routing daemons and VPNs are known to take. The rules stand before
// those that other programs put at 1000 (l3mdev) and above (VPNs): what has
// the home address as its source must meet ours first, or it could leave
// untunnelled.
const (
	defaultRunDir        = "/run/mip6d"
	defaultStateDir      = "/var/lib/mip6d"
	defaultSocketName    = "mip6d.sock"
	defaultJournal       = 8192
	defaultGroup         = "mip6"
	defaultRouteProtocol = 75
	defaultRulePriority  = 627
	defaultTable         = 6275
	defaultTunnelName    = "mip6t"
	defaultTunnelPrefix  = "mip6n"

	defaultMaxLifetime     = time.Hour
	defaultMaxBindings     = 1 << 17         // the kernel has some 6 MB ready for as many
	defaultTimestampWindow = 7 * time.Second // RFC 4285 §5.1
	defaultLifetime        = 420 * time.Second
	defaultPreference      = 100
	defaultNeighbourRate   = 5000

	// RFC 4861 §6.2.1, §10. RFC 6275 §7.5: the short intervals must be asked for.
	defaultMinInterval    = 200 * time.Second
	defaultMaxInterval    = 600 * time.Second
	defaultRouterLifetime = 1800 * time.Second
	defaultAnswerDelay    = 500 * time.Millisecond
	defaultMinDelay       = 3 * time.Second

	// RFC 6275 §12.
	defaultMinPrefixInterval = 600 * time.Second
	defaultMaxPrefixInterval = 86400 * time.Second

	defaultIdleTimeout = 2 * time.Minute
	defaultRetryAfter  = 5 * time.Minute
	defaultMaxPeers    = 256
	defaultCNBindings  = 10_000
)

// Limits of values. A binding's lifetime counts units of 4 s in 16 bits
// (RFC 6275 §6.1.7).
const (
	minLifetime       = 4 * time.Second
	maxLifetime       = 0xffff * 4 * time.Second
	minPrefixInterval = time.Second
	maxPrefixInterval = 30 * 24 * time.Hour
	maxValidLifetime  = 87600 * time.Hour
	minSPI            = 256 // RFC 4285 §5.1: 0 to 255 are reserved
	maxPreference     = 65535
	maxMNID           = 253 // RFC 4282 §2.2, octets of a network access identifier
	maxSocketPath     = 107 // sun_path
	maxIfName         = 15  // IFNAMSIZ
	maxPrefixName     = maxIfName - 5
	maxTable          = 1 << 31
	maxLabel          = 1<<32 - 2 // all ones is none
	ourNames          = "mip6"

	maxJournal = 1_000_000

	// RFC 4285 §5.1: a window of more than 3 s.
	minTimestampWindow = 4 * time.Second
	maxTimestampWindow = time.Hour
	maxMaxBindings     = 10_000_000

	// RFC 4861 §6.2.1; the least intervals are RFC 6275's (§7.5).
	minMinInterval       = 30 * time.Millisecond
	maxMinInterval       = 1350 * time.Second
	minMaxInterval       = 70 * time.Millisecond
	maxMaxInterval       = 1800 * time.Second
	minRouterLifetime    = time.Second
	maxRouterLifetime    = 9000 * time.Second
	maxHomeAgentLifetime = 65535 * time.Second
	maxAgentPreference   = 65535
	maxNeighbourRate     = 100_000

	minIdleTimeout = 10 * time.Second
	maxIdleTimeout = time.Hour
	minRetryAfter  = 10 * time.Second
	maxRetryAfter  = 24 * time.Hour
	maxMaxPeers    = 4096
	maxCNBindings  = 1_000_000
	maxCNLifetime  = 420 * time.Second // MAX_RR_BINDING_LIFETIME, RFC 6275 §12
)

func defaults() *Config {
	return &Config{
		RunDir:   defaultRunDir,
		StateDir: defaultStateDir,
		Control:  Control{Group: defaultGroup, Journal: defaultJournal},
		Kernel: Kernel{
			RouteProtocol: defaultRouteProtocol,
			RulePriority:  defaultRulePriority,
			Table:         defaultTable,
			TunnelName:    defaultTunnelName,
			TunnelPrefix:  defaultTunnelPrefix,
		},
		Log: Log{Level: slog.LevelInfo, Format: LogText},
	}
}
