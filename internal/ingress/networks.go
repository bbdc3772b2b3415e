package ingress

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// netKey is struct bpf_lpm_trie_key.
type netKey struct {
	Length uint32
	Addr   addrKey
}

// mapped is the length of the prefix in which IPv4 addresses stand in the map.
const mapped = 96

func keyOf(p netip.Prefix) netKey {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += mapped
	}
	return netKey{uint32(bits), p.Masked().Addr().As16()}
}

func (k netKey) prefix() netip.Prefix {
	a := netip.AddrFrom16(k.Addr)
	if a.Is4In6() && k.Length >= mapped {
		return netip.PrefixFrom(a.Unmap(), int(k.Length)-mapped)
	}
	return netip.PrefixFrom(a, int(k.Length))
}

// writeNetworks puts what is behind many home addresses into the map in one system call, and
// tells whether it has. Kernels before 5.13 can't with this kind of map.
func (g *Gate) writeNetworks(bindings []role.Binding, errs []error) bool {
	var keys []netKey
	var values []addrKey
	for i, b := range bindings {
		if errs[i] != nil {
			continue
		}
		for _, p := range b.Behind() {
			keys, values = append(keys, keyOf(p)), append(values, b.CareOf.As16())
		}
	}
	if len(keys) < batchMin {
		return false
	}
	n, err := g.networks.BatchUpdate(keys, values, nil)
	return err == nil && n == len(keys)
}

// setNetworks lets the packets of a mobile router's networks, and of an IPv4 home
// address, through from the care-of address only (RFC 3963 §6.4), and no longer those
// of networks that were and are not; written says that the former are in the map already.
// What failed once is noted, so that Clear takes it back.
func (g *Gate) setNetworks(b role.Binding, written bool) error {
	value := addrKey(b.CareOf.As16())
	old := g.more[b.HomeAddress]
	before := old.behind
	behind := b.Behind()
	for _, p := range behind {
		if key := keyOf(p); !written {
			if err := g.networks.Update(&key, &value, ebpf.UpdateAny); err != nil {
				if errors.Is(err, unix.ENOSPC) {
					err = fmt.Errorf("the gates' map holds its limit of %d networks, %d for each of home_agent.max_bindings: %w",
						g.networks.MaxEntries(), networksEach, err)
				}
				return fmt.Errorf("its network %s: %w", p, err)
			}
		}
		g.owner[p] = b.HomeAddress
		if !slices.Contains(old.behind, p) {
			old.behind = append(slices.Clip(old.behind), p)
			g.more[b.HomeAddress] = old
		}
	}
	return g.dropNetworks(b.HomeAddress, before, behind)
}

// dropNetworks stops the packets of a mobile router's networks but for some, unless
// another has them by now.
func (g *Gate) dropNetworks(home netip.Addr, behind, but []netip.Prefix) error {
	var errs []error
	for _, p := range behind {
		if slices.Contains(but, p) || g.owner[p] != home {
			continue
		}
		key := keyOf(p)
		if err := ignoreMissing(g.networks.Delete(&key)); err != nil {
			errs = append(errs, fmt.Errorf("stop the network %s at the tunnel: %w", p, err))
			continue
		}
		delete(g.owner, p)
	}
	return errors.Join(errs...)
}

// settleNetworks removes what an earlier run left and nobody has Set.
func (g *Gate) settleNetworks() error {
	var stale []netKey
	var key netKey
	var value addrKey
	it := g.networks.Iterate()
	for it.Next(&key, &value) {
		if !g.owner[key.prefix()].IsValid() {
			stale = append(stale, key)
		}
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("read the gates' map of mobile networks: %w", err)
	}
	for i := range stale {
		if err := ignoreMissing(g.networks.Delete(&stale[i])); err != nil {
			return fmt.Errorf("remove a network that no binding wants from the gates: %w", err)
		}
	}
	return nil
}
