package xfrmmig

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// pairState is what is wanted of one pair: a direct path for the care-of address
// of either end, or both.
type pairState struct {
	ours, theirs *role.Direct
}

func (p pairState) empty() bool { return p.ours == nil && p.theirs == nil }

// states are those of one side of a direct path: one for the header that packets
// get on their way out, one for the header that they come with.
//
// Where the care-of address is ours, what comes in is taken to whichever of our
// care-of addresses it was sent (RFC 6275 §11.3.3), so nothing is lost at a
// handover; the state is there to be counted by.
func states(d role.Direct) []State {
	if d.Side == role.Ours {
		return []State{
			{Proto: ProtoHomeAddress, Src: d.Local, Dst: d.Peer, CareOf: d.CareOf, Reqid: Reqid},
			{Proto: ProtoRouting, Src: d.Peer, Dst: d.Local, CareOf: netip.IPv6Unspecified(), Reqid: Reqid},
		}
	}
	return []State{
		{Proto: ProtoRouting, Src: d.Local, Dst: d.Peer, CareOf: d.CareOf, Reqid: Reqid},
		{Proto: ProtoHomeAddress, Src: d.Peer, Dst: d.Local, CareOf: d.CareOf, Reqid: Reqid},
	}
}

// policies are those of a pair: in first, so that nothing that comes is refused.
// What comes in may be without the headers, since it may come by the home agent;
// with a Home Address option it must come from the care-of address (§9.3.1).
func (p pairState) policies(pair role.Pair) []Policy {
	local, peer := netip.PrefixFrom(pair.Local, pair.Local.BitLen()), netip.PrefixFrom(pair.Peer, pair.Peer.BitLen())
	in := Policy{Selector: Selector{Src: peer, Dst: local}, Dir: In, Priority: directPriority, Lifetime: p.lifetime()}
	out := Policy{Selector: Selector{Src: local, Dst: peer}, Dir: Out, Priority: directPriority, Lifetime: p.lifetime()}
	if p.ours != nil {
		out.Templates = append(out.Templates, Template{Proto: ProtoHomeAddress, Src: pair.Local, Dst: pair.Peer, Reqid: Reqid})
	}
	if p.theirs != nil {
		out.Templates = append(out.Templates, Template{Proto: ProtoRouting, Src: pair.Local, Dst: pair.Peer, Reqid: Reqid})
		in.Templates = append(in.Templates, Template{Proto: ProtoHomeAddress, Src: pair.Peer, Dst: pair.Local, Reqid: Reqid, Optional: true})
	}
	// The kernel checks the last template first, as the routing header comes
	// first in the packet. To whom it leads is the kernel's own check, which is
	// why any state will do here.
	in.Templates = append(in.Templates, Template{
		Proto: ProtoRouting, Src: netip.IPv6Unspecified(), Dst: netip.IPv6Unspecified(), Reqid: Reqid, Optional: true,
	})
	return []Policy{in, out}
}

// grace is how much longer than the binding a policy lives, so that it is the
// daemon that ends it, if there is one.
const grace = time.Second

// lifetime is the shorter of both sides'.
func (p pairState) lifetime() time.Duration {
	shortest := role.Infinite - grace
	for _, d := range []*role.Direct{p.ours, p.theirs} {
		if d != nil {
			shortest = min(shortest, d.Lifetime)
		}
	}
	return max(shortest, 0) + grace
}
