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
		Long: "Prints one line for each change of state, until interrupted. With -o json a line is a JSON object.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			show := func(e ctl.Event) error { return printEvent(w, e) }
			if o.output == formatJSON {
				enc := json.NewEncoder(w)
				show = func(e ctl.Event) error { return enc.Encode(e) }
			}
			c := ctl.NewClient(o.socket)
			defer c.Close()
			return c.Watch(cmd.Context(), nil, show)
		},
	}
}

func printEvent(w io.Writer, e ctl.Event) error {
	var b strings.Builder
	if e.Lost > 0 {
		fmt.Fprintf(&b, "… %d events lost: this watcher was too slow\n", e.Lost)
	}
	mark := " "
	if e.Warn {
		mark = "!"
	}
	fmt.Fprintf(&b, "%s %s %s", e.Time.Local().Format("15:04:05.000"), mark, plain(e.Kind))
	field := func(name, value string) { fmt.Fprintf(&b, "  %s %s", name, plain(value)) }
	if e.HomeAddress.IsValid() {
		field("hoa", e.HomeAddress.String())
	}
	if e.CareOf.IsValid() {
		field("coa", e.CareOf.String())
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
