package demo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/demo/measure"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/node"
)

// addressWatch remembers when addresses of an interface became usable: not
// tentative any more, or optimistic (RFC 4429). It listens to the kernel's
// notifications through a netlink monitoring device, because those carry the
// kernel's time and not that of a reader who waits for a CPU.
type addressWatch struct {
	node    *node.Node
	capture *capture.Capture
	ifindex uint32
}

const monitorDevice = "nlmon0"

func watchAddresses(n *node.Node, ifname string) (*addressWatch, error) {
	link, err := n.Link(ifname)
	if err != nil {
		return nil, err
	}
	w := &addressWatch{node: n, ifindex: uint32(link.Attrs().Index)}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = monitorDevice
	if err := n.NL.LinkAdd(&netlink.GenericLink{LinkAttrs: attrs, LinkType: "nlmon"}); err != nil {
		return nil, fmt.Errorf("%s: netlink monitor: %w", n.Name, err)
	}
	if err := n.SetUp(monitorDevice, true); err != nil {
		return nil, err
	}
	w.capture, err = capture.Start(n, monitorDevice, func(p capture.Packet) bool { return w.usable(p.Frame).IsValid() })
	return w, err
}

// usable returns the address that a notification says may be used.
func (w *addressWatch) usable(message []byte) netip.Addr {
	const header, ifaddr = 16, 8 // struct nlmsghdr, struct ifaddrmsg
	var none netip.Addr
	if len(message) < header+ifaddr || binary.NativeEndian.Uint16(message[4:]) != unix.RTM_NEWADDR {
		return none
	}
	if binary.NativeEndian.Uint16(message[6:])&unix.NLM_F_REQUEST != 0 { // somebody asks for it
		return none
	}
	body := message[header:]
	if body[0] != unix.AF_INET6 || binary.NativeEndian.Uint32(body[4:]) != w.ifindex {
		return none
	}
	addr, flags := none, uint32(body[2])
	for attrs := body[ifaddr:]; len(attrs) >= 4; {
		n := int(binary.NativeEndian.Uint16(attrs))
		if n < 4 || n > len(attrs) {
			break
		}
		value := attrs[4:n]
		switch binary.NativeEndian.Uint16(attrs[2:]) {
		case unix.IFA_ADDRESS:
			addr, _ = netip.AddrFromSlice(value)
		case unix.IFA_FLAGS:
			if len(value) == 4 {
				flags = binary.NativeEndian.Uint32(value)
			}
		}
		attrs = attrs[min(len(attrs), (n+3)&^3):]
	}
	if flags&unix.IFA_F_DADFAILED != 0 || flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_OPTIMISTIC == 0 {
		return none
	}
	return addr
}

func (w *addressWatch) close() error {
	err := w.capture.Close()
	link, linkErr := w.node.Link(monitorDevice)
	if linkErr == nil {
		linkErr = w.node.NL.LinkDel(link)
	}
	return errors.Join(err, linkErr)
}

func (w *addressWatch) all() []measure.AddressNews {
	var news []measure.AddressNews
	for _, p := range w.capture.Packets() {
		news = append(news, measure.AddressNews{Time: p.Time, Addr: w.usable(p.Frame)})
	}
	return news
}
