package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newEventsCommand(o *options) *cobra.Command {
	var f ctl.EventFilter
	cmd := &cobra.Command{
		Use: "events", Short: "What has happened, as far as mip6d remembers", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Prints what has happened, the oldest first, as watch does. mip6d remembers the
latest events since its start, control.journal of them, and as many again of what is
routine where there are many mobile nodes. Where that does not go back as far as
--since, standard error says so.`,
		Example: "  mip6ctl events --since 1h\n  mip6ctl events --since 2026-01-02T12:00 --hoa 2001:db8:1::100 -o jsonl",
	}
	flags := cmd.Flags()
	flags.Var(sinceFlag{&f.Since}, "since", "only events of that `time` or later: 90s, 1h30m, 2d, 15:04, or 2026-01-02T15:04")
	flags.Var(addressFlag{&f.HomeAddress}, "hoa", "only events of the mobile node with that home `address`")
	_ = cmd.RegisterFlagCompletionFunc("hoa", o.completeHomeAddresses)
	flags.IntVarP(&f.Last, "last", "n", 0, "no more than `N`, the newest")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.Last < 0 || f.Last == 0 && cmd.Flags().Changed("last") {
			return usageError{"--last wants a number from 1 on"}
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
		defer cancel()
		c := ctl.NewClient(o.socket)
		defer c.Close()
		past, err := c.Events(ctx, f)
		if err != nil {
			return err
		}
		switch {
		case o.output == formatJSON:
			return o.output.print(cmd.OutOrStdout(), past)
		case o.output == formatJSONLines:
			return o.output.print(cmd.OutOrStdout(), past.Events)
		}
		for _, e := range past.Events {
			if err := printEvent(o.page(cmd), e, dateAndTime); err != nil {
				return err
			}
		}
		if !f.Since.IsZero() {
			tellGaps(cmd.ErrOrStderr(), past, f.Since)
		}
		return nil
	}
	return cmd
}

// tellGaps says what was asked for and is not kept.
func tellGaps(w io.Writer, past ctl.Events, since time.Time) {
	if past.Since.After(since) {
		fmt.Fprintf(w, "mip6ctl: nothing is remembered of before %s\n", moment(past.Since))
	}
	if past.RoutineSince.After(since) && past.RoutineSince.After(past.Since) {
		fmt.Fprintf(w, "mip6ctl: of what is routine nothing is remembered of before %s\n", moment(past.RoutineSince))
	}
}
