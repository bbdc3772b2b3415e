package ha

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// Who is told of registrations and of their ends knows after each way to an end that it is
// one.
func TestEndsAreTold(t *testing.T) {
	known := map[netip.Addr]bool{}
	p := params()
	p.Registered = func(_ time.Time, b role.Binding) { known[b.HomeAddress] = true }
	p.Ended = func(home netip.Addr) { delete(known, home) }
	for name, end := range map[string]func(b *bed){
		"de-registered": func(b *bed) { b.step(b.bu(2, deregister)); b.done(nil) },
		"expired":       func(b *bed) { b.tick(time.Hour) },
		"not allowed any more": func(b *bed) {
			p := b.m.p
			p.DenyByDefault = true
			b.step(Reconfigured{Params: p})
		},
		"expired while the kernel refuses a move": func(b *bed) {
			b.tick(399 * time.Second)
			b.step(b.bu(2, from(coaB)))
			b.tick(2 * time.Second)
			b.done(errors.New("no buffer space available"))
		},
	} {
		clear(known)
		b := bound(t, p)
		if !known[hoa] {
			t.Errorf("%s: the registration is not told", name)
		}
		end(b)
		if len(b.m.Bindings()) != 0 || known[hoa] {
			t.Errorf("%s: bindings %v, known as registered: %v", name, b.m.Bindings(), known)
		}
	}

	clear(known)
	b := newBed(t, p)
	b.step(role.Restored{Registrations: []role.Registration{{HomeAddress: hoa, Bound: true, Binding: role.Binding{
		HomeAddress: hoa, CareOf: coaA, HomeAgent: local, Ifindex: link, Lifetime: time.Hour, Expires: t0.Add(time.Hour),
	}}}})
	if !known[hoa] {
		t.Error("a restored binding is not told")
	}
}
