package xfrmmig

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

const (
	msgReport   = 0x20
	groupReport = 6 // XFRMNLGRP_REPORT

	// reportInterval is how often at most one Home Address option is told of,
	// and maxReported of how many that is remembered.
	reportInterval = time.Second
	maxReported    = 1024
)

// Reports hears from the kernel about packets with a Home Address option that no
// direct path is there for (RFC 6275 §9.3.1).
type Reports struct {
	nl    *netlink.Conn
	told  map[role.UnknownHomeAddress]time.Time
	swept time.Time // when told was last looked through
}

// OpenReports subscribes in the current network namespace.
func OpenReports() (*Reports, error) {
	nl, err := netlink.Dial(unix.NETLINK_XFRM, &netlink.Config{Groups: 1 << (groupReport - 1)})
	if err != nil {
		return nil, fmt.Errorf("subscribe to xfrm reports: %w", err)
	}
	return &Reports{nl: nl, told: make(map[role.UnknownHomeAddress]time.Time)}, nil
}

// Close ends the subscription.
func (r *Reports) Close() error { return r.nl.Close() }

// Run hands each to out as role.UnknownHomeAddress until ctx ends; then it
// returns nil. The same one comes once a second at most, and of a flood of
// different ones some are left out.
func (r *Reports) Run(ctx context.Context, out func(role.Event)) error {
	stop := context.AfterFunc(ctx, func() { _ = r.nl.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		messages, err := r.nl.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS): // what a flood cost is no loss
			continue
		case err != nil:
			return fmt.Errorf("receive xfrm reports: %w", err)
		}
		for _, m := range messages {
			if e, ok := decodeReport(m.Data); m.Header.Type == msgReport && ok && r.due(e, time.Now()) {
				out(e)
			}
		}
	}
}

func (r *Reports) due(e role.UnknownHomeAddress, now time.Time) bool {
	if t, ok := r.told[e]; ok && now.Sub(t) < reportInterval {
		return false
	}
	if len(r.told) >= maxReported && now.Sub(r.swept) >= reportInterval/4 {
		r.swept = now
		for k, t := range r.told {
			if now.Sub(t) >= reportInterval {
				delete(r.told, k)
			}
		}
	}
	if len(r.told) >= maxReported {
		return false
	}
	r.told[e] = now
	return true
}

// decodeReport reads an XFRM_MSG_REPORT: struct xfrm_user_report, 60 octets, and
// the care-of address. The kernel has exchanged the addresses already: the
// selector's source is the home address.
func decodeReport(b []byte) (e role.UnknownHomeAddress, ok bool) {
	const size, selector = 60, 4
	if len(b) < size || b[0] != unix.IPPROTO_DSTOPTS || native.Uint16(b[selector+40:]) != unix.AF_INET6 {
		return e, false
	}
	e.Local = netip.AddrFrom16([16]byte(b[selector:]))
	e.HomeAddress = netip.AddrFrom16([16]byte(b[selector+16:]))
	eachAttr(b[size:], func(typ uint16, data []byte) {
		if typ == attrCareOf && len(data) == 16 {
			e.CareOf, ok = netip.AddrFrom16([16]byte(data)), true
		}
	})
	return e, ok
}
