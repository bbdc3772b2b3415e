package datapath

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

// part writes down its calls and fails for one home address.
type part struct {
	name string
	log  *[]string
	bad  netip.Addr
}

func (p part) answer(call string, hoas []netip.Addr) []error {
	var names []string
	errs := make([]error, len(hoas))
	for i, a := range hoas {
		names = append(names, a.String())
		if a == p.bad {
			errs[i] = errors.New(p.name + " is full")
		}
	}
	*p.log = append(*p.log, p.name+" "+call+" "+strings.Join(names, " "))
	return errs
}

func (p part) Set(bindings []role.Binding) []error {
	var hoas []netip.Addr
	for _, b := range bindings {
		hoas = append(hoas, b.HomeAddress)
	}
	return p.answer("set", hoas)
}

func (p part) Clear(hoas []netip.Addr) []error { return p.answer("clear", hoas) }

var (
	a1 = netip.MustParseAddr("2001:db8:1::1")
	a2 = netip.MustParseAddr("2001:db8:1::2")
)

func set(a netip.Addr) role.Effect {
	return role.SetBinding{Binding: role.Binding{HomeAddress: a}}
}

func TestBindingComesFromInsideOutAndGoesTheOtherWay(t *testing.T) {
	var log []string
	h := NewHomeAgent(part{name: "gate", log: &log}, part{name: "route", log: &log}, part{name: "proxy", log: &log})
	errs := h.Apply([]role.Effect{set(a1), set(a2), role.ClearBinding{HomeAddress: a1}, set(a1)})
	if err := errors.Join(errs...); err != nil || len(errs) != 4 {
		t.Errorf("errors: %v", errs)
	}
	want := []string{
		"gate set " + a1.String() + " " + a2.String(),
		"route set " + a1.String() + " " + a2.String(),
		"proxy set " + a1.String() + " " + a2.String(),
		"proxy clear " + a1.String(),
		"route clear " + a1.String(),
		"gate clear " + a1.String(),
		"gate set " + a1.String(),
		"route set " + a1.String(),
		"proxy set " + a1.String(),
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

func TestRefusedBindingGoesNoFurther(t *testing.T) {
	var log []string
	h := NewHomeAgent(part{name: "gate", log: &log}, part{name: "route", log: &log, bad: a1}, part{name: "proxy", log: &log})
	errs := h.Apply([]role.Effect{set(a1), set(a2)})
	if errs[0] == nil || errs[1] != nil {
		t.Errorf("errors: %v", errs)
	}
	want := []string{
		"gate set " + a1.String() + " " + a2.String(),
		"route set " + a1.String() + " " + a2.String(),
		"proxy set " + a2.String(),
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

func TestClearGoesOnAfterAnError(t *testing.T) {
	var log []string
	h := NewHomeAgent(part{name: "gate", log: &log}, part{name: "proxy", log: &log, bad: a1})
	errs := h.Apply([]role.Effect{role.ClearBinding{HomeAddress: a1}})
	if errs[0] == nil {
		t.Error("the proxy's error is lost")
	}
	if diff := cmp.Diff([]string{"proxy clear " + a1.String(), "gate clear " + a1.String()}, log); diff != "" {
		t.Error(diff)
	}
}

func TestForeignEffectIsRefused(t *testing.T) {
	if errs := NewHomeAgent().Apply([]role.Effect{role.AddCareOf{}}); errs[0] == nil {
		t.Error("an effect of a mobile node was accepted")
	}
}
