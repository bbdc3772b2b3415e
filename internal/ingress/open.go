package ingress

import (
	"errors"
	"net/netip"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Check is the source check of the reverse tunnel, in either making: Gate with
// BPF, Flower without.
type Check interface {
	AttachTunnel(ifindex int) error
	Set([]role.Binding) []error
	Clear([]netip.Addr) []error
	Settle() (removed int, err error)
	Counters() (map[role.Counter]uint64, error)
	Detach() error
	Close() error
}

var (
	_ Check = (*Gate)(nil)
	_ Check = (*Flower)(nil)
)

// Open opens a Gate where BPF may be used here, else a Flower. noBPF is the
// reason for a Flower, which people should be told: home links then have no
// gate.
func Open(cfg Config) (c Check, noBPF, err error) {
	g, err := New(cfg)
	if err == nil {
		return g, nil, nil
	}
	if !withoutBPF(err) {
		return nil, nil, err
	}
	f, ferr := NewFlower(cfg)
	if ferr != nil {
		return nil, nil, errors.Join(err, ferr)
	}
	return f, err, nil
}

// withoutBPF tells whether an error means that BPF cannot be had: a kernel
// without it, a missing capability, a lockdown.
func withoutBPF(err error) bool {
	return errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, os.ErrPermission) || errors.Is(err, unix.ENOSYS)
}
