package main

import (
	"context"
	"fmt"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
)

// unanswered is how many Binding Updates may stay without an answer before a person
// should look.
const unanswered = 3

// Words that what is found by looking begins with.
var found = []string{"home registration", "home address", "no home address", "home link", "interfaces", "max_bindings", "allow_unauthenticated"}

// look finds what is wrong with what the roles do. It is called on the engine's
// goroutine.
func (d *daemon) look() {
	now := time.Now()
	list := registrationsWrong(d.role.bul(now))
	add := func(more map[string]error) {
		for what, err := range more {
			list[what] = err
		}
	}
	add(interfacesWrong(d.role.interfaces(now)))
	if h, err := d.role.mustBeHomeAgent(); err == nil {
		add(homeAgentWrong(d.cfg.Load().HomeAgent, h.machine.Len()))
	}
	for _, word := range found {
		some := make(map[string]error)
		for what, err := range list {
			if len(what) >= len(word) && what[:len(word)] == word {
				some[what] = err
			}
		}
		d.problems.replace(word, some)
	}
}

// engineTimeout is how long a question about the state may take before that is a
// problem itself.
const engineTimeout = 2 * time.Second

// lookNow has it looked now, for somebody who asks.
func (d *daemon) lookNow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	err := d.engine.Do(ctx, d.look)
	if err != nil {
		err = fmt.Errorf("it has not answered for %v", engineTimeout)
	}
	d.problems.set("engine", err)
}

// registrationsWrong is what a mobile node should be told of its home addresses.
func registrationsWrong(list []ctl.BindingUpdate) map[string]error {
	out := make(map[string]error)
	for _, b := range list {
		home := b.HomeAddress.Addr().String()
		switch {
		case b.State == "waiting":
			out["no home address in "+b.HomeAddress.String()] = fmt.Errorf("DHCPv6 has not given any on the home link yet")
		case b.State == "duplicate":
			out["home address "+home] = fmt.Errorf("another node on the home link has it")
		case b.Refused && b.LastStatus != nil:
			out["home registration of "+home] = fmt.Errorf("the home agent refuses it with status %d, %s", *b.LastStatus, b.LastStatusIs)
		case b.State == "away" && !b.Registered && b.Retries >= unanswered:
			out["home registration of "+home] = fmt.Errorf("the home agent %s has not answered %d Binding Updates", b.HomeAgent, b.Retries+1)
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
			out["home link "+i.Name] = fmt.Errorf("the interface is down: nobody's home address is defended there")
		case i.Use == ctl.UseMobile:
			mobile++
			if i.Up {
				up++
			}
		}
	}
	if mobile > 0 && up == 0 {
		out["interfaces"] = fmt.Errorf("none of those that the mobile node may use is up")
	}
	return out
}

// homeAgentWrong is about a home agent's configuration and how full it is.
func homeAgentWrong(c *config.HomeAgent, bindings int) map[string]error {
	out := make(map[string]error)
	if c.AllowUnauthenticated {
		out["allow_unauthenticated"] = fmt.Errorf("whoever can send to this home agent can divert the packets of mobile nodes without a key")
	}
	if bindings >= c.MaxBindings {
		out["max_bindings"] = fmt.Errorf("there are %d bindings, and more are refused", bindings)
	}
	return out
}
