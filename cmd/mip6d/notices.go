package main

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/role"
)

// notify tells people of a change of state: one log line, and one event for
// whoever watches.
func (d *daemon) notify(t time.Time, n role.Notice) {
	if d.meter != nil {
		d.meter.Told(n)
	}
	if d.hub.Watched() {
		d.hub.Publish(ctl.NewEvent(t, n, ifname))
	}
	level := slog.LevelInfo
	switch {
	case n.Warn:
		level = slog.LevelWarn
	case n.Kind.Routine():
		level = slog.LevelDebug
	}
	if !d.log.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{slog.String("event", string(n.Kind))}
	for _, a := range []struct {
		key  string
		addr netip.Addr
	}{{"hoa", n.HoA}, {"coa", n.CoA}, {"ha", n.HA}, {"peer", n.Peer}} {
		if a.addr.IsValid() {
			attrs = append(attrs, slog.String(a.key, a.addr.String()))
		}
	}
	if n.Ifindex != 0 {
		attrs = append(attrs, slog.String("if", ifname(n.Ifindex)))
	}
	if n.Lifetime != 0 {
		attrs = append(attrs, slog.Int("seq", int(n.Sequence)), slog.Duration("lifetime", n.Lifetime))
	}
	if n.HasStatus {
		attrs = append(attrs, slog.Int("status", int(n.Status)), slog.String("status_text", n.Status.String()))
	}
	d.log.LogAttrs(context.Background(), level, n.Text, attrs...)
}

// quietly is how long a packet that could not be sent keeps others out of the log:
// anybody can have us answer to where there is no way.
const quietly = 10 * time.Second

// failed logs an effect that could not be carried out. It is called by the engine
// only.
func (d *daemon) failed(e role.Effect, err error) {
	const text = "cannot do what the protocol wants"
	switch e.(type) {
	case role.Send, role.SendTunnelled, role.SendICMP, role.AdvertiseRouter, role.SolicitRouter, role.TellNeighbor: // its machine sends again, or can do without
	default:
		d.log.Error(text, "err", err)
		return
	}
	if now := time.Now(); now.After(d.unsent.until) {
		d.log.Warn(text, "err", err, "not_logged", d.unsent.n)
		d.unsent.until, d.unsent.n = now.Add(quietly), 0
		return
	}
	d.unsent.n++
}

// unsent is about packets that could not be sent.
type unsent struct {
	until time.Time // no more of them in the log until then
	n     int       // since the last in the log
}
