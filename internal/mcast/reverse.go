package mcast

import (
	"fmt"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// openReverse opens the packet socket of the tunnel device. It is for IPv6 only, so that it
// sees a packet after the ingress hook, where internal/ingress has compared its source with
// that of its tunnel (RFC 6275 §10.4.5).
func openReverse(device int) (_ *socket.Conn, err error) {
	s, err := packetSocket()
	if err != nil {
		return nil, fmt.Errorf("open the packet socket of the tunnel device: %w", err)
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	f, err := scopeFilter()
	if err != nil {
		return nil, err
	}
	if err := s.SetBPF(f); err != nil {
		return nil, fmt.Errorf("set the filter of the packet socket of the tunnel device: %w", err)
	}
	return s, bindReverse(s, device)
}

func bindReverse(s *socket.Conn, device int) error {
	if err := s.Bind(&unix.SockaddrLinklayer{Ifindex: device, Protocol: networkOrder(etherIPv6)}); err != nil {
		return fmt.Errorf("bind a packet socket to the tunnel device: %w", err)
	}
	return nil
}
