package rtnl

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addresses lists the addresses of all interfaces, of both families. The library's
// own listing does not tell the protocol that we mark ours with.
func addresses() ([]address, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
	messages, err := dump(func() ([][]byte, error) { return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR) })
	if err != nil {
		return nil, fmt.Errorf("list the addresses: %w", err)
	}
	var list []address
	for _, m := range messages {
		if a, ok := parseAddress(m); ok {
			list = append(list, a)
		}
	}
	return list, nil
}

// parseAddress reads the body of an RTM_NEWADDR.
func parseAddress(m []byte) (a address, ok bool) {
	if len(m) < unix.SizeofIfAddrmsg || m[0] != unix.AF_INET6 && m[0] != unix.AF_INET {
		return a, false
	}
	size := 16
	if m[0] == unix.AF_INET {
		size = 4
	}
	a.flags, a.ifindex = uint32(m[2]), int(native.Uint32(m[4:]))
	a.valid, a.preferred = forever, forever
	var local, remote netip.Addr
	for b := m[unix.SizeofIfAddrmsg:]; len(b) >= unix.SizeofRtAttr; {
		n := int(native.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return a, false
		}
		data := b[unix.SizeofRtAttr:n]
		switch typ := native.Uint16(b[2:]); {
		case typ == unix.IFA_ADDRESS && len(data) == size:
			remote, _ = netip.AddrFromSlice(data)
		case typ == unix.IFA_LOCAL && len(data) == size:
			local, _ = netip.AddrFromSlice(data)
		case typ == unix.IFA_FLAGS && len(data) >= 4:
			a.flags = native.Uint32(data)
		case typ == unix.IFA_CACHEINFO && len(data) >= 8:
			a.preferred, a.valid = native.Uint32(data), native.Uint32(data[4:])
		case typ == ifaProto && len(data) >= 1:
			a.protocol = data[0]
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	if !local.IsValid() { // only where there is a peer is it told apart
		local = remote
	}
	if !local.IsValid() || int(m[1]) > local.BitLen() {
		return a, false
	}
	a.prefix = netip.PrefixFrom(local, int(m[1]))
	return a, true
}

// marked says whether the kernel tells who made an address. Its own link-local
// and loopback addresses carry a mark then.
func marked(list []address) bool {
	for _, a := range list {
		if a.protocol != 0 {
			return true
		}
	}
	return false
}

// isHome tells our home addresses from our care-of addresses.
func (a address) isHome() bool {
	return a.flags&unix.IFA_F_HOMEADDRESS != 0 || a.prefix.Addr().Is4()
}
