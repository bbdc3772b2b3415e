package ha

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// FuzzStep plays a home agent any sequence of events, two octets each, and
// compares with a model of the kernel: what is acknowledged is in force, no
// answer of the kernel is waited for twice, and time goes on.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 3, 0, 1, 0})                               // register
	f.Add([]byte{0, 1, 3, 0, 1, 0, 0, 0x42, 1, 0, 0, 0x83, 1, 0}) // and move, and de-register
	f.Add([]byte{0, 1, 3, 0, 2, 0, 0, 2, 3, 0, 1, 0, 4, 255, 4, 255})
	f.Add([]byte{0, 1, 0, 0x42, 0, 0x83, 3, 1, 5, 0, 0, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newBed(t, params())
		kernel := make(map[netip.Addr]netip.Addr)
		type request struct {
			id  role.ID
			hoa netip.Addr
			coa netip.Addr // invalid: clear
		}
		var waiting []request
		sequence := uint16(0)
		step := func(ev role.Event) {
			for _, e := range b.m.Step(b.now, ev) {
				switch e := e.(type) {
				case role.SetBinding:
					if e.ID == 0 {
						kernel[e.Binding.HomeAddress] = e.Binding.CareOf
						continue
					}
					waiting = append(waiting, request{e.ID, e.Binding.HomeAddress, e.Binding.CareOf})
				case role.ClearBinding:
					if e.ID == 0 {
						delete(kernel, e.HomeAddress)
						continue
					}
					waiting = append(waiting, request{e.ID, e.HomeAddress, netip.Addr{}})
				case role.Send:
					msg, err := mh.Parse(e.Raw)
					if err != nil {
						t.Fatal(err)
					}
					ba, ok := msg.(*mh.BindingAcknowledgement)
					if !ok || !ba.Status.Accepted() {
						continue
					}
					if at, bound := kernel[hoa]; bound != (ba.Lifetime > 0) || bound && !at.IsValid() {
						t.Fatalf("acknowledged lifetime %v with %v in the kernel", ba.Lifetime, at)
					}
				}
			}
			if len(waiting) > 2 {
				t.Fatalf("%d requests for one home address at once", len(waiting))
			}
		}
		for ; len(script) >= 2; script = script[2:] {
			arg := script[1]
			switch script[0] % 6 {
			case 0: // a Binding Update: bits say from where, for how long, how new
				sequence += uint16(arg & 7)
				step(b.bu(sequence, func(u *update) {
					if arg&0x40 != 0 {
						u.src = coaB
					}
					if arg&0x80 != 0 {
						u.bu.Lifetime = 0
					}
					u.bu.LinkLocal = arg&0x20 != 0
				}))
			case 1, 2: // the kernel answers
				if len(waiting) == 0 {
					continue
				}
				r := waiting[0]
				waiting = waiting[1:]
				var err error
				switch {
				case script[0]%6 == 2:
					err = errors.New("no buffer space available")
				case r.coa.IsValid():
					kernel[r.hoa] = r.coa
				default:
					delete(kernel, r.hoa)
				}
				step(role.Done{ID: r.id, Err: err})
			case 3: // a detection ends
				a := hoa
				if arg&2 != 0 {
					a = hoaLL
				}
				step(role.DADDone{Ifindex: link, Addr: a, Duplicate: arg&1 != 0})
			case 4: // time passes
				b.now = b.now.Add(time.Duration(arg) * time.Second)
				step(role.Tick{})
			case 5:
				step(Reconfigured{Params: params()})
			}
			if d := b.m.Deadline(); !d.IsZero() && !d.After(b.now) {
				t.Fatalf("wants to be called at %v, which is past, at %v", d, b.now)
			}
		}
	})
}
