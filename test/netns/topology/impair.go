package topology

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"mip6d/test/netns/node"
)

// Impair sets a link's delay and loss; the zero Impairment takes them away.
func (t *Topology) Impair(l Link, i Impairment) error {
	router, ifname := t.Router, string(l)
	if l == Home {
		router, ifname = t.HA, HAHomeInterface
	}
	if err := netem(router, ifname, i); err != nil {
		return err
	}
	return netem(t.Switch, portOf(l), i)
}

// ImpairCorrespondent does the same to the link between router and CN.
func (t *Topology) ImpairCorrespondent(i Impairment) error {
	if err := netem(t.CN, CNInterface, i); err != nil {
		return err
	}
	return netem(t.Router, "cn", i)
}

func netem(n *node.Node, ifname string, i Impairment) error {
	link, err := n.Link(ifname)
	if err != nil {
		return err
	}
	attrs := netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	q := netlink.NewNetem(attrs, netlink.NetemQdiscAttrs{
		Latency: uint32(i.Delay.Microseconds()), Jitter: uint32(i.Jitter.Microseconds()),
		Loss: float32(i.Loss), Limit: 10000,
	})
	if err := n.NL.QdiscReplace(q); err != nil {
		return fmt.Errorf("%s: netem on %s: %w", n.Name, ifname, err)
	}
	return nil
}
