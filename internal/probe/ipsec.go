package probe

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func espAEAD(*scratch) error {
	return association(netlink.XfrmState{
		Spi:  0x6275,
		Aead: &netlink.XfrmStateAlgo{Name: "rfc4106(gcm(aes))", Key: make([]byte, 16+4), ICVLen: 128}, // with its salt
	})
}

func espCBC(*scratch) error {
	return association(netlink.XfrmState{
		Spi:   0x6276,
		Crypt: &netlink.XfrmStateAlgo{Name: "cbc(aes)", Key: make([]byte, 16)},
		Auth:  &netlink.XfrmStateAlgo{Name: "hmac(sha256)", Key: make([]byte, 32), TruncateLen: 128},
	})
}

// protectionMarks has a socket as those for the Mobility Header told the marks of
// what it receives. States that give marks are of Linux 4.19.
func protectionMarks(*scratch) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_MH)
	if err != nil {
		return fmt.Errorf("open a raw socket for the Mobility Header: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVMARK, 1); err != nil {
		return fmt.Errorf("have a socket told of marks: %w", err)
	}
	return nil
}

// association makes a security association for transport mode between home address
// and home agent (RFC 3776 §3.1) and one for tunnel mode. The keys are all zero and
// protect nothing.
func association(x netlink.XfrmState) error {
	x.Src, x.Dst, x.Proto, x.Reqid, x.ReplayWindow = homeAddress.AsSlice(), homeAgent.AsSlice(), netlink.XFRM_PROTO_ESP, reqid, 32
	for _, mode := range []netlink.Mode{netlink.XFRM_MODE_TRANSPORT, netlink.XFRM_MODE_TUNNEL} {
		x.Mode = mode
		x.Spi += 0x10000
		if err := netlink.XfrmStateAdd(&x); err != nil {
			return fmt.Errorf("make a security association of ESP in %s mode: %w", mode, err)
		}
		if _, err := netlink.XfrmStateGet(&x); err != nil {
			return fmt.Errorf("look at a security association of ESP in %s mode: %w", mode, err)
		}
	}
	return nil
}
