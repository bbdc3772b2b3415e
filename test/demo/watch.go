package demo

import (
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/demo/measure"
	"mip6d/test/netns/node"
)

// addressWatch remembers when addresses of an interface became usable: not
// tentative any more, or optimistic (RFC 4429).
type addressWatch struct {
	done chan struct{}

	mu   sync.Mutex
	seen []measure.AddressNews
}

func watchAddresses(n *node.Node, ifname string) (*addressWatch, error) {
	link, err := n.Link(ifname)
	if err != nil {
		return nil, err
	}
	w := &addressWatch{done: make(chan struct{})}
	updates := make(chan netlink.AddrUpdate, 256)
	if err := netlink.AddrSubscribeWithOptions(updates, w.done, netlink.AddrSubscribeOptions{Namespace: &n.NS}); err != nil {
		return nil, err
	}
	go func() { // ends when the subscription closes its channel
		for u := range updates {
			addr, ok := netip.AddrFromSlice(u.LinkAddress.IP.To16())
			if !ok || u.LinkIndex != link.Attrs().Index || !u.NewAddr || !usable(u.Flags) {
				continue
			}
			w.mu.Lock()
			w.seen = append(w.seen, measure.AddressNews{Time: time.Now(), Addr: addr})
			w.mu.Unlock()
		}
	}()
	return w, nil
}

func usable(flags int) bool {
	const failed = unix.IFA_F_DADFAILED
	return flags&failed == 0 && (flags&unix.IFA_F_TENTATIVE == 0 || flags&unix.IFA_F_OPTIMISTIC != 0)
}

func (w *addressWatch) close() error {
	close(w.done)
	return nil
}

func (w *addressWatch) all() []measure.AddressNews {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]measure.AddressNews(nil), w.seen...)
}
