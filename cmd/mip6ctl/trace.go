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

func newTraceCommand(o *options) *cobra.Command {
	var f ctl.TraceFilter
	cmd := &cobra.Command{
		Use: "trace HOA", Short: "The protocol's story of one mobile node", Args: oneHomeAddress, ValidArgsFunction: o.completeHomeAddresses,
		Long: `Prints what mip6d has sent and received for a home address and asked the kernel for,
message by message, from its journal: the latest things of all mobile nodes together,
control.journal of them. Times are relative to the first line of a part, and a new part
begins after ten seconds of silence. → is sent, ← received, · done here, ! a warning;
"again" counts retransmissions. Keygen tokens and cookies are in no answer.

With -o wide a message's addresses and all its fields follow, with -o json or jsonl too.`,
		Example: "  mip6ctl trace 2001:db8:1::100 --since 5m",
	}
	cmd.Flags().Var(sinceFlag{&f.Since}, "since", "only what happened at that `time` or later: 90s, 1h30m, 2d, 15:04, or 2026-01-02T15:04")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.HomeAddress = netip.MustParseAddr(args[0])
		ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
		defer cancel()
		c := ctl.NewClient(o.socket)
		defer c.Close()
		t, err := c.Trace(ctx, f)
		if err != nil {
			return err
		}
		switch o.output {
		case formatJSON:
			return o.output.print(cmd.OutOrStdout(), t)
		case formatJSONLines:
			return o.output.print(cmd.OutOrStdout(), t.Steps)
		}
		printTrace(o.page(cmd), t)
		return nil
	}
	return cmd
}

func printTrace(w page, t ctl.Trace) {
	if len(t.Steps) == 0 {
		fmt.Fprintf(w, "Nothing about %s since %s.\n", t.HomeAddress, moment(t.Since))
		return
	}
	var rows [][]string
	var begin time.Time
	flush := func() {
		if len(rows) > 0 {
			printColumns(w, rows)
		}
		rows = nil
	}
	for i, s := range t.Steps {
		if i == 0 || s.SincePrevious.Duration() > episode {
			flush()
			if i > 0 {
				fmt.Fprintln(w)
			}
			begin = s.Time
			fmt.Fprintln(w, s.Time.Local().Format(dateAndTime))
		}
		rows = append(rows, traceRow(s, s.Time.Sub(begin)))
		if w.wide && s.Source.IsValid() {
			flush()
			fmt.Fprintf(w, "              %s\n", wire(s))
			if len(s.Message) > 0 {
				fmt.Fprintf(w, "              %s\n", s.Message)
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
