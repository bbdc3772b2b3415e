package ingress

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Names in the kernel, by which a restart and `bpftool` find our things. The
// kernel keeps 15 characters.
const (
	tunnelFilterName = "mip6_source"
	linkFilterName   = "mip6_discovery"
	bindingsMapName  = "mip6_bindings"
	networksMapName  = "mip6_networks"
	countersMapName  = "mip6_counters"
)

// Defaults of Config.
const (
	DefaultPriority    = 6275
	DefaultHandle      = 0x6275
	DefaultMaxBindings = 1 << 17
)

// Config says where the gates stand. Zero values mean the defaults.
type Config struct {
	Tunnel    int   // ifindex of the shared tunnel device; 0: none yet
	HomeLinks []int // ifindexes of the home links on which we defend

	Priority uint16 // of our filters on the clsact hooks; Flower takes its neighbours, too
	Handle   uint32 // of our filters at that priority

	// MaxBindings is how many there are at most; a Gate's maps are made for as many. Each may have
	// a link-local address beside its home address, and networksEach prefixes behind it on average.
	MaxBindings uint32
}

// networksEach is of how many prefixes for each binding there is room. They take memory only
// when they are there.
const networksEach = 16

// addresses is how many of bindings there are at most.
func (c Config) addresses() uint32 { return 2 * c.MaxBindings }

func (c Config) withDefaults() Config {
	if c.Priority == 0 {
		c.Priority = DefaultPriority
	}
	if c.Handle == 0 {
		c.Handle = DefaultHandle
	}
	if c.MaxBindings == 0 {
		c.MaxBindings = DefaultMaxBindings
	}
	return c
}

// addrKey is a key or a value of the bindings map. As a value all zero means
// an address that is defended but may not be tunnelled from: no packet has the
// unspecified address as its outer source and gets here.
type addrKey [addrLen]byte

// Gate is the pair of BPF filters and their maps. Its methods may be called
// from any goroutine.
type Gate struct {
	cfg Config
	nl  *netlink.Handle

	bindings, networks, denied, counters *ebpf.Map
	tunnel, link, routability            *ebpf.Program

	mu       sync.Mutex
	set      map[addrKey]struct{}        // home addresses that are in the map
	more     map[netip.Addr]entry        // what is in the maps for some of them beside
	local    map[netip.Addr]int          // link-local address → how many bindings want it
	owner    map[netip.Prefix]netip.Addr // mobile network → home address of its router
	noDirect map[netip.Addr]bool         // home addresses in the map of those without route optimisation
	deferred bool                        // an older filter works on until Settle
}

// entry is what few home addresses have in the maps beside themselves.
type entry struct {
	linkLocal netip.Addr // or invalid
	behind    []netip.Prefix
}

// New loads the gates in the current network namespace. Where an earlier run
// left a filter and its map can be recovered, the map is taken over; where it
// cannot (that needs CAP_SYS_ADMIN), the older filter stays in force until
// Settle. In all other cases the gates are closed when New returns: nothing
// that is not Set comes through.
//
// It needs CAP_NET_ADMIN and CAP_BPF. The error wraps ebpf.ErrNotSupported or
// os.ErrPermission where BPF cannot be used here; see Open.
func New(cfg Config) (_ *Gate, err error) {
	g := &Gate{
		cfg:      cfg.withDefaults(),
		set:      make(map[addrKey]struct{}),
		more:     make(map[netip.Addr]entry),
		local:    make(map[netip.Addr]int),
		owner:    make(map[netip.Prefix]netip.Addr),
		noDirect: make(map[netip.Addr]bool),
	}
	defer func() {
		if err != nil {
			g.Close()
		}
	}()
	if g.nl, err = netlink.NewHandle(); err != nil {
		return nil, fmt.Errorf("open rtnetlink for the ingress gates: %w", err)
	}

	older, err := g.findOlder()
	if err != nil {
		return nil, err
	}
	if older.complete() {
		g.bindings, g.networks = older.bindings, older.networks
	} else {
		older.close()
		if g.bindings, err = ebpf.NewMap(bindingsSpec(g.cfg)); err != nil {
			return nil, g.cfg.noRoom("create the gates' map of bindings", err)
		}
		if g.networks, err = ebpf.NewMap(networksSpec(g.cfg)); err != nil {
			return nil, fmt.Errorf("create the gates' map of mobile networks: %w", err)
		}
	}
	g.deferred = older.found && !older.complete()

	if g.counters, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: countersMapName, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(slots),
	}); err != nil {
		return nil, fmt.Errorf("create the gates' counters: %w", err)
	}
	if g.denied, err = ebpf.NewMap(deniedSpec(g.cfg)); err != nil {
		return nil, g.cfg.noRoom("create the gates' map of those without route optimisation", err)
	}
	if g.tunnel, err = ebpf.NewProgram(tunnelProgram(g.bindings, g.networks, g.denied, g.counters)); err != nil {
		return nil, fmt.Errorf("load the tunnel's source check: %w", err)
	}
	if g.routability, err = ebpf.NewProgram(routabilityProgram(g.denied, g.counters)); err != nil {
		return nil, fmt.Errorf("load the tunnel's check of Home Tests: %w", err)
	}
	if g.link, err = ebpf.NewProgram(linkProgram(g.bindings, g.counters)); err != nil {
		return nil, fmt.Errorf("load the home links' gate: %w", err)
	}
	if !g.deferred {
		if err := g.attachAll(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// noRoom says with an error what to do where the kernel has no memory for a map's buckets.
func (c Config) noRoom(what string, err error) error {
	if errors.Is(err, unix.ENOMEM) {
		return fmt.Errorf("%s for %d bindings: %w; lower home_agent.max_bindings", what, c.MaxBindings, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// bindingsSpec describes the map of bindings. Memory is taken per entry, so
// that a large limit costs a small home agent nothing but the buckets: a power of two, of 16 octets each.
func bindingsSpec(c Config) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: bindingsMapName, Type: ebpf.Hash, KeySize: addrLen, ValueSize: addrLen,
		MaxEntries: c.addresses(), Flags: flagNoPrealloc,
	}
}

// networksSpec describes the map of what is behind home addresses, prefix → care-of
// address: mobile networks, and IPv4 home addresses as ::ffff:0:0/96 has them.
func networksSpec(c Config) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: networksMapName, Type: ebpf.LPMTrie, KeySize: 4 + addrLen, ValueSize: addrLen,
		MaxEntries: networksEach * c.MaxBindings, Flags: flagNoPrealloc,
	}
}

const flagNoPrealloc = 1 // BPF_F_NO_PREALLOC

// batchMin is the number of entries from which one batch system call is
// cheaper than single ones.
const batchMin = 8

// Set lets each binding's packets through, from its care-of address only. It
// replaces what was set for the same home address. It returns one error for
// each binding, or nil when all are in force.
func (g *Gate) Set(bindings []role.Binding) []error {
	g.mu.Lock()
	defer g.mu.Unlock()

	errs := make([]error, len(bindings))
	var keys, values []addrKey
	var owners []int // index into bindings of each key
	add := func(i int, key netip.Addr, value addrKey) {
		keys, values, owners = append(keys, key.As16()), append(values, value), append(owners, i)
	}
	for i, b := range bindings {
		if err := checkBinding(b); err != nil {
			errs[i] = err
			continue
		}
		if err := g.deny(b.HomeAddress, b.NoRouteOptimization); err != nil {
			errs[i] = err
			continue
		}
		add(i, b.HomeAddress, b.CareOf.As16())
		if b.LinkLocal.IsValid() {
			add(i, b.LinkLocal.WithZone(""), addrKey{})
		}
	}
	g.write(keys, values, owners, errs)
	written := g.writeNetworks(bindings, errs)
	for i, b := range bindings {
		if errs[i] == nil {
			errs[i] = g.setNetworks(b, written)
		}
	}

	failed := false
	for i, b := range bindings {
		if errs[i] != nil {
			failed = true
			errs[i] = fmt.Errorf("let %s through the tunnel from %s: %w", b.HomeAddress, b.CareOf, errs[i])
			continue
		}
		old := g.more[b.HomeAddress]
		now := entry{linkLocal: b.LinkLocal.WithZone(""), behind: slices.Clone(b.Behind())}
		g.set[b.HomeAddress.As16()] = struct{}{}
		g.keep(b.HomeAddress, now)
		if old.linkLocal != now.linkLocal {
			if now.linkLocal.IsValid() {
				g.local[now.linkLocal]++
			}
			if err := g.dropLocal(old.linkLocal); err != nil {
				failed, errs[i] = true, err
			}
		}
	}
	if !failed {
		return nil
	}
	return errs
}

// keep notes what a home address has beside itself, if anything.
func (g *Gate) keep(home netip.Addr, e entry) {
	if delete(g.more, home); e.linkLocal.IsValid() || len(e.behind) > 0 {
		g.more[home] = e
	}
}

func checkBinding(b role.Binding) error {
	switch {
	case !b.HomeAddress.Is6() || b.HomeAddress.Is4In6() || b.HomeAddress.IsUnspecified():
		return errors.New("the home address is no IPv6 unicast address")
	case !b.CareOf.Is6() || b.CareOf.Is4In6() || b.CareOf.IsUnspecified():
		return errors.New("the care-of address is no IPv6 unicast address")
	}
	return nil
}

// write puts entries into the map, many in one system call, and notes the
// errors with their owners.
func (g *Gate) write(keys, values []addrKey, owners []int, errs []error) {
	if len(keys) >= batchMin {
		n, err := g.bindings.BatchUpdate(keys, values, nil)
		if err == nil && n == len(keys) {
			return
		}
		// One by one tells which of them failed.
	}
	for k := range keys {
		if err := g.bindings.Update(&keys[k], &values[k], ebpf.UpdateAny); err != nil {
			if errors.Is(err, errTooBig) {
				err = fmt.Errorf("the gates' map holds its limit of %d addresses, two for each of home_agent.max_bindings: %w", g.bindings.MaxEntries(), err)
			}
			errs[owners[k]] = err
		}
	}
}

// Clear stops the packets of home addresses at once. Clearing what is not set
// succeeds. It returns one error for each home address, or nil.
func (g *Gate) Clear(hoas []netip.Addr) []error {
	g.mu.Lock()
	defer g.mu.Unlock()

	errs := make([]error, len(hoas))
	failed, deleted := false, g.deleteAll(hoas)
	for i, hoa := range hoas {
		err := g.deny(hoa, false)
		if key := addrKey(hoa.As16()); !deleted {
			err = errors.Join(err, ignoreMissing(g.bindings.Delete(&key)))
		}
		if err == nil {
			old := g.more[hoa]
			delete(g.set, hoa.As16())
			delete(g.more, hoa)
			if failed := g.dropNetworks(hoa, old.behind, nil); failed != nil {
				g.keep(hoa, entry{behind: old.behind}) // for the next time
				err = failed
			}
			err = errors.Join(err, g.dropLocal(old.linkLocal))
		}
		if err != nil {
			failed = true
			errs[i] = fmt.Errorf("stop %s at the tunnel: %w", hoa, err)
		}
	}
	if !failed {
		return nil
	}
	return errs
}

// deleteAll deletes many entries in one system call, and tells whether it has: one that is not
// there ends it, for example.
func (g *Gate) deleteAll(hoas []netip.Addr) bool {
	if len(hoas) < batchMin {
		return false
	}
	keys := make([]addrKey, len(hoas))
	for i, hoa := range hoas {
		keys[i] = hoa.As16()
	}
	n, err := g.bindings.BatchDelete(keys, nil)
	return err == nil && n == len(keys)
}

// dropLocal takes one binding's interest in a link-local address back.
func (g *Gate) dropLocal(ll netip.Addr) error {
	if !ll.IsValid() {
		return nil
	}
	if g.local[ll]--; g.local[ll] > 0 {
		return nil
	}
	delete(g.local, ll)
	key := addrKey(ll.As16())
	if err := ignoreMissing(g.bindings.Delete(&key)); err != nil {
		return fmt.Errorf("stop defending %s: %w", ll, err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// Settle says that every binding of an earlier run has been Set again: an
// older filter gives way to ours in one step, and what an earlier run left in
// a map that we took over, and nobody has Set, is removed. removed counts it.
func (g *Gate) Settle() (removed int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.deferred {
		if err := g.attachAll(); err != nil {
			return 0, err
		}
		g.deferred = false
	}
	var stale []addrKey
	var key, value addrKey
	for it := g.bindings.Iterate(); ; {
		if !it.Next(&key, &value) {
			if err := it.Err(); err != nil {
				return 0, fmt.Errorf("read the gates' map of bindings: %w", err)
			}
			break
		}
		if _, ok := g.set[key]; !ok && g.local[netip.AddrFrom16(key)] == 0 {
			stale = append(stale, key)
		}
	}
	for i := range stale {
		if err := ignoreMissing(g.bindings.Delete(&stale[i])); err != nil {
			return removed, fmt.Errorf("remove %s, which no binding wants, from the gates: %w", netip.AddrFrom16(stale[i]), err)
		}
		removed++
	}
	return removed, g.settleNetworks()
}

// Close releases what the process holds. The filters stay in force with the
// bindings that are set; Detach removes them.
func (g *Gate) Close() error {
	var errs []error
	for _, p := range []*ebpf.Program{g.tunnel, g.link, g.routability} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	for _, m := range []*ebpf.Map{g.bindings, g.networks, g.denied, g.counters} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	if g.nl != nil {
		g.nl.Close()
	}
	return errors.Join(errs...)
}
