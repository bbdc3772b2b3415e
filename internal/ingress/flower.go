package ingress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/clsact"
	"mip6d/internal/role"
)

// CountTunnelDropped is what Flower counts: the kernel does not tell it why.
const CountTunnelDropped role.Counter = "tunnel_dropped"

// Flower is the source check of RFC 6275 §10.4.5 without BPF: one tc flower
// filter for each home address, mobile network and IPv4 home address, and a filter behind them that
// drops the rest. It
// costs some forty times as much for each binding as Gate and has no gate for
// home links. Its methods may be called from any goroutine.
//
// The filters are the state: they carry home and care-of address, so that a
// restart finds what an earlier run set.
type Flower struct {
	cfg Config
	nl  *netlink.Handle

	mu      sync.Mutex
	filters map[netip.Prefix]flowerEntry // inner sources → their filter
	behind  map[netip.Addr][]netip.Prefix
	denied  map[netip.Addr]uint32 // home addresses without route optimisation → their filter
	last    uint32                // highest handle given
}

type flowerEntry struct {
	handle uint32
	owner  netip.Addr // home address whose binding has set it in this run, or invalid
	careOf netip.Addr // that it lets through
}

// NewFlower finds what an earlier run left on the tunnel device and closes the
// gate behind it: nothing that is not Set, now or then, comes through when it
// returns. It needs CAP_NET_ADMIN.
func NewFlower(cfg Config) (_ *Flower, err error) {
	f := &Flower{cfg: cfg.withDefaults(), filters: make(map[netip.Prefix]flowerEntry), behind: make(map[netip.Addr][]netip.Prefix),
		denied: make(map[netip.Addr]uint32)}
	if f.nl, err = netlink.NewHandle(); err != nil {
		return nil, fmt.Errorf("open rtnetlink for the tunnel's source check: %w", err)
	}
	defer func() {
		if err != nil {
			f.nl.Close()
		}
	}()
	if f.cfg.Tunnel == 0 {
		return f, nil
	}
	return f, f.attach()
}

// AttachTunnel closes the gate on a tunnel device that was created after
// NewFlower, or created anew. Every binding has to be Set again.
func (f *Flower) AttachTunnel(ifindex int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg.Tunnel = ifindex
	clear(f.filters)
	clear(f.behind)
	clear(f.denied)
	return f.attach()
}

func (f *Flower) attach() error {
	if _, err := clsact.Ensure(f.nl, f.cfg.Tunnel); err != nil {
		return err
	}
	older, err := clsact.Filters(f.nl, f.cfg.Tunnel, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return err
	}
	closed := false
	for _, o := range older {
		switch prio := o.Attrs().Priority; o := o.(type) {
		case *netlink.Flower:
			if prio == f.cfg.Priority-2 {
				f.last = max(f.last, o.Handle)
				if a, ok := netip.AddrFromSlice(o.SrcIP); ok {
					f.denied[a] = o.Handle
				}
			}
			if prio == f.cfg.Priority || prio == f.cfg.Priority-1 {
				f.last = max(f.last, o.Handle)
				if a, ok := netip.AddrFromSlice(o.SrcIP); ok {
					bits := a.BitLen()
					if len(o.SrcIPMask) == len(o.SrcIP) {
						bits, _ = o.SrcIPMask.Size()
					}
					f.filters[netip.PrefixFrom(a, bits)] = flowerEntry{handle: o.Handle, careOf: careOfFilter(o)}
				}
			}
		case *netlink.MatchAll:
			closed = closed || prio == f.cfg.Priority+1
		default:
			if f.cfg.Priority-2 <= prio && prio <= f.cfg.Priority+1 {
				return fmt.Errorf("interface %d has a filter of type %s at priority %d, which is ours: run mip6d --cleanup or configure another priority",
					f.cfg.Tunnel, o.Type(), prio)
			}
		}
	}
	if closed {
		return nil // matchall knows no replacement
	}
	attrs := f.attrs(unix.ETH_P_ALL, f.cfg.Priority+1, 1)
	if err := f.nl.FilterAdd(&netlink.MatchAll{FilterAttrs: attrs, Actions: act(netlink.TC_ACT_SHOT)}); err != nil {
		return fmt.Errorf("drop what no binding lets through on interface %d: %w", f.cfg.Tunnel, err)
	}
	return nil
}

// familyOf says where the filters of a source stand: those of a priority are of one
// protocol.
func (f *Flower) familyOf(source netip.Addr) (proto, priority uint16) {
	if source.Is4() {
		return unix.ETH_P_IP, f.cfg.Priority - 1
	}
	return unix.ETH_P_IPV6, f.cfg.Priority
}

func (f *Flower) attrs(proto, priority uint16, handle uint32) netlink.FilterAttrs {
	return netlink.FilterAttrs{
		LinkIndex: f.cfg.Tunnel, Parent: netlink.HANDLE_MIN_INGRESS,
		Protocol: proto, Priority: priority, Handle: handle,
	}
}

func act(a netlink.TcAct) []netlink.Action {
	return []netlink.Action{&netlink.GenericAction{ActionAttrs: netlink.ActionAttrs{Action: a}}}
}

// Set lets each binding's packets through, from its care-of address only. See
// Gate.Set.
func (f *Flower) Set(bindings []role.Binding) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for i, b := range bindings {
		if err := f.set(b); err != nil {
			if errs == nil {
				errs = make([]error, len(bindings))
			}
			errs[i] = fmt.Errorf("let %s through the tunnel from %s: %w", b.HomeAddress, b.CareOf, err)
		}
	}
	return errs
}

func (f *Flower) set(b role.Binding) error {
	if err := checkBinding(b); err != nil {
		return err
	}
	if err := f.deny(b.HomeAddress, b.NoRouteOptimization); err != nil {
		return err
	}
	behind := b.Behind()
	sources := append([]netip.Prefix{netip.PrefixFrom(b.HomeAddress, b.HomeAddress.BitLen())}, behind...)
	before := f.behind[b.HomeAddress]
	f.behind[b.HomeAddress] = append(slices.Clone(before), behind...) // until all are set
	for _, p := range sources {
		if err := f.let(p, b); err != nil {
			return err
		}
	}
	for _, p := range before {
		if !slices.Contains(sources, p) {
			if err := f.remove(p, b.HomeAddress); err != nil {
				return err
			}
		}
	}
	if f.behind[b.HomeAddress] = behind; len(behind) == 0 {
		delete(f.behind, b.HomeAddress)
	}
	return nil
}

// let has packets from some sources come through from a care-of address.
func (f *Flower) let(source netip.Prefix, b role.Binding) error {
	e, ok := f.filters[source]
	if ok && e.careOf == b.CareOf { // perhaps an earlier run's: it is not touched
		e.owner = b.HomeAddress
		f.filters[source] = e
		return nil
	}
	if !ok {
		f.last++
		e.handle = f.last
	}
	proto, priority := f.familyOf(source.Addr())
	if err := f.nl.FilterReplace(&netlink.Flower{
		FilterAttrs: f.attrs(proto, priority, e.handle),
		EthType:     proto,
		SrcIP:       source.Addr().AsSlice(),
		SrcIPMask:   net.CIDRMask(source.Bits(), source.Addr().BitLen()),
		EncSrcIP:    b.CareOf.AsSlice(),
		Actions:     act(netlink.TC_ACT_OK),
	}); err != nil {
		return err
	}
	e.owner, e.careOf = b.HomeAddress, b.CareOf
	f.filters[source] = e
	return nil
}

// careOfFilter is the only care-of address that a filter lets through, invalid where
// it is no such filter.
func careOfFilter(o *netlink.Flower) netip.Addr {
	if ones, bits := o.EncSrcIPMask.Size(); o.EncSrcIPMask != nil && ones != bits {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(o.EncSrcIP)
	return a
}

// Clear stops the packets of home addresses at once. See Gate.Clear.
func (f *Flower) Clear(hoas []netip.Addr) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for i, hoa := range hoas {
		err := f.remove(netip.PrefixFrom(hoa, hoa.BitLen()), hoa)
		for _, p := range f.behind[hoa] {
			err = errors.Join(err, f.remove(p, hoa))
		}
		err = errors.Join(err, f.deny(hoa, false))
		if err == nil {
			delete(f.behind, hoa)
			continue
		}
		if errs == nil {
			errs = make([]error, len(hoas))
		}
		errs[i] = err
	}
	return errs
}

// remove takes a filter away, unless another mobile router has set it since.
func (f *Flower) remove(source netip.Prefix, owner netip.Addr) error {
	e, ok := f.filters[source]
	if !ok || e.owner.IsValid() && e.owner != owner {
		return nil
	}
	proto, priority := f.familyOf(source.Addr())
	err := f.nl.FilterDel(&netlink.Flower{FilterAttrs: f.attrs(proto, priority, e.handle), EthType: proto})
	if err != nil && !gone(err) {
		return fmt.Errorf("stop %s at the tunnel: %w", source, err)
	}
	delete(f.filters, source)
	return nil
}

// gone tells whether an error means that there was nothing to remove: no such
// filter, no filter of the priority at all, no qdisc, no device.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV)
}

// Settle removes what an earlier run left and nobody has Set.
func (f *Flower) Settle() (removed int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for source, e := range f.filters {
		if e.owner.IsValid() {
			continue
		}
		if err := f.remove(source, e.owner); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// Counters returns how many packets were dropped since the device exists.
func (f *Flower) Counters() (map[role.Counter]uint64, error) {
	filters, err := clsact.Filters(f.nl, f.cfg.Tunnel, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil, err
	}
	counts := map[role.Counter]uint64{CountTunnelDropped: 0, CountHomeTests: 0}
	add := func(c role.Counter, actions []netlink.Action) {
		for _, a := range actions {
			if s := a.Attrs().Statistics; s != nil {
				counts[c] += uint64(s.Basic.Packets)
			}
		}
	}
	for _, o := range filters {
		switch prio := o.Attrs().Priority; o := o.(type) {
		case *netlink.MatchAll:
			if prio == f.cfg.Priority+1 {
				add(CountTunnelDropped, o.Actions)
			}
		case *netlink.Flower:
			if prio == f.cfg.Priority-2 {
				add(CountHomeTests, o.Actions)
			}
		}
	}
	return counts, nil
}

// Detach removes all our filters; the tunnel lets everything through then. The
// qdisc stays, with the device.
func (f *Flower) Detach() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.filters)
	clear(f.behind)
	clear(f.denied)
	var errs []error
	for _, all := range []netlink.Filter{
		// Without a handle, a deletion removes all of a priority and kind.
		&netlink.Flower{FilterAttrs: f.attrs(unix.ETH_P_IPV6, f.cfg.Priority-2, 0)},
		&netlink.Flower{FilterAttrs: f.attrs(unix.ETH_P_IPV6, f.cfg.Priority, 0)},
		&netlink.Flower{FilterAttrs: f.attrs(unix.ETH_P_IP, f.cfg.Priority-1, 0)},
		&netlink.MatchAll{FilterAttrs: f.attrs(unix.ETH_P_ALL, f.cfg.Priority+1, 0)},
	} {
		if err := f.nl.FilterDel(all); err != nil && !gone(err) {
			errs = append(errs, fmt.Errorf("remove the %s filters from interface %d: %w", all.Type(), f.cfg.Tunnel, err))
		}
	}
	return errors.Join(errs...)
}

// Close releases what the process holds; the filters stay in force.
func (f *Flower) Close() error {
	f.nl.Close()
	return nil
}
