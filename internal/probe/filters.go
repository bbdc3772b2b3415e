package probe

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"mip6d/internal/ingress"
	"mip6d/internal/role"
	"mip6d/internal/sighting"
)

// entries is for how many bindings the maps are made, or pairs of addresses.
const entries = 16

func binding() []role.Binding {
	return []role.Binding{{HomeAddress: homeAddress, CareOf: careOf, HomeAgent: homeAgent}}
}

// bpfSourceCheck puts the programs where a home agent has them, with a binding.
func bpfSourceCheck(s *scratch) error {
	tunnel, err := s.sharedOrLink()
	if err != nil {
		return err
	}
	g, err := ingress.New(ingress.Config{Tunnel: tunnel, MaxBindings: entries})
	if err != nil {
		return err
	}
	return errors.Join(errors.Join(g.Set(binding())...), g.Detach(), g.Close())
}

// bpfLoads loads the programs and puts them nowhere.
func bpfLoads(*scratch) error {
	g, err := ingress.New(ingress.Config{MaxBindings: entries})
	if err != nil {
		return err
	}
	return g.Close()
}

func flowerSourceCheck(s *scratch) error {
	tunnel, err := s.sharedOrLink()
	if err != nil {
		return err
	}
	f, err := ingress.NewFlower(ingress.Config{Tunnel: tunnel})
	if err != nil {
		return err
	}
	return errors.Join(errors.Join(f.Set(binding())...), f.Detach(), f.Close())
}

func bpfNewPeers(s *scratch) error {
	tunnel, err := s.pathOrLink()
	if err != nil {
		return err
	}
	w, err := sighting.Open(sighting.Config{Homes: []netip.Addr{homeAddress}, MaxPairs: entries})
	if err != nil {
		return err
	}
	return errors.Join(w.Attach(tunnel), w.Close())
}

func plugQueue(s *scratch) error {
	tunnel, err := s.pathOrLink()
	if err != nil {
		return err
	}
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	if err := t.Queue(tunnel); err != nil {
		return fmt.Errorf("give a device a queue that can hold packets: %w", err)
	}
	return nil
}

// counters64 sees a packet over loopback counted.
func counters64(*scratch) error {
	const loopback = 1
	before, err := packets(loopback)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a UDP socket: %w", err)
	}
	defer unix.Close(fd)
	const discard = 9
	if err := unix.Sendto(fd, []byte{0}, 0, &unix.SockaddrInet6{Port: discard, Addr: netip.IPv6Loopback().As16()}); err != nil {
		return fmt.Errorf("send a packet over loopback: %w", err)
	}
	after, err := packets(loopback)
	if err == nil && after <= before {
		err = errors.New("a packet was sent over loopback, and was not counted")
	}
	return err
}

// packets is how many an interface has sent, by its 64-bit counters: the second of
// struct rtnl_link_stats64.
func packets(ifindex int) (uint64, error) {
	b := attribute(ifindex, unix.IFLA_STATS64)
	if len(b) < 16 {
		return 0, errors.New("an interface has no 64-bit counters")
	}
	return native.Uint64(b[8:]), nil
}
