package main

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/xfrmmig"
)

// IPsec implements ctl.Source.
func (d *daemon) IPsec(context.Context) (out ctl.IPsec, err error) {
	if d.guard == nil {
		return out, nil
	}
	l, err := d.guard.List()
	if err != nil {
		return out, err
	}
	for _, p := range l.Policies {
		out.Policies = append(out.Policies, policyOf(p, l))
	}
	slices.SortStableFunc(out.Policies, func(a, b ctl.IPsecPolicy) int {
		return cmp.Or(a.HomeAddress.Compare(b.HomeAddress), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Direction, b.Direction))
	})
	for _, s := range l.SAs {
		home, u := l.Of(s.Reqid)
		out.Associations = append(out.Associations, ctl.IPsecAssociation{
			HomeAddress: home, Purpose: u.String(), Mode: s.Mode.String(), Source: s.Src, Destination: s.Dst, SPI: s.SPI,
			Algorithm: algorithmName(s.Algorithm), Packets: s.Use.Packets, Bytes: s.Use.Bytes, Failed: s.Use.Failed,
			Sequence: s.Use.Sequence, Age: ctl.Seconds(max(time.Since(time.Unix(int64(s.Use.Added), 0)), 0)),
		})
	}
	slices.SortStableFunc(out.Associations, func(a, b ctl.IPsecAssociation) int {
		return cmp.Or(a.HomeAddress.Compare(b.HomeAddress), cmp.Compare(a.SPI, b.SPI))
	})
	return out, nil
}

func policyOf(p xfrmmig.Policy, l xfrmmig.Listing) ctl.IPsecPolicy {
	out := ctl.IPsecPolicy{
		Direction: p.Dir.String(), Source: p.Selector.Src, Destination: p.Selector.Dst, Protocol: p.Selector.Proto, Priority: p.Priority,
		Mode: "none", Purpose: xfrmmig.ForTests.String(),
	}
	if p.Selector.HasType {
		out.Type = &p.Selector.MHType
	}
	if len(p.Templates) == 0 { // the one that exempts correspondents' acknowledgements
		out.HomeAddress = p.Selector.Dst.Addr()
		return out
	}
	t := p.Templates[0]
	home, u := l.Of(t.Reqid)
	if h, ok := l.HeaderBefore(p); ok {
		home, u = h, xfrmmig.ForSignalling
	}
	out.HomeAddress, out.Purpose, out.Mode = home, u.String(), t.Mode.String()
	if t.Mode == xfrmmig.Tunnel {
		out.TunnelFrom, out.TunnelTo = t.Src, t.Dst
	}
	return out
}

// algorithmName is as in the configuration.
func algorithmName(a xfrmmig.Algorithm) string {
	if a.Auth == "" {
		return a.Name
	}
	return a.Name + "/" + a.Auth
}

// Migrate implements ctl.Source.
func (d *daemon) Migrate(_ context.Context, m ctl.Migrate) ([]ctl.Migrated, error) {
	x, err := xfrmmig.Dial()
	if err != nil {
		return nil, err
	}
	defer x.Close()
	moved, err := x.MigrateOthers(m.Old, m.New, m.Peer, m.DryRun)
	if err != nil {
		return nil, err
	}
	var out []ctl.Migrated
	for _, v := range moved {
		p := policyOf(v.Policy, xfrmmig.Listing{})
		p.Purpose, p.HomeAddress = "other", netip.Addr{}
		out = append(out, ctl.Migrated{
			Policy: p, From: v.Migration.Old.Src, To: v.Migration.Old.Dst,
			NewFrom: v.Migration.New.Src, NewTo: v.Migration.New.Dst, Associations: v.SPIs,
		})
	}
	if !m.DryRun {
		d.log.Info("tunnels migrated by hand", "old", m.Old.String(), "new", m.New.String(), "policies", len(out))
	}
	return out, nil
}
