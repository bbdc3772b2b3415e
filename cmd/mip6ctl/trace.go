package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

// episode is how long nothing happens before a new part of the story begins, with times
// from there on.
const episode = 10 * time.Second

// tracePoll is how often a story is asked for that is followed. A busy home agent's
// journal goes back some seconds.
const tracePoll = 500 * time.Millisecond

func newTraceCommand(o *options) *cobra.Command {
	var f ctl.TraceFilter
	var follow bool
	cmd := &cobra.Command{
		Use: "trace HOA", Short: "The protocol's story of one mobile node", Args: oneHomeAddress, ValidArgsFunction: o.completeHomeAddresses,
		Long: `Prints what mip6d has sent and received for a home address and asked the kernel for,
message by message, from its journal: the latest things of all mobile nodes together,
control.journal of them. Times are relative to the first line of a part, and a new part
begins after ten seconds of silence. → is sent, ← received, · done here, ! a warning;
"again" counts retransmissions. Keygen tokens and cookies are in no answer.

With -o wide a message's addresses and all its fields follow, with -o json or jsonl too.`,
		Example: "  mip6ctl trace 2001:db8:1::100 --since 5m\n  mip6ctl trace 2001:db8:1::100 --follow",
	}
	cmd.Flags().Var(sinceFlag{&f.Since}, "since", "only what happened at that `time` or later: 90s, 1h30m, 2d, 15:04, or 2026-01-02T15:04")
	cmd.Flags().BoolVar(&follow, "follow", false, "and what happens, until interrupted; json prints as jsonl does")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.HomeAddress = netip.MustParseAddr(args[0])
		c := ctl.NewClient(o.socket)
		defer c.Close()
		t, err := askTrace(cmd.Context(), c, f)
		switch {
		case err != nil:
			return err
		case follow:
			return o.followTrace(cmd, c, t)
		case o.output == formatJSON:
			return o.output.print(cmd.OutOrStdout(), t)
		case o.output == formatJSONLines:
			return o.output.print(cmd.OutOrStdout(), t.Steps)
		case len(t.Steps) == 0:
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Nothing about %s since %s.\n", t.HomeAddress, moment(t.Since))
			return err
		}
		p := &tracePrinter{page: o.page(cmd)}
		p.print(t.Steps)
		return nil
	}
	return cmd
}

func askTrace(ctx context.Context, c *ctl.Client, f ctl.TraceFilter) (ctl.Trace, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return c.Trace(ctx, f)
}

// followTrace goes on until it is interrupted, which is its normal end.
func (o *options) followTrace(cmd *cobra.Command, c *ctl.Client, t ctl.Trace) error {
	p := &tracePrinter{page: o.page(cmd)}
	tick := time.NewTicker(tracePoll)
	defer tick.Stop()
	for n := newSteps(nil, t.Steps); ; {
		if o.output.forPrograms() {
			if err := formatJSONLines.print(cmd.OutOrStdout(), n); err != nil {
				return err
			}
		} else {
			p.print(n)
		}
		select {
		case <-cmd.Context().Done():
			return nil
		case <-tick.C:
		}
		f := ctl.TraceFilter{HomeAddress: t.HomeAddress}
		if len(t.Steps) > 0 {
			f.Since = t.Steps[len(t.Steps)-1].Time
		}
		next, err := askTrace(cmd.Context(), c, f)
		if cmd.Context().Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		n = newSteps(t.Steps, next.Steps)
		if len(next.Steps) > 0 {
			t.Steps = next.Steps
		}
	}
}

// newSteps are those of an answer that were not in the one before, from whose last
// moment on it was asked for.
func newSteps(before, now []ctl.TraceStep) []ctl.TraceStep {
	if len(before) == 0 {
		return now
	}
	last := before[len(before)-1].Time
	at := func(list []ctl.TraceStep) (n int) {
		for _, s := range list {
			if s.Time.Equal(last) {
				n++
			}
		}
		return n
	}
	return now[min(at(before), at(now)):]
}

// tracePrinter prints a story for people, part by part.
type tracePrinter struct {
	page
	begin time.Time // of this part
	last  time.Time
}

func (p *tracePrinter) print(steps []ctl.TraceStep) {
	var rows [][]string
	flush := func() {
		if len(rows) > 0 {
			printColumns(p, rows)
		}
		rows = nil
	}
	for _, s := range steps {
		if p.last.IsZero() || s.Time.Sub(p.last) > episode {
			flush()
			if !p.last.IsZero() {
				fmt.Fprintln(p)
			}
			p.begin = s.Time
			fmt.Fprintln(p, s.Time.Local().Format(dateAndTime))
		}
		p.last = s.Time
		rows = append(rows, traceRow(s, s.Time.Sub(p.begin)))
		if p.wide && s.Source.IsValid() {
			flush()
			fmt.Fprintf(p, "              %s\n", wire(s))
			if len(s.Message) > 0 {
				fmt.Fprintf(p, "              %s\n", s.Message)
			}
		}
	}
	flush()
}

func traceRow(s ctl.TraceStep, at time.Duration) []string {
	mark := "·"
	switch s.Kind {
	case ctl.StepSent:
		mark = "→"
	case ctl.StepReceived:
		mark = "←"
	}
	if s.Warn {
		mark += "!"
	}
	var text []string
	if s.Text != "" {
		text = append(text, plain(s.Text))
	}
	if s.Retransmits > 0 {
		text = append(text, "again ("+strconv.Itoa(s.Retransmits)+")")
	}
	if s.Took > 0 {
		text = append(text, "took "+s.Took.Duration().String())
	}
	if s.Error != "" {
		text = append(text, "failed: "+plain(s.Error))
	}
	return []string{fmt.Sprintf("%+9.3f", at.Seconds()), mark, strings.ReplaceAll(plain(s.What), "_", " "), peerOf(s), strings.Join(text, ", ")}
}

// peerOf is the other end of a message.
func peerOf(s ctl.TraceStep) string {
	switch s.Kind {
	case ctl.StepSent:
		return "to " + addr(s.Destination)
	case ctl.StepReceived:
		return "from " + addr(s.Source)
	}
	return ""
}

// wire is how a message was addressed.
func wire(s ctl.TraceStep) string {
	text := s.Source.String() + " → " + s.Destination.String()
	if s.HomeAddress.IsValid() {
		text += ", Home Address option " + s.HomeAddress.String()
	}
	if s.RoutingHome.IsValid() {
		text += ", type 2 routing header " + s.RoutingHome.String()
	}
	if s.Tunnelled {
		text += ", from the tunnel"
	}
	return text
}
