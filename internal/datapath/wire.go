package datapath

import (
	"fmt"

	"mip6d/internal/role"
)

// Wire carries out the effects that send. A nil field means that the role of
// this daemon has no use for it.
type Wire struct {
	MH interface {
		Send(role.Send) error
	}
	ICMP interface {
		Send(role.SendICMP) error
	}
	Routers interface {
		SolicitRouter(role.SolicitRouter) error
		SolicitNeighbor(role.SolicitNeighbor) error
	}
	HomeLinks interface {
		AdvertiseRouter(role.AdvertiseRouter) error
	}
	// Protected prepares the kernel for messages that IPsec protects; nil: none.
	Protected interface {
		Send(role.Send) (role.Send, error)
		SendICMP(role.SendICMP) (role.SendICMP, error)
	}
	// Neighbours asks and tells the neighbours of a link.
	Neighbours interface {
		StartDAD(role.StartDAD) error
		Advertise(role.Advertise) error
		StopAdvertising(role.StopAdvertising) error
	}
	// Neighbour tells a single one.
	Neighbour interface {
		TellNeighbor(role.TellNeighbor) error
	}
	// ARP tells the neighbours of a link of IPv4 addresses.
	ARP interface {
		Advertise(role.Advertise) error
		StopAdvertising(role.StopAdvertising) error
	}
	// Delivery sends to nodes on home links.
	Delivery interface {
		Deliver(role.Send) error
	}
	// Tunnels sends in the tunnels of mobile nodes.
	Tunnels interface {
		SendTunnelled(role.SendTunnelled) error
	}
	// Refused is told of every StartDAD that could not be begun; its machine
	// waits for a DADDone, which must not be posted from within Apply.
	Refused func(role.DADDone)
}

// Apply sends a batch in its order.
func (w *Wire) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for i, e := range effects {
		errs[i] = w.send(e)
	}
	return errs
}

func (w *Wire) send(e role.Effect) error {
	switch e := e.(type) {
	case role.Send:
		if e.Neighbour {
			return w.Delivery.Deliver(e)
		}
		if w.Protected != nil {
			var err error
			if e, err = w.Protected.Send(e); err != nil {
				return err
			}
		}
		return w.MH.Send(e)
	case role.SendICMP:
		if w.Protected != nil {
			var err error
			if e, err = w.Protected.SendICMP(e); err != nil {
				return err
			}
		}
		return w.ICMP.Send(e)
	case role.SolicitRouter:
		return w.Routers.SolicitRouter(e)
	case role.SolicitNeighbor:
		return w.Routers.SolicitNeighbor(e)
	case role.AdvertiseRouter:
		return w.HomeLinks.AdvertiseRouter(e)
	case role.SendTunnelled:
		return w.Tunnels.SendTunnelled(e)
	case role.StartDAD:
		err := w.Neighbours.StartDAD(e)
		if err != nil {
			w.Refused(role.DADDone{Ifindex: e.Ifindex, Addr: e.Addr, Err: err})
		}
		return err
	case role.Advertise:
		if e.Addr.Is4() {
			return w.ARP.Advertise(e)
		}
		return w.Neighbours.Advertise(e)
	case role.TellNeighbor:
		return w.Neighbour.TellNeighbor(e)
	case role.StopAdvertising:
		if e.Addr.Is4() {
			return w.ARP.StopAdvertising(e)
		}
		return w.Neighbours.StopAdvertising(e)
	default:
		return fmt.Errorf("%T is nothing that can be sent", e)
	}
}
