package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
)

// unanswered is how many Binding Updates may stay without an answer before a person
// should look.
const unanswered = 3

// What is found by looking begins with one of these, and nothing else does.
const (
	registrationProblem  = "home registration"
	homeAddressProblem   = "home address"
	noHomeAddressProblem = "no home address"
	homeLinkProblem      = "home link is down"
	interfacesProblem    = "interfaces"
	fullProblem          = "max_bindings"
	openProblem          = "allow_unauthenticated"
)

var found = []string{registrationProblem, homeAddressProblem, noHomeAddressProblem, homeLinkProblem, interfacesProblem, fullProblem, openProblem}

// look finds what is wrong with what the roles do. It is called on the engine's
// goroutine.
func (d *daemon) look() {
	now := time.Now()
	list := registrationsWrong(d.role.bul(now))
	maps.Copy(list, interfacesWrong(d.role.interfaces(now)))
	if h, err := d.role.mustBeHomeAgent(); err == nil {
		maps.Copy(list, homeAgentWrong(d.cfg.Load().HomeAgent, h.machine.Len()))
	}
	d.problems.replace(found, list)
}

// engineTimeout is how long a question about the state may take before that is a
// problem itself.
const engineTimeout = 2 * time.Second

// lookNow has it looked now, for somebody who asks.
func (d *daemon) lookNow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	switch err := d.engine.Do(ctx, d.look); {
	case err == nil:
		d.problems.set("engine", nil)
	case errors.Is(err, context.DeadlineExceeded): // and not that who asked has gone, or that all ends
		d.problems.set("engine", fmt.Errorf("it has not answered for %v", engineTimeout))
	}
}

// registrationsWrong is what a mobile node should be told of its home addresses.
func registrationsWrong(list []ctl.BindingUpdate) map[string]error {
	out := make(map[string]error)
	for _, b := range list {
		home := b.HomeAddress.Addr().String()
		switch {
		case b.State == "waiting":
			out[noHomeAddressProblem+" in "+b.HomeAddress.String()] = errors.New("DHCPv6 has not given any on the home link yet")
		case b.State == "duplicate":
			out[homeAddressProblem+" "+home] = errors.New("another node on the home link has it")
		case b.Refused && b.LastStatus != nil:
			out[registrationProblem+" of "+home] = fmt.Errorf("the home agent refuses it with status %d, %s", *b.LastStatus, b.LastStatusIs)
		case b.State == "away" && !b.Registered && b.Retries >= unanswered:
			out[registrationProblem+" of "+home] = fmt.Errorf("the home agent %s has not answered %d Binding Updates", b.HomeAgent, b.Retries+1)
		}
	}
	return out
}

// interfacesWrong is what is wrong with the interfaces that a role needs.
func interfacesWrong(list []ctl.Interface) map[string]error {
	out := make(map[string]error)
	mobile, up := 0, 0
	for _, i := range list {
		switch {
		case i.Use == ctl.UseHomeLink && !i.Up:
			out[homeLinkProblem+": "+i.Name] = errors.New("nobody's home address is defended there")
		case i.Use == ctl.UseMobile:
			mobile++
			if i.Up {
				up++
			}
		}
	}
	if mobile > 0 && up == 0 {
		out[interfacesProblem] = errors.New("none of those that the mobile node may use is up")
	}
	return out
}

// homeAgentWrong is about a home agent's configuration and how full it is.
func homeAgentWrong(c *config.HomeAgent, bindings int) map[string]error {
	out := make(map[string]error)
	if c.AllowUnauthenticated {
		out[openProblem] = errors.New("whoever can send to this home agent can divert the packets of mobile nodes without a key")
	}
	if bindings >= c.MaxBindings {
		out[fullProblem] = fmt.Errorf("there are %d bindings, and more are refused", bindings)
	}
	return out
}
