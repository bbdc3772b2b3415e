package mngate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"mip6d/internal/clsact"
)

// Names in the kernel; it keeps 15 characters.
const (
	inName     = "mip6_mld_in"
	outName    = "mip6_mld_out"
	divertName = "mip6_divert"
)

// place is behind internal/sighting's.
var place = clsact.Place{Priority: 6276, Handle: 0x6275}

// Values of the map of paths.
const (
	usable     = 1 // packets of a home address travel by the tunnel
	registered = 2 // and the home agent has acknowledged a binding
)

const maxEntries = 4096

// Gate is the programs and their maps. It is not for use by several goroutines at once, but
// for AttachInterface.
type Gate struct {
	nl                  *netlink.Handle
	paths, asked, homes *ebpf.Map // by tunnel device, the same, by home address
	in, out, divert     *ebpf.Program
	attached            []int // tunnel devices
}

// Open loads the programs. It needs CAP_BPF and CAP_NET_ADMIN.
func Open() (_ *Gate, err error) {
	g := new(Gate)
	defer func() {
		if err != nil {
			_ = g.Close()
		}
	}()
	if g.nl, err = netlink.NewHandle(); err != nil {
		return nil, fmt.Errorf("open rtnetlink for the multicast gates: %w", err)
	}
	for _, m := range []struct {
		to   **ebpf.Map
		name string
		key  uint32
	}{{&g.paths, "mip6_mld_paths", 4}, {&g.asked, "mip6_mld_asked", 4}, {&g.homes, "mip6_mcast_home", addrLen}} {
		if *m.to, err = ebpf.NewMap(&ebpf.MapSpec{
			Name: m.name, Type: ebpf.Hash, KeySize: m.key, ValueSize: 4, MaxEntries: maxEntries,
		}); err != nil {
			return nil, fmt.Errorf("create the map %s: %w", m.name, err)
		}
	}
	for _, p := range []struct {
		to   **ebpf.Program
		spec *ebpf.ProgramSpec
	}{{&g.in, inProgram(g.paths, g.asked)}, {&g.out, outProgram(g.paths, g.asked)}, {&g.divert, divertProgram(g.homes)}} {
		if *p.to, err = ebpf.NewProgram(p.spec); err != nil {
			return nil, fmt.Errorf("load the program %s: %w", p.spec.Name, err)
		}
	}
	return g, nil
}

// AttachInterface has packets of home addresses to groups diverted from an interface with which
// the node moves.
func (g *Gate) AttachInterface(ifindex int) error {
	return clsact.Attach(g.nl, ifindex, place, clsact.Hooks{Out: g.divert, OutName: divertName})
}

// SetHome says where packets of a home address to groups go: into a tunnel device; where that is
// zero, nowhere.
func (g *Gate) SetHome(home netip.Addr, device int) error {
	if err := g.homes.Put(home.As16(), uint32(device)); err != nil {
		return fmt.Errorf("divert multicast of %s: %w", home, err)
	}
	return nil
}

// ClearHome leaves packets of a home address alone: it is at home.
func (g *Gate) ClearHome(home netip.Addr) error {
	if err := ignoreMissing(g.homes.Delete(home.As16())); err != nil {
		return fmt.Errorf("leave multicast of %s alone: %w", home, err)
	}
	return nil
}

// SetTunnel says that home addresses travel by a tunnel device, and whether a binding is in
// place. What the home agent has sent is remembered until there is none. The device has the gate
// when this has returned.
func (g *Gate) SetTunnel(device int, bound bool) error {
	if err := g.Shut(device); err != nil {
		return err
	}
	value := uint32(usable)
	if bound {
		value = registered
	}
	var was uint32
	err := g.paths.Lookup(uint32(device), &was)
	if err == nil && was == registered && !bound {
		err = ignoreMissing(g.asked.Delete(uint32(device)))
	}
	if err = ignoreMissing(err); err == nil {
		err = g.paths.Put(uint32(device), value)
	}
	if err != nil {
		return fmt.Errorf("set the gate for multicast listeners of interface %d: %w", device, err)
	}
	return nil
}

// Shut puts the gate on a tunnel device. It is closed until SetTunnel.
func (g *Gate) Shut(device int) error {
	if slices.Contains(g.attached, device) {
		return nil
	}
	hooks := clsact.Hooks{In: g.in, InName: inName, Out: g.out, OutName: outName}
	if err := clsact.Attach(g.nl, device, place, hooks); err != nil {
		return err
	}
	g.attached = append(g.attached, device)
	return nil
}

// ClearTunnel closes the gate of a tunnel device. The device may be gone.
func (g *Gate) ClearTunnel(device int) error {
	g.attached = slices.DeleteFunc(g.attached, func(d int) bool { return d == device })
	err := errors.Join(ignoreMissing(g.paths.Delete(uint32(device))), ignoreMissing(g.asked.Delete(uint32(device))))
	if err != nil {
		return fmt.Errorf("close the gate for multicast listeners of interface %d: %w", device, err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// Close releases what the process holds. The programs stay, as they are set.
func (g *Gate) Close() error {
	var errs []error
	for _, p := range []*ebpf.Program{g.in, g.out, g.divert} {
		errs = append(errs, p.Close())
	}
	for _, m := range []*ebpf.Map{g.paths, g.asked, g.homes} {
		errs = append(errs, m.Close())
	}
	if g.nl != nil {
		g.nl.Close()
	}
	return errors.Join(errs...)
}

// Cleanup removes the programs from all interfaces.
func Cleanup() error {
	nl, err := netlink.NewHandle()
	if err != nil {
		return fmt.Errorf("open rtnetlink for the multicast gates: %w", err)
	}
	defer nl.Close()
	return clsact.Detach(nl, place, inName, outName, divertName)
}
