package main

import (
	"context"
	"net/netip"
	"time"

	"mip6d/internal/charon"
)

const (
	// charonTimeout is how long charon may take for a request: it waits for nobody else.
	charonTimeout = 10 * time.Second

	// staleDelay is how long what is stale is kept: the Binding Acknowledgement of the
	// move still needs its security associations.
	staleDelay = 2 * time.Second

	// maxStale is how many requests may wait. What is more is left to charon's own
	// detection of dead peers.
	maxStale = 1024
)

// askCharon has strongSwan's IKE daemon end what it has where a mobile node no longer is.
// The data path must not wait for that: what is returned only notes it.
func (d *daemon) askCharon() func(at netip.Addr, reqids []uint32) {
	type request struct {
		charon.Stale
		due time.Time
	}
	wanted := make(chan request, maxStale)
	client := charon.Client{Socket: d.cfg.Load().Strongswan.Socket}
	d.task(func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case r := <-wanted:
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(time.Until(r.due)):
				}
				ctx, cancel := context.WithTimeout(ctx, charonTimeout)
				n, err := client.End(ctx, r.Stale)
				cancel()
				d.problems.set("strongSwan", err)
				if n > 0 {
					d.log.Info("IKE begins anew, as it does not follow", "at", r.At.String())
				}
			}
		}
	})
	return func(at netip.Addr, reqids []uint32) {
		select {
		case wanted <- request{charon.Stale{At: at, Reqids: reqids}, time.Now().Add(staleDelay)}:
		default:
			d.log.Warn("too much is asked of strongSwan; it has to find out itself that nobody is there", "at", at.String())
		}
	}
}
