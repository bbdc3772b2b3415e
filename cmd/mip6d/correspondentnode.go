package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"time"

	"mip6d/internal/admission"
	"mip6d/internal/cn"
	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/datapath"
	"mip6d/internal/engine"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
)

// correspondent is the wiring of a correspondent node, beside another role or
// alone; without the section in the configuration it does nothing.
type correspondent struct {
	d         *daemon
	machine   *cn.Machine // nil: not this role
	admission *admission.Correspondent
}

// newCorrespondent makes the machine. registered is a home agent's beside it, or
// nil.
func (d *daemon) newCorrespondent(cfg *config.Config, registered func(local, home netip.Addr) bool) *correspondent {
	c := &correspondent{d: d}
	if cfg.CorrespondentNode != nil {
		p := cnParams(cfg.CorrespondentNode)
		p.HomeAgent, p.HomeRegistered = registered != nil, registered
		c.admission = admission.NewCorrespondent(d.counters.Add)
		p.Registered, p.Ended, p.Renewed = c.admission.Registered, c.admission.Ended, c.admission.Renewed
		c.machine = cn.New(p, rand.Reader)
	}
	return c
}

// beside adds the machine to those of the role that it stands beside.
func (c *correspondent) beside(machines ...role.Machine) []role.Machine {
	if c.machine == nil {
		return machines
	}
	return append(machines, c.machine)
}

// listen opens what only a correspondent hears, once there is an engine.
func (c *correspondent) listen() error {
	if c.machine == nil {
		return nil
	}
	return c.d.hearReports()
}

func (c *correspondent) reload(cfg *config.Config) {
	if c.machine != nil {
		c.d.engine.Post(cn.Reconfigured{Params: cnParams(cfg.CorrespondentNode)})
	}
}

func cnParams(c *config.CorrespondentNode) cn.Params {
	return cn.Params{Policy: policy(c.RouteOptimization), MaxBindings: c.MaxBindings, MaxLifetime: c.MaxLifetime}
}

func policy(o config.RouteOptimization) role.Policy {
	return role.Policy{Default: o.Default, Allow: o.Allow, Deny: o.Deny}
}

func (c *correspondent) names(role string) []string {
	if c.machine == nil {
		return []string{role}
	}
	return []string{role, ctl.RoleCorrespondentNode}
}

func (c *correspondent) bindingList(now time.Time) []ctl.Binding {
	if c.machine == nil {
		return nil
	}
	var list []ctl.Binding
	for _, b := range c.machine.Bindings() {
		list = append(list, ctl.Binding{
			Type: ctl.BindingCorrespondent, HomeAddress: b.HomeAddress, CareOf: b.CareOf, Local: b.Local, Authenticated: true,
			State: "active", Sequence: b.Sequence, Lifetime: ctl.Seconds(b.Lifetime),
			Remaining: ctl.Seconds(max(b.Expires.Sub(now), 0)), Expires: b.Expires, Created: b.Created, Moves: b.Moves,
		})
	}
	return list
}

func (c *correspondent) nonces(now time.Time) []ctl.Nonce {
	if c.machine == nil {
		return nil
	}
	var list []ctl.Nonce
	for _, n := range c.machine.Nonces(now) {
		list = append(list, ctl.Nonce{Index: n.Index, Age: ctl.Seconds(n.Age), Remaining: ctl.Seconds(n.Remaining)})
	}
	return list
}

var errNoMobileNode = errors.New("this daemon is no mobile node, and only those begin and end route optimisation")

// homeAgents is for the roles that keep no list of them.
func (c *correspondent) homeAgents(time.Time) []ctl.HomeAgent { return nil }

// groups is for the roles that have no multicast listeners.
func (c *correspondent) groups(time.Time) []ctl.Group { return nil }

func (c *correspondent) correspond(time.Time, string, netip.Addr) error { return errNoMobileNode }

// correspondentNode is the wiring of a correspondent node that is nothing else.
type correspondentNode struct{ *correspondent }

func (d *daemon) correspondentNode(cfg *config.Config) (wiring, error) {
	c := d.newCorrespondent(cfg, nil)
	paths, err := d.openDirect(nil)
	if err != nil {
		return nil, err
	}
	mh, err := d.openMH(nil)
	if err != nil {
		return nil, err
	}
	icmp, err := mhsock.ListenICMP(d.counters.Add)
	if err != nil {
		return nil, err
	}
	d.keep(icmp)
	d.engine = engine.New(engine.Config{
		Machines: c.beside(), Kernel: paths, Wire: &datapath.Wire{MH: mh, ICMP: icmp},
		Counters: &d.counters, Classify: c.admission.Classify, Notify: d.notify, Failed: d.failed, Meter: d.engineMeter(), Recorder: d.journal,
	})
	d.task(func(ctx context.Context) error { return mh.Run(ctx, d.offer) })
	d.task(func(ctx context.Context) error { return icmp.Run(ctx, d.engine.Offer) })
	return correspondentNode{c}, c.listen()
}

func (n correspondentNode) roles() []string { return []string{ctl.RoleCorrespondentNode} }

func (n correspondentNode) reload(cfg *config.Config) error {
	n.correspondent.reload(cfg)
	return nil
}

func (correspondentNode) bul(time.Time) []ctl.BindingUpdate          { return nil }
func (correspondentNode) interfaces(time.Time) []ctl.Interface       { return nil }
func (correspondentNode) dataPath() (map[role.Counter]uint64, error) { return nil, nil }
