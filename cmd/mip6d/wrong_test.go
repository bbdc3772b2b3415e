package main

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
)

// TestProblemsInOrder: the worst first, each with what to do, and one that is set again
// began when it was first set.
func TestProblemsInOrder(t *testing.T) {
	var p problems
	p.set(drainProblem, errors.New("new bindings are refused"))
	p.set("reload", errors.New("line 3"))
	p.set("tunnel", errors.New("no such device"))
	p.set("something new", errors.New("gone"))
	first := p.list()
	p.set("tunnel", errors.New("still no such device"))
	list := p.list()
	var got []string
	for _, x := range list {
		got = append(got, string(x.Severity)+" "+x.Text)
		if x.Do == "" {
			t.Errorf("%s: nothing to do", x.Text)
		}
	}
	if want := "critical tunnel: still no such device, error reload: line 3, error something new: gone, warning drain: new bindings are refused"; strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if !list[0].Since.Equal(first[0].Since) {
		t.Error("the problem with the tunnel has begun again")
	}
	p.replace([]string{"tunnel", "interfaces"}, nil)
	if len(p.list()) != 3 {
		t.Errorf("left: %v", p.list())
	}
}

func TestWhatIsWrong(t *testing.T) {
	status := uint8(129)
	home := netip.MustParsePrefix("2001:db8:1::100/64")
	has := func(m map[string]error, want string) {
		t.Helper()
		for what, err := range m {
			if text := what + ": " + err.Error(); strings.Contains(text, want) {
				if severity, do := judge(what); severity == "" || do == seeLog {
					t.Errorf("nobody says what to do about %s", what)
				}
				return
			}
		}
		t.Errorf("%v has no %q", m, want)
	}
	has(registrationsWrong([]ctl.BindingUpdate{{HomeAddress: home, State: "away", Refused: true, LastStatus: &status, LastStatusIs: "administratively prohibited"}}),
		"home registration of 2001:db8:1::100: the home agent refuses it with status 129, administratively prohibited")
	has(registrationsWrong([]ctl.BindingUpdate{{HomeAddress: home, State: "away", Retries: 3}}), "has not answered 4 Binding Updates")
	has(registrationsWrong([]ctl.BindingUpdate{{HomeAddress: home, State: "duplicate"}}), "home address 2001:db8:1::100: another node")
	has(registrationsWrong([]ctl.BindingUpdate{{HomeAddress: netip.MustParsePrefix("2001:db8:1::/64"), State: "waiting"}}), "no home address in 2001:db8:1::/64: DHCPv6 has not")
	if m := registrationsWrong([]ctl.BindingUpdate{{HomeAddress: home, State: "away", Retries: 2}, {HomeAddress: home, State: "home"}}); len(m) > 0 {
		t.Errorf("all is well, or soon: %v", m)
	}
	// The anycast addresses of a home link are a problem of their own, which looking must
	// not take back.
	for _, word := range found {
		if strings.HasPrefix("home link eth0", word) {
			t.Errorf("what is found by looking begins with %q, and so does what is not", word)
		}
	}
	has(interfacesWrong([]ctl.Interface{{Name: "eth0", Use: ctl.UseHomeLink}}), "home link is down: eth0: nobody")
	has(interfacesWrong([]ctl.Interface{{Name: "wlan0", Use: ctl.UseMobile}, {Name: "wwan0", Use: ctl.UseMobile}}), "interfaces: none of those")
	if m := interfacesWrong([]ctl.Interface{{Name: "wlan0", Use: ctl.UseMobile, Up: true}, {Name: "wwan0", Use: ctl.UseMobile}}); len(m) > 0 {
		t.Errorf("one of two is enough: %v", m)
	}
	has(homeAgentWrong(&config.HomeAgent{MaxBindings: 3}, 3), "max_bindings: there are 3 bindings")
	has(homeAgentWrong(&config.HomeAgent{MaxBindings: 3, AllowUnauthenticated: true}, 2), "allow_unauthenticated: whoever")
}
