package archtest

// Room says what a package may import.
type Room struct {
	// Path is relative to the module; with /... at its end it stands for the
	// packages below, too.
	Path string

	// Pure: all comes in as arguments, nothing goes out but results. No I/O,
	// clock, randomness or goroutine; of the standard library only what
	// pureStd names. PureFiles asks the same of single files, which may use
	// the kernel's numbers besides.
	Pure      bool
	PureFiles []string

	Rooms   []string // other rooms of this module; Any: all
	Modules []string // paths of other modules, and what is below them; Any: all
}

// Any stands for everything.
const Any = "*"

var (
	codecs   = []string{"internal/mh", "internal/exthdr", "internal/icmp6", "internal/rr", "internal/mld"}
	roles    = []string{"internal/ha", "internal/homelink", "internal/listener", "internal/mn", "internal/cn"}
	appliers = []string{
		"internal/rtnl", "internal/xfrmmig", "internal/proxynd", "internal/proxyarp", "internal/ingress", "internal/mhsock", "internal/netmon",
		"internal/datapath", "internal/sighting", "internal/mcast", "internal/mngate", "internal/loss",
	}
)

const (
	sys       = "golang.org/x/sys/unix"
	bpf       = "golang.org/x/net/bpf"
	errgroup  = "golang.org/x/sync/errgroup"
	sockets   = "github.com/mdlayher/socket"
	netlink   = "github.com/mdlayher/netlink"
	rtnetlink = "github.com/vishvananda/netlink"
	ebpf      = "github.com/cilium/ebpf"
	yaml      = "gopkg.in/yaml.v3"
	cobra     = "github.com/spf13/cobra"
	tui       = "charm.land/bubbletea/v2"
	prom      = "github.com/prometheus/client_golang/prometheus"
	bbolt     = "go.etcd.io/bbolt"
)

// Rooms is the table of docs/architecture.md. Whoever adds a package adds a
// row; whoever needs one more import here has a decision to explain.
var Rooms = []Room{
	// Codecs.
	{Path: "internal/checksum", Pure: true},
	{Path: "internal/mh", Pure: true, Rooms: []string{"internal/checksum"}},
	{Path: "internal/exthdr", Pure: true},
	{Path: "internal/icmp6", Pure: true, Rooms: []string{"internal/checksum"}},
	{Path: "internal/rr", Pure: true},
	{Path: "internal/mld", Pure: true, Rooms: []string{"internal/icmp6"}},
	{Path: "internal/decode", Pure: true, Rooms: codecs},

	// The contract, the tables, the machines.
	{Path: "internal/role", Pure: true, Rooms: codecs},
	{Path: "internal/heap", Pure: true},
	{Path: "internal/lpm", Pure: true},
	{Path: "internal/bce", Pure: true, Rooms: []string{"internal/role", "internal/heap", "internal/lpm"}},
	{Path: "internal/bul", Pure: true, Rooms: []string{"internal/role"}},
	{Path: "internal/ha", Pure: true, Rooms: machine()},
	{Path: "internal/homelink", Pure: true, Rooms: machine()},
	{Path: "internal/listener", Pure: true, Rooms: machine()},
	{Path: "internal/mn", Pure: true, Rooms: machine()},
	{Path: "internal/cn", Pure: true, Rooms: machine()},
	{Path: "internal/sim", Rooms: concat(roles, machine(), []string{"internal/datapath", "internal/xfrmmig"})},

	// The world.
	{Path: "internal/engine", Rooms: []string{"internal/role"}},
	{Path: "internal/admission", Rooms: concat(codecs, []string{"internal/role", "internal/bce", "internal/engine"}), PureFiles: []string{"budget.go"}},
	{Path: "internal/datapath", Rooms: []string{"internal/role"}},
	{Path: "internal/mhsock", Rooms: concat(codecs, []string{"internal/role"}), Modules: []string{sockets, sys, bpf, errgroup}},
	{Path: "internal/netmon", Rooms: []string{"internal/role"}, Modules: []string{netlink, sys}},
	{Path: "internal/loss", Modules: []string{netlink, bpf, sys}},
	{Path: "internal/rtnl", Rooms: []string{"internal/role", "internal/loss"}, Modules: []string{rtnetlink, netlink, bpf, sys}},
	{Path: "internal/proxynd", Rooms: concat(codecs, []string{"internal/role", "internal/heap"}), PureFiles: []string{"respond.go"},
		Modules: []string{sockets, bpf, errgroup, sys}},
	{Path: "internal/proxyarp", Rooms: []string{"internal/role"}, PureFiles: []string{"frame.go"}, Modules: []string{sockets, errgroup, sys}},
	{Path: "internal/ingress", Rooms: []string{"internal/role", "internal/clsact"}, Modules: []string{ebpf, rtnetlink, sys}},
	{Path: "internal/clsact", Modules: []string{ebpf, rtnetlink, sys}},
	{Path: "internal/mngate", Rooms: []string{"internal/clsact"}, Modules: []string{ebpf, rtnetlink, sys}},
	{Path: "internal/sighting", Rooms: []string{"internal/role", "internal/clsact"}, Modules: []string{ebpf, rtnetlink, sys}},
	{Path: "internal/mcast", Rooms: []string{"internal/role", "internal/icmp6"}, PureFiles: []string{"packet.go"},
		Modules: []string{ebpf, bpf, sockets, sys}},
	{Path: "internal/store", Rooms: []string{"internal/role"}, PureFiles: []string{"record.go"}, Modules: []string{bbolt, sys}},
	{Path: "internal/xfrmmig", Rooms: []string{"internal/role", "internal/loss"}, PureFiles: []string{"encode.go", "decode.go", "direct.go", "esp.go", "migrate.go", "model.go", "protect.go"}, Modules: []string{netlink, sys}},

	// What the kernel must be able to do.
	{Path: "internal/doctor", Pure: true},
	{Path: "internal/probe", Rooms: []string{
		"internal/doctor", "internal/role", "internal/rtnl", "internal/xfrmmig", "internal/ingress", "internal/sighting", "internal/proxynd",
		"internal/mhsock",
	}, Modules: []string{rtnetlink, sys}},

	// Control and configuration.
	{Path: "internal/config", Modules: []string{yaml}},
	{Path: "internal/ctl", Rooms: concat(codecs, []string{"internal/role"}), Modules: []string{sys}},
	{Path: "internal/report", Rooms: []string{"internal/role", "internal/ctl"}},
	{Path: "internal/journal", Rooms: []string{"internal/role", "internal/mh", "internal/decode", "internal/ctl"}},
	{Path: "internal/metrics", Rooms: []string{"internal/role", "internal/mh"}, Modules: []string{prom}},
	{Path: "internal/umip", Pure: true},
	{Path: "internal/sdnotify"},
	{Path: "cmd/mip6ctl", Rooms: concat(codecs, []string{
		"internal/ctl", "internal/config", "internal/decode", "internal/umip", "internal/report", "internal/doctor", "internal/probe", "internal/rtnl",
	}), Modules: []string{cobra, tui, yaml}},

	// The only one that knows both a role and an applier.
	{Path: "cmd/mip6d", Rooms: concat(codecs, roles, appliers, []string{
		"internal/role", "internal/engine", "internal/config", "internal/ctl", "internal/store", "internal/doctor", "internal/probe",
		"internal/sdnotify", "internal/metrics", "internal/journal", "internal/admission",
	}), Modules: []string{errgroup, sys}},

	// The load generator, which knows the protocol and nothing of the daemon.
	{Path: "internal/loadgen", Rooms: []string{"internal/mh", "internal/exthdr", "internal/rr", "internal/heap"},
		PureFiles: []string{"population.go", "packet.go", "fleet.go", "result.go"}, Modules: []string{bpf, sys}},
	{Path: "cmd/mip6bench", Rooms: []string{"internal/loadgen"}},

	// Tests and tools.
	{Path: "internal/archtest"},
	{Path: "test/...", Rooms: []string{Any}, Modules: []string{Any}},
}

// machine is what a protocol role is made of.
func machine() []string {
	return concat(codecs, []string{"internal/role", "internal/bce", "internal/bul", "internal/heap", "internal/lpm"})
}

// pureStd is what a pure room may import of the standard library. crypto/rand
// and math/rand are not here, nor what opens files or sockets.
var pureStd = []string{
	"bytes", "cmp", "container/list", "container/ring",
	"crypto/aes", "crypto/cipher", "crypto/hmac", "crypto/sha1", "crypto/sha256", "crypto/subtle",
	"encoding", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "hash/crc32", "io", "iter", "maps", "math", "math/bits",
	"net/netip", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8", "unique",
}

// impure are functions of pureStd's packages that break the promise.
var impure = map[string][]string{
	"time": {
		"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local",
	},
	"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

func concat(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
