package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newWatchCommand(o *options) *cobra.Command {
	var f ctl.EventFilter
	cmd := &cobra.Command{
		Use: "watch", Short: "What happens, as it happens", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Long: "Prints one line for each change of state, until interrupted. With -o json or jsonl a line is a JSON object.",
	}
	flags := cmd.Flags()
	flags.Var(addressFlag{&f.HomeAddress}, "hoa", "only events of the mobile node with that home `address`")
	_ = cmd.RegisterFlagCompletionFunc("hoa", o.completeHomeAddresses)
	flags.Var(sinceFlag{&f.Since}, "since", "begin with what happened at that `time` or later, as events has it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		w := &watching{client: ctl.NewClient(o.socket), filter: f}
		defer w.client.Close()
		w.show = func(e ctl.Event) error { return printEvent(o.page(cmd), e, timeOfDay) }
		if o.output.forPrograms() {
			enc := json.NewEncoder(cmd.OutOrStdout())
			w.show = func(e ctl.Event) error { return enc.Encode(e) }
		}
		return w.run(cmd.Context())
	}
	return cmd
}

// watching joins what was and what happens, by the numbers of events.
type watching struct {
	client *ctl.Client
	filter ctl.EventFilter
	show   func(ctl.Event) error
	last   uint64 // of the past
	failed error  // to tell it
}

func (w *watching) run(ctx context.Context) error {
	ready := func() {}
	if !w.filter.Since.IsZero() {
		ready = func() { w.failed = w.past(ctx) }
	}
	err := w.client.Watch(ctx, ready, func(e ctl.Event) error {
		switch {
		case w.failed != nil:
			return w.failed
		case e.Number != 0 && e.Number <= w.last, w.filter.HomeAddress.IsValid() && e.HomeAddress != w.filter.HomeAddress:
			return nil
		}
		return w.show(e)
	})
	if w.failed != nil {
		return w.failed
	}
	return err
}

// past is asked for once nothing that follows can be missed.
func (w *watching) past(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	past, err := w.client.Events(ctx, w.filter)
	if err != nil {
		return err
	}
	for _, e := range past.Events {
		if err := w.show(e); err != nil {
			return err
		}
		w.last = e.Number
	}
	return nil
}

// How an event's time is shown.
const (
	timeOfDay   = "15:04:05.000"
	dateAndTime = "2006-01-02 15:04:05.000"
)

func printEvent(w page, e ctl.Event, layout string) error {
	var b strings.Builder
	if e.Lost > 0 {
		fmt.Fprintf(&b, "… %d events lost: this watcher was too slow\n", e.Lost)
	}
	mark := " "
	if e.Warn {
		mark = "!"
	}
	if w.wide {
		fmt.Fprintf(&b, "%d ", e.Number)
	}
	fmt.Fprintf(&b, "%s %s %s", e.Time.Local().Format(layout), mark, plain(e.Kind))
	field := func(name, value string) { fmt.Fprintf(&b, "  %s %s", name, plain(value)) }
	if e.HomeAddress.IsValid() {
		field("hoa", e.HomeAddress.String())
	}
	if e.CareOf.IsValid() {
		field("coa", e.CareOf.String())
	}
	if e.Peer.IsValid() {
		field("peer", e.Peer.String())
	}
	if e.HomeAgent.IsValid() {
		field("ha", e.HomeAgent.String())
	}
	switch {
	case e.Interface != "":
		field("on", e.Interface)
	case e.Ifindex != 0:
		field("on", fmt.Sprintf("interface %d", e.Ifindex))
	}
	if e.Sequence != nil {
		field("seq", fmt.Sprint(*e.Sequence))
	}
	if e.Lifetime != nil {
		field("lifetime", span(*e.Lifetime))
	}
	if e.Status != nil {
		field("status", fmt.Sprintf("%d (%s)", *e.Status, e.StatusText))
	}
	if e.Text != "" {
		b.WriteString("  " + plain(e.Text))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}
