// Package charon talks to strongSwan's IKE daemon, charon, over its control socket (vici),
// where it must be asked and not only told by the kernel: it ends what IKE has at an
// address that a mobile node has left, when charon does not follow by itself (K clear, RFC
// 4877 §7.4). Everything else goes through the kernel, see internal/xfrmmig.
package charon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/strongswan/govici/vici"
)

// Client knows where charon's socket is. It connects for each request: charon may have
// been started anew.
type Client struct{ Socket string }

// Stale is what to end: IKE's security associations with an end at an address, if they
// have made one for IPsec whose reqid is among those given.
type Stale struct {
	At     netip.Addr
	Reqids []uint32
}

// End ends what is stale, with the IPsec associations that came of it, without asking the
// peer, who is no longer there. It returns how many of IKE's there were. The next packet
// that wants an association has charon negotiate from where it is then.
func (c Client) End(ctx context.Context, s Stale) (n int, err error) {
	session, err := vici.NewSession(vici.WithAddr("unix", c.Socket))
	if err != nil {
		return 0, fmt.Errorf("connect to charon at %s (is strongSwan running, and strongswan.socket right?): %w", c.Socket, err)
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	var ids []uint32
	for m, err := range session.CallStreaming(ctx, "list-sas", "list-sa", vici.NewMessage()) {
		if err != nil {
			return 0, fmt.Errorf("list charon's security associations: %w", err)
		}
		ids = append(ids, s.ids(m)...)
	}
	for _, id := range ids {
		ask := vici.NewMessage()
		for key, value := range map[string]string{"ike-id": strconv.FormatUint(uint64(id), 10), "force": "yes"} {
			if err := ask.Set(key, value); err != nil {
				return n, fmt.Errorf("ask charon to end IKE's security association %d: %w", id, err)
			}
		}
		if _, err := session.Call(ctx, "terminate", ask); err != nil {
			return n, fmt.Errorf("have charon end IKE's security association %d: %w", id, err)
		}
		n++
	}
	return n, nil
}

// ids are those of a list-sa event that are stale: sections by the names of connections.
func (s Stale) ids(m *vici.Message) (list []uint32) {
	for _, name := range m.Keys() {
		ike, ok := m.Get(name).(*vici.Message)
		if !ok || text(ike, "local-host") != s.At.String() && text(ike, "remote-host") != s.At.String() || !s.has(ike) {
			continue
		}
		if id, err := strconv.ParseUint(text(ike, "uniqueid"), 10, 32); err == nil {
			list = append(list, uint32(id))
		}
	}
	return list
}

func (s Stale) has(ike *vici.Message) bool {
	children, ok := ike.Get("child-sas").(*vici.Message)
	if !ok {
		return false
	}
	for _, name := range children.Keys() {
		child, ok := children.Get(name).(*vici.Message)
		if !ok {
			continue
		}
		for _, reqid := range s.Reqids {
			if text(child, "reqid") == strconv.FormatUint(uint64(reqid), 10) {
				return true
			}
		}
	}
	return false
}

func text(m *vici.Message, key string) string {
	s, _ := m.Get(key).(string)
	return s
}
