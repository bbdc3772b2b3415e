package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newWatchCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "What happens, as it happens", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Long: "Prints one line for each change of state, until interrupted. With -o json or jsonl a line is a JSON object.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			show := func(e ctl.Event) error { return printEvent(o.page(cmd), e, timeOfDay) }
			if o.output.forPrograms() {
				enc := json.NewEncoder(w)
				show = func(e ctl.Event) error { return enc.Encode(e) }
			}
			c := ctl.NewClient(o.socket)
			defer c.Close()
			return c.Watch(cmd.Context(), nil, show)
		},
	}
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
