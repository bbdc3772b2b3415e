package main

import (
	"context"
	"fmt"
	"net/netip"

	"mip6d/internal/config"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// openGuard brings the policies and security associations of protected home
// addresses into force, before anything listens: no unprotected message of theirs
// is let in.
func (d *daemon) openGuard(end xfrmmig.End, list []xfrmmig.Protection) (*xfrmmig.Guard, error) {
	g, err := xfrmmig.OpenGuard(end)
	if err != nil {
		return nil, err
	}
	d.keep(g)
	d.guard = g
	losses, err := g.Losses(d.keysMade)
	if err != nil {
		return nil, err
	}
	d.keep(losses)
	d.task(func(ctx context.Context) error { return losses.Run(ctx, d.reinstate) })
	return g, g.Protect(list)
}

// reinstate brings back what of IPsec somebody has taken away.
func (d *daemon) reinstate() {
	n, err := d.guard.Reinstate()
	d.problems.set("IPsec", err)
	if n > 0 {
		d.log.Warn("policies or security associations of IPsec were taken away; they are there again", "number", n)
	}
}

// keysMade tells the machines of security associations that an IKE daemon has made.
func (d *daemon) keysMade(s xfrmmig.SA) {
	home, err := d.guard.Made(s)
	if err != nil {
		d.log.Warn("cannot tell the IKE daemon where it is to talk from", "hoa", home.String(), "err", err)
	}
	if home.IsValid() {
		d.engine.Post(role.KeysMade{HomeAddress: home})
	}
}

// agentProtections are those of a home agent's mobile nodes.
func agentProtections(c *config.HomeAgent) ([]xfrmmig.Protection, error) {
	var list []xfrmmig.Protection
	for _, m := range c.MobileNodes {
		if m.IPsec == nil {
			continue
		}
		p, err := protection(m.IPsec, m.HomeAddress, c.AgentOf(m.HomeAddress))
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// nodeProtections are those of a mobile node's home addresses.
func nodeProtections(c *config.MobileNode) ([]xfrmmig.Protection, error) {
	var list []xfrmmig.Protection
	for _, h := range c.Homes {
		if h.IPsec == nil {
			continue
		}
		p, err := protection(h.IPsec, h.HomeAddress.Addr(), h.HomeAgent)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func protection(c *config.IPsec, home, agent netip.Addr) (xfrmmig.Protection, error) {
	p := xfrmmig.Protection{HomeAddress: home, HomeAgent: agent}
	if c.IKE != nil {
		p.Managed = &xfrmmig.Managed{Number: xfrmmig.Number(c.IKE.Number), Purposes: c.Enabled, Mobile: c.IKE.Mobility}
		return p, nil
	}
	for i, u := range xfrmmig.Purposes {
		if !c.Enabled[i] {
			continue
		}
		for k, key := range []*xfrmmig.Key{&p.Pairs[u].ToHomeAgent, &p.Pairs[u].ToMobileNode} {
			a, err := c.Association(i, k, home, agent)
			if err != nil {
				return p, fmt.Errorf("derive the keys of %s: %w", home, err)
			}
			*key = xfrmmig.Key{SPI: a.SPI, Algorithm: algorithm(a)}
		}
	}
	return p, nil
}

// icvBits is the length of what authenticates, with either cipher (RFC 4106 §6, RFC
// 4868 §2.6).
const icvBits = 128

// algorithm names a cipher as the kernel does.
func algorithm(a config.Association) xfrmmig.Algorithm {
	if a.Cipher == config.CipherGCM {
		return xfrmmig.Algorithm{Name: "rfc4106(gcm(aes))", Key: a.Key, ICV: icvBits}
	}
	aes, sha := a.Split()
	return xfrmmig.Algorithm{Name: "cbc(aes)", Key: aes, Auth: "hmac(sha256)", AuthKey: sha, ICV: icvBits}
}

// warnGCM: with a static key GCM's security rests on counters that a restart of the
// machine begins anew.
func (d *daemon) warnGCM(home netip.Addr, c *config.IPsec) {
	gcm := c != nil && c.Secret != nil && c.Cipher == config.CipherGCM
	if c != nil {
		for _, pair := range c.Given {
			for _, a := range pair {
				gcm = gcm || a != nil && a.Cipher == config.CipherGCM
			}
		}
	}
	if gcm {
		d.log.Warn("aes-gcm-16 is not made for static keys (RFC 8221 §5): its nonces may come again after a reboot; use aes-cbc/hmac-sha256", "hoa", home.String())
	}
}
