package ctl

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
)

// IPsec is what of the kernel's IPsec is mip6d's. There are no keys in it.
type IPsec struct {
	Policies     []IPsecPolicy      `json:"policies"`
	Associations []IPsecAssociation `json:"associations"`
}

// IPsecPolicy says what is done with some packets.
type IPsecPolicy struct {
	HomeAddress netip.Addr   `json:"home_address,omitzero"` // absent: of an earlier configuration
	Purpose     string       `json:"purpose"`               // signalling, return_routability, payload
	Direction   string       `json:"direction"`             // in, out, forward
	Source      netip.Prefix `json:"source,omitzero"`       // absent: any
	Destination netip.Prefix `json:"destination,omitzero"`  // absent: any
	Protocol    uint8        `json:"protocol"`              // 0: any
	Type        *uint8       `json:"type,omitempty"`        // of a Mobility Header or ICMPv6 message; absent: any
	Priority    uint32       `json:"priority"`              // lower goes first
	Mode        string       `json:"mode"`                  // transport, tunnel; none: let through as it is
	TunnelFrom  netip.Addr   `json:"tunnel_from,omitzero"`
	TunnelTo    netip.Addr   `json:"tunnel_to,omitzero"`
}

// IPsecAssociation is a security association.
type IPsecAssociation struct {
	HomeAddress netip.Addr `json:"home_address,omitzero"`
	Purpose     string     `json:"purpose"`
	Mode        string     `json:"mode"`
	Source      netip.Addr `json:"source"`
	Destination netip.Addr `json:"destination"`
	SPI         uint32     `json:"spi"`
	Algorithm   string     `json:"algorithm"`
	Packets     uint64     `json:"packets"`
	Bytes       uint64     `json:"bytes"`
	Failed      uint32     `json:"failed"`   // packets that were not authentic
	Sequence    uint32     `json:"sequence"` // of the last packet sent
	Age         Seconds    `json:"age_s"`    // since it was made, or last migrated
}

// Migrate asks to move the tunnels of others from one end point to another.
type Migrate struct {
	Old    netip.Addr `json:"old"`
	New    netip.Addr `json:"new"`
	Peer   netip.Addr `json:"peer,omitzero"` // the other end; absent: whichever it is, if it is one
	DryRun bool       `json:"dry_run"`       // only tell
}

// Migrated is one policy that was moved, or would be, with its associations.
type Migrated struct {
	Policy       IPsecPolicy `json:"policy"`
	From         netip.Addr  `json:"from"`
	To           netip.Addr  `json:"to"`
	NewFrom      netip.Addr  `json:"new_from"`
	NewTo        netip.Addr  `json:"new_to"`
	Associations []uint32    `json:"associations"` // their numbers (SPI)
}

func wholeIPsec(i *IPsec) {
	i.Policies, i.Associations = orEmpty(i.Policies), orEmpty(i.Associations)
}

func wholeMigrated(list *[]Migrated) {
	for i := range *list {
		(*list)[i].Associations = orEmpty((*list)[i].Associations)
	}
}

func (s *Server) migrate(w http.ResponseWriter, r *http.Request) {
	q, ok := requestOf[Migrate](s, w, r)
	switch {
	case !ok:
		return
	case !q.Old.Is6() || !q.New.Is6() || q.Peer.IsValid() && !q.Peer.Is6():
		s.fail(w, http.StatusBadRequest, errors.New("the request is not understood: old, new and peer are IPv6 addresses"))
		return
	}
	answer(s, whole(list(func(ctx context.Context) ([]Migrated, error) { return s.src.Migrate(ctx, q) }), wholeMigrated))(w, r)
}
