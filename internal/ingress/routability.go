package ingress

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A home agent that denies a mobile node route optimisation stops return routability in
// its tunnel (RFC 6275 §5.2.5): Home Test Init on the way out, and Home Test on the way
// in, in case the former had an extension header to hide behind. Without them no
// correspondent can be given a care-of address.

const routabilityFilterName = "mip6_hometest"

// Of a Mobility Header right behind the IPv6 header (RFC 6275 §6.1.1).
const (
	protoMobility = 135
	mobilityType  = ipv6HeaderLen + 2
	typeHomeInit  = 1 // Home Test Init
	typeHomeTest  = 3 // Home Test
)

// deniedSpec describes the map of home addresses without route optimisation.
func deniedSpec(c Config) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: "mip6_direct_no", Type: ebpf.Hash, KeySize: addrLen, ValueSize: 4, MaxEntries: c.MaxBindings, Flags: flagNoPrealloc,
	}
}

// stopHomeTests goes to drop with R7 set where a packet is a message of a type and the
// address at an offset of the stack is in the map; else it falls through. R6 is the
// packet's context, R9 the next header.
func stopHomeTests(denied *ebpf.Map, typ int32, address int32) asm.Instructions {
	const scratch = -96
	insns := asm.Instructions{asm.JNE.Imm(asm.R9, protoMobility, "no_home_test")}
	insns = append(insns, load(mobilityType, scratch, 1, "no_home_test")...)
	return append(insns,
		asm.LoadMem(asm.R0, asm.RFP, scratch, asm.Byte),
		asm.JNE.Imm(asm.R0, typ, "no_home_test"),
		asm.LoadMapPtr(asm.R1, denied.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, address),
		asm.FnMapLookupElem.Call(),
		asm.Mov.Imm(asm.R7, int32(slotHomeTest)),
		asm.JNE.Imm(asm.R0, 0, "drop"),
		asm.Mov.Imm(asm.R1, 0).WithSymbol("no_home_test"),
	)
}

// routabilityProgram stops Home Tests on the egress of the shared tunnel device, where
// packets are still without the tunnel's header.
func routabilityProgram(denied, counters *ebpf.Map) *ebpf.ProgramSpec {
	const packet = -88 // IPv6 header
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbProtocol, asm.Word),
		asm.JNE.Imm(asm.R0, wireOrder(etherIPv6), "no_home_test"),
	}
	insns = append(insns, load(0, packet, ipv6HeaderLen, "no_home_test")...)
	insns = append(insns, asm.LoadMem(asm.R9, asm.RFP, packet+ipv6NextHeader, asm.Byte))
	insns = append(insns, stopHomeTests(denied, typeHomeTest, packet+ipv6Dest)...)
	insns = append(insns,
		asm.Mov.Imm(asm.R0, actNext),
		asm.Return(),
		asm.Mov.Imm(asm.R8, actDrop).WithSymbol("drop"),
	)
	insns = append(insns, countAndReturn(counters, "count")...)
	return &ebpf.ProgramSpec{
		Name: routabilityFilterName, Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: insns,
	}
}

// deny has the map say whether a home address goes without route optimisation. The map is this
// run's own, and most are never in it.
func (g *Gate) deny(home netip.Addr, deny bool) error {
	key, yes := addrKey(home.As16()), uint32(1)
	switch {
	case deny == g.noDirect[home]:
		return nil
	case deny:
		if err := g.denied.Update(&key, &yes, ebpf.UpdateAny); err != nil {
			if errors.Is(err, errTooBig) {
				err = fmt.Errorf("the gates' map of those without route optimisation holds its limit of %d, home_agent.max_bindings: %w", g.denied.MaxEntries(), err)
			}
			return err
		}
		g.noDirect[home] = true
		return nil
	}
	if err := ignoreMissing(g.denied.Delete(&key)); err != nil {
		return err
	}
	delete(g.noDirect, home)
	return nil
}

// deny has all Mobility Header messages from a home address dropped: flower knows
// no message types. What a mobile node sends to its home agent doesn't come by the tunnel.
func (f *Flower) deny(home netip.Addr, deny bool) error {
	handle, denied := f.denied[home]
	if deny == denied {
		return nil
	}
	mobility := nl.IPProto(protoMobility)
	filter := &netlink.Flower{EthType: unix.ETH_P_IPV6, IPProto: &mobility, SrcIP: home.AsSlice(), Actions: act(netlink.TC_ACT_SHOT)}
	if denied {
		filter.FilterAttrs = f.attrs(unix.ETH_P_IPV6, f.cfg.Priority-2, handle)
		if err := f.nl.FilterDel(filter); err != nil && !gone(err) {
			return fmt.Errorf("allow %s route optimisation: %w", home, err)
		}
		delete(f.denied, home)
		return nil
	}
	f.last++
	filter.FilterAttrs = f.attrs(unix.ETH_P_IPV6, f.cfg.Priority-2, f.last)
	if err := f.nl.FilterReplace(filter); err != nil {
		return fmt.Errorf("deny %s route optimisation: %w", home, err)
	}
	f.denied[home] = f.last
	return nil
}
