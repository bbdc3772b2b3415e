package listener

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/mld"
	"mip6d/internal/role"
)

// FuzzStep plays a machine any sequence of events, two octets each: bindings of three mobile
// nodes that come, move and go, reports from anywhere, garbage, reloads and time. Whatever
// comes, what is forwarded is what the machine believes, bounds are kept, queries go to
// who is bound, in their distances, and the same events have the same effects.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 0, 2, 0, 7, 255, 7, 255, 7, 255, 7, 255})              // a membership that ends by its time
	f.Add([]byte{0, 0, 0, 0x41, 2, 0, 2, 0x11, 2, 0x21, 3, 0, 1, 0, 1, 1}) // two nodes in one tunnel
	f.Add([]byte{0, 0, 4, 1, 4, 2, 5, 1, 5, 2, 6, 3})                      // sources
	f.Add([]byte{0, 0, 2, 0, 2, 16, 2, 32, 2, 48, 8, 5, 8, 0, 7, 30})      // more than there is room for, and a reload
	f.Add([]byte{0, 0, 2, 0, 9, 0, 7, 200, 0, 0x40, 7, 200})               // a binding that is over but for the kernel
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		w := newFuzzWorld(t)
		for ; len(script) >= 2; script = script[2:] {
			w.act(script[0]%10, script[1])
			w.check()
		}
		for _, home := range fuzzHomes {
			w.end(home)
		}
		w.pass(time.Hour)
		if len(w.kernel) > 0 || !w.beds[0].m.Deadline().IsZero() || len(w.beds[0].m.groups) > 0 || len(w.beds[0].m.ends) > 0 {
			t.Fatalf("when all bindings have ended: %v forwarded, %d groups, %d tunnels, and a turn at %v",
				w.kernel, len(w.beds[0].m.groups), len(w.beds[0].m.ends), w.beds[0].m.Deadline())
		}
	})
}

// forwarding is what a SetListener has in force.
type forwarding struct{ home, group netip.Addr }

// fuzzWorld steps two machines side by side, and knows what the kernel has.
type fuzzWorld struct {
	t      *testing.T
	beds   [2]*bed
	p      Params
	kernel map[forwarding]bool
	out    [2][]role.Effect // of the last step
}

var (
	fuzzHomes  = []netip.Addr{hoa, hoa2, netip.MustParseAddr("2001:db8:1::300")}
	fuzzGroups = []netip.Addr{
		group, other, netip.MustParseAddr("ff05::7"), netip.MustParseAddr("ff02::8"),
		netip.MustParseAddr("ff0e::9"), netip.MustParseAddr("ff0e::a"),
	}
)

func newFuzzWorld(t *testing.T) *fuzzWorld {
	w := &fuzzWorld{t: t, p: Params{MaxGroups: 4, MaxGroupsPerNode: 3}, kernel: make(map[forwarding]bool)}
	for i := range w.beds {
		w.beds[i] = newBed(t, w.p)
	}
	return w
}

func (w *fuzzWorld) act(kind, arg byte) {
	home := fuzzHomes[int(arg&3)%len(fuzzHomes)]
	careOf := []netip.Addr{coa, coa2}[arg>>6&1]
	g := fuzzGroups[int(arg>>4)%len(fuzzGroups)]
	src := []netip.Addr{home, linkLocal(home), host, source}[arg>>2&3]
	say := func(r mld.Record) { w.step(report(careOf, src, r)) }
	switch kind {
	case 0:
		for _, b := range w.beds {
			b.bind(home, careOf)
		}
		w.step(role.Tick{})
	case 1:
		w.end(home)
		w.step(role.Tick{})
	case 2:
		say(join(g))
	case 3:
		say(drop(g))
	case 4, 5:
		from := []netip.Addr{source, source2}[:1+arg&1]
		say(mld.Record{Type: mld.AllowNewSources + mld.RecordType(kind-4), Group: g, Sources: from})
	case 6: // garbage: a report with one octet changed
		r := report(careOf, src, join(g))
		r.Packet[int(arg)%len(r.Packet)] ^= 1 + arg
		w.step(r)
	case 7:
		w.pass(time.Duration(arg) * time.Second)
	case 8: // a reload never takes the rooms away, as cmd/mip6d has it
		w.p.MaxGroups, w.p.MaxGroupsPerNode = 1+int(arg&7), 1+int(arg>>3&3)
		w.p.Scopes = [][]mld.Scope{nil, {mld.ScopeSiteLocal}}[arg>>5&1]
		w.p.QueryInterval = time.Duration(8+int(arg)) * time.Second
		for i := range w.beds {
			p := w.p
			p.Binding = w.beds[i].m.p.Binding
			w.beds[i].m.p.Binding = nil
			w.stepOne(i, Reconfigured{Params: p})
		}
		w.settle()
	case 9: // over by its time, and nobody has told
		for _, b := range w.beds {
			delete(b.bindings, home)
		}
	}
}

func (w *fuzzWorld) end(home netip.Addr) {
	for _, b := range w.beds {
		b.end(home)
	}
	for x := range w.kernel { // with the binding
		if x.home == home {
			delete(w.kernel, x)
		}
	}
}

func (w *fuzzWorld) pass(d time.Duration) {
	end := w.beds[0].now.Add(d)
	for n := 0; ; n++ {
		next := w.beds[0].m.Deadline()
		if next.IsZero() || next.After(end) {
			break
		}
		if n > 1000 {
			w.t.Fatal("1000 turns lead nowhere")
		}
		for _, b := range w.beds {
			b.now = later(b.now, next)
		}
		w.step(role.Tick{})
	}
	for _, b := range w.beds {
		b.now = end
	}
}

// step hands both machines an event, and carries out what they want.
func (w *fuzzWorld) step(ev role.Event) {
	for i := range w.beds {
		w.stepOne(i, ev)
	}
	w.settle()
}

func (w *fuzzWorld) stepOne(i int, ev role.Event) { w.out[i] = w.beds[i].step(ev) }

func (w *fuzzWorld) settle() {
	if diff := cmp.Diff(w.out[0], w.out[1], addrs); diff != "" {
		w.t.Fatalf("the same events, and other effects:\n%s", diff)
	}
	for _, e := range w.out[0] {
		switch e := e.(type) {
		case role.SetListener:
			if _, bound := w.beds[0].m.nodes[e.HomeAddress]; !bound || !slices.IsSortedFunc(e.Sources, netip.Addr.Compare) || len(e.Sources) > maxSources {
				w.t.Fatalf("%+v (known: %v)", e, bound)
			}
			w.kernel[forwarding{e.HomeAddress, e.Group}] = true
		case role.ClearListener:
			delete(w.kernel, forwarding{e.HomeAddress, e.Group})
		case role.SendTunnelled:
			w.queried(e)
		default:
			w.t.Fatalf("%T", e)
		}
	}
}

// queried: to who is bound there.
func (w *fuzzWorld) queried(e role.SendTunnelled) {
	for _, b := range w.beds[0].bindings {
		if b.CareOf == e.CareOf && b.HomeAgent == e.HomeAgent {
			return
		}
	}
	w.t.Fatalf("a query to %s, where nobody is bound", e.CareOf)
}

func (w *fuzzWorld) check() {
	b := w.beds[0]
	if d := b.m.Deadline(); !d.IsZero() && !d.After(b.now) {
		w.t.Fatalf("wants a turn at %v, and it is %v", d, b.now)
	}
	believed, all := 0, make(map[groupKey]int)
	for home, n := range b.m.nodes {
		if n.home != home || !slices.Contains(b.m.ends[n.ends], n) {
			w.t.Fatalf("%s is not where it should be", home)
		}
		for g := range n.groups {
			believed++
			all[groupKey{n.ifindex, g}]++
			if !w.kernel[forwarding{home, g}] || !b.m.p.carries(g) {
				w.t.Fatalf("%s listens to %s, forwarded: %v", home, g, w.kernel[forwarding{home, g}])
			}
		}
	}
	if believed != len(w.kernel) {
		w.t.Fatalf("%d memberships, and %d forwarded", believed, len(w.kernel))
	}
	if diff := cmp.Diff(all, b.m.groups, addrs, cmp.AllowUnexported(groupKey{})); diff != "" {
		w.t.Fatal(diff)
	}
}
