package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteMarkdown writes docs/benchmarks.md.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n" +
		"Written by `make bench` from `build/bench/report.json`; don't edit. " +
		"[testing.md](testing.md#figures) says what each figure is and how to repeat it.\n\n")
	fmt.Fprintf(&b, "* date: %s\n* kernel: %s\n* machine: %s\n* its load at the start: %s\n* every figure is the median of %d rounds of one run\n",
		r.Date, r.Kernel, r.Machine, r.Load, r.Rounds)
	if len(r.Anew) > 0 {
		fmt.Fprintf(&b, "* measured later, each in a run of its own, so that figures of other parts are not to be set against them: %s\n", strings.Join(r.Anew, ", "))
	}
	if r.Short {
		b.WriteString("* a short run (`make bench SHORT=1`): fewer bindings and shorter streams than `make bench`\n")
	}
	b.WriteString("\nUnder software emulation absolute figures are 10 to 30 times worse than on hardware; compare ratios.\n")
	r.registrations(&b)
	r.memory(&b)
	r.forwarding(&b)
	r.perInterface(&b)
	r.correspondent(&b)
	r.handover(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) registrations(b *strings.Builder) {
	b.WriteString("\n## Registrations\n\n" +
		"| bindings | kind | a second | p50 ms | p99 ms | alone p50 ms | p99 to alone | lost | refused | of |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.Registrations {
		alone, times := "", ""
		if x.Unloaded > 0 {
			alone, times = fmt.Sprintf("%.2f", x.Unloaded), fmt.Sprintf("%.1f", x.P99/x.Unloaded)
		}
		fmt.Fprintf(b, "| %d | %s | %.0f | %.2f | %.2f | %s | %s | %d | %d | %d |\n",
			x.Bindings, strings.ReplaceAll(x.Kind, "_", " "), x.PerSecond, x.P50, x.P99, alone, times, x.Lost, x.Refused, x.Begun)
	}
	b.WriteString("\nRates are reached as fast as requests are answered, with 64 under way. Latencies of refreshes and care-of changes are at half of that rate, " +
		"with random arrivals. First registrations wait a second for duplicate address detection, 512 at a time.\n")
	if len(r.Registrations) == 0 {
		return
	}
	least, most := r.Registrations[0].Bindings, r.Registrations[len(r.Registrations)-1].Bindings
	for _, kind := range []string{"refresh", "care_of_change"} {
		few, ok1 := r.registration(least, kind)
		many, ok2 := r.registration(most, kind)
		if ok1 && ok2 && most > least && many.PerSecond > 0 {
			fmt.Fprintf(b, "\nA %s with %d bindings costs %.2f times what it costs with %d.\n",
				strings.ReplaceAll(kind, "_", " "), most, few.PerSecond/many.PerSecond, least)
		}
	}
}

func (r Report) registration(bindings int, kind string) (Registration, bool) {
	for _, x := range r.Registrations {
		if x.Bindings == bindings && x.Kind == kind {
			return x, true
		}
	}
	return Registration{}, false
}

func (r Report) memory(b *strings.Builder) {
	b.WriteString("\n## Memory\n\n| bindings | mip6d, octets a binding | kernel, octets a binding |\n|---|---|---|\n")
	for _, x := range r.Memory {
		fmt.Fprintf(b, "| %d | %d | %d |\n", x.Bindings, x.Daemon, x.Kernel)
	}
	b.WriteString("\nBoth have a part that does not depend on the number of bindings, and the kernel's is uncertain by some megabytes in all: trust the largest number.\n")
}

func (r Report) forwarding(b *strings.Builder) {
	b.WriteString("\n## Forwarding\n\n| bindings | Mbit/s | plain ip6tnl | packets a second | plain ip6tnl | the worse ratio |\n|---|---|---|---|---|---|\n")
	for _, x := range r.Forwarding {
		fmt.Fprintf(b, "| %d | %.1f | %.1f | %.0f | %.0f | %.2f |\n", x.Bindings, x.Mbit, x.PlainMbit, x.PPS, x.PlainPPS, x.Ratio)
	}
	b.WriteString("\nTCP towards the mobile node; UDP with 64 octets from it, through the source check.\n")
}

func (r Report) perInterface(b *strings.Builder) {
	b.WriteString("\n## One interface for each binding\n\n" +
		"A tunnel interface, a route and a proxy entry made by rtnetlink, as older daemons do, one after the other, and what mip6d has the kernel keep of a binding, 64 in a batch as under load: " +
		"the kernel's part alone, no message. Beside it, whole registrations as above, with their verification, their store and, for first ones, a second of duplicate address detection.\n\n" +
		"| bindings | interfaces, a second | octets for each | mip6d's data path, a second | octets for each | rate to rate | memory to memory | whole registrations to interfaces: first | care-of change |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.InterfacePerBinding {
		whole := func(kind string) string {
			if slices.Contains(r.Anew, "homeagent") || slices.Contains(r.Anew, "perinterface") {
				return "" // of another run
			}
			if ours, ok := r.registration(x.Bindings, kind); ok {
				return ratio(ours.PerSecond, x.PerSecond)
			}
			return ""
		}
		fmt.Fprintf(b, "| %d | %.1f | %d | %.1f | %d | %s | %s | %s | %s |\n", x.Bindings, x.PerSecond, x.Kernel, x.Mip6d, x.Mip6dKernel,
			ratio(x.Mip6d, x.PerSecond), ratio(float64(x.Mip6dKernel), float64(x.Kernel)), whole("first"), whole("care_of_change"))
	}
}

// ratio is that of two figures, or nothing where there is none.
func ratio(a, b float64) string {
	if b <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

func (r Report) correspondent(b *strings.Builder) {
	c := r.Correspondent
	fmt.Fprintf(b, "\n## Correspondent node\n\n%.0f Home Test Inits and %.0f Binding Updates a second on one processor, with their cryptography and without I/O; %.0f octets a binding.\n",
		c.HoTI, c.BU, c.Bytes)
	b.WriteString("\n## Hot paths\n\n| benchmark | allocations a message | octets a message | ns a message |\n|---|---|---|---|\n")
	for _, a := range r.Allocations {
		fmt.Fprintf(b, "| `%s` | %.0f | %.0f | %.0f |\n", a.Path, a.Allocations, a.Bytes, a.Nanoseconds)
	}
}

func (r Report) handover(b *strings.Builder) {
	v := r.HandoverVs
	b.WriteString("\n## Handovers, and WireGuard's\n\n" +
		"The longest gap in echo streams every 10 ms, the worse direction, at moves between the same two foreign links with advertisements every 30 to 70 ms.\n\n" +
		"| | median ms | all ms |\n|---|---|---|\n")
	for _, x := range []struct {
		name   string
		median float64
		all    []float64
	}{
		{"mip6d", v.Mip6d, v.Mip6dAll}, {"WireGuard roaming", v.WireGuard, v.WireGuardAll},
		{"WireGuard roaming, optimistic DAD", v.WireGuardOptimistic, v.OptimisticAll},
	} {
		var all []string
		for _, g := range x.all {
			all = append(all, fmt.Sprintf("%.0f", g))
		}
		fmt.Fprintf(b, "| %s | %.1f | %s |\n", x.name, x.median, strings.Join(all, ", "))
	}
}
