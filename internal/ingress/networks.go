package ingress

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"

	"mip6d/internal/role"
)

// netKey is struct bpf_lpm_trie_key.
type netKey struct {
	Length uint32
	Addr   addrKey
}

func keyOf(p netip.Prefix) netKey { return netKey{uint32(p.Bits()), p.Masked().Addr().As16()} }

// setNetworks lets the packets of a mobile router's networks through, from its
// care-of address only (RFC 3963 §6.4), and no longer those of networks that it had
// and has not. What failed once is noted, so that Clear takes it back.
func (g *Gate) setNetworks(b role.Binding) error {
	value := addrKey(b.CareOf.As16())
	old := g.set[b.HomeAddress]
	before := old.behind
	for _, p := range b.MobilePrefixes {
		key := keyOf(p)
		if err := g.networks.Update(&key, &value, ebpf.UpdateAny); err != nil {
			return fmt.Errorf("its network %s: %w", p, err)
		}
		g.owner[p] = b.HomeAddress
		if !slices.Contains(old.behind, p) {
			old.behind = append(slices.Clip(old.behind), p)
			g.set[b.HomeAddress] = old
		}
	}
	return g.dropNetworks(b.HomeAddress, before, b.MobilePrefixes)
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
		if p := netip.PrefixFrom(netip.AddrFrom16(key.Addr), int(key.Length)); !g.owner[p].IsValid() {
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
