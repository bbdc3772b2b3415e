package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// defaultMetric is what the kernel gives a route that was set without.
const defaultMetric = 1024

// remains are the routes that an earlier run has left, as they are.
type remains map[placeOf]route

// placeOf is where one route is in place of another.
type placeOf struct {
	dst    netip.Prefix
	table  uint32
	metric uint32
}

// set is the request for a route, or none where it is there just so already.
func (l remains) set(r route) []request {
	at := placeOf{r.dst, r.table, r.metric}
	if left, ok := l[at]; ok && left == r {
		return nil
	}
	delete(l, at)
	return []request{r.set()}
}

// del is the request that takes a route back.
func (l remains) del(r route) request {
	delete(l, placeOf{r.dst, r.table, r.metric})
	return r.del()
}

// leftovers are the routes that an earlier run has set, as we would set them. The
// library reads no tunnel's end points in a route.
func leftovers(m Marks) (remains, error) {
	var left remains
	err := again(func() error {
		left = make(remains)
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
		req.AddData(nl.NewRtMsg())
		err := req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE, func(msg []byte) bool {
			if r, ok := decodeRoute(msg); ok && r.protocol == m.RouteProtocol {
				left[placeOf{r.dst, r.table, r.metric}] = r
			}
			return true
		})
		if errors.Is(err, nl.ErrDumpInterrupted) {
			err = netlink.ErrDumpInterrupted
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the routes of protocol %d: %w", m.RouteProtocol, err)
	}
	return left, nil
}

// decodeRoute reads a route of the kernel's. It is false for one that we would never
// make: another family, several next hops, a tunnel with something else.
func decodeRoute(b []byte) (r route, ok bool) {
	if len(b) < unix.SizeofRtMsg || b[0] != unix.AF_INET6 && b[0] != unix.AF_INET || b[2] != 0 || b[3] != 0 {
		return route{}, false
	}
	dst := netip.IPv6Unspecified()
	if b[0] == unix.AF_INET {
		dst = netip.IPv4Unspecified()
	}
	r.table, r.protocol, r.kind = uint32(b[4]), b[5], b[7]
	encap, ours := false, true
	eachAttr(b[unix.SizeofRtMsg:], func(typ uint16, v []byte) {
		switch typ {
		case unix.RTA_DST:
			dst = addrOf(v)
		case unix.RTA_GATEWAY:
			r.via = addrOf(v)
		case unix.RTA_PREFSRC:
			r.source = addrOf(v)
		case unix.RTA_OIF:
			r.oif = int(u32(v))
		case unix.RTA_TABLE:
			r.table = u32(v)
		case unix.RTA_PRIORITY:
			if r.metric = u32(v); r.metric == defaultMetric {
				r.metric = 0
			}
		case unix.RTA_ENCAP_TYPE:
			encap = len(v) >= 2 && native.Uint16(v) == lwtunnelEncapIP6
			ours = ours && encap
		case unix.RTA_ENCAP:
			eachAttr(v, func(typ uint16, v []byte) {
				switch typ {
				case lwtunnelDst:
					r.encapDst = addrOf(v)
				case lwtunnelSrc:
					r.encapSrc = addrOf(v)
				case lwtunnelHopLimit:
					ours = ours && len(v) > 0 && v[0] == tunnelHopLimit
				}
			})
		case unix.RTA_MULTIPATH, unix.RTA_SRC, unix.RTA_VIA:
			ours = false
		}
	})
	if r.kind == unix.RTN_UNREACHABLE {
		r.oif = 0 // IPv6 tells of loopback
	}
	r.dst = netip.PrefixFrom(dst, int(b[1]))
	return r, ours && encap == r.encapDst.IsValid()
}

// eachAttr walks attributes; it ends at the first that is malformed. The library's
// own function panics there.
func eachAttr(b []byte, f func(typ uint16, data []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		n := int(native.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return
		}
		f(native.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return native.Uint32(b)
}
