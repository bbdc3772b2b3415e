package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

// drainPoll is how often a home agent that drains is asked what is left.
const drainPoll = time.Second

func newDrainCommand(o *options) *cobra.Command {
	var cancel, noWait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "drain", Short: "Have a home agent let go of its mobile nodes, before it is shut down", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Has a home agent refuse new bindings, and waits until it has none. Mobile nodes are
asked for a Binding Update by Binding Refresh Requests and refused with status 130,
insufficient resources, by which those that can go to another home agent; the others
try again until one serves them. Their bindings end with that. Mobile nodes that do
not answer keep what they were promised until it expires. mip6d serves again after
--cancel, and after a restart.

Nobody is sent to a home agent that drains: in its router advertisements it is none
(the H flag is clear), by which the others take it out of their lists, and discovery is
answered with the others of the link, or not at all. Where another program advertises
(advertise: off), that one has to clear the H flag.

A mobile node (mip6d) that discovers its home agent goes to the next one that it knows
in the same moment, and otherwise looks for one. Until one is found, and always where
the home agent is configured, it keeps its tunnel until the binding's lifetime ends, and
asks the same home agent again every 32 seconds at the least. By that tunnel a home
agent forwards nothing that has ended the binding, as mip6d does.

Exit status 0 when no binding is left, 1 if some were after --timeout; mip6d goes on
draining then.`,
		Example: "  mip6ctl drain --timeout 10m && systemctl stop mip6d",
	}
	flags := cmd.Flags()
	flags.DurationVar(&timeout, "timeout", 0, "wait no longer than that `time`, such as 10m; without it until no binding is left")
	flags.BoolVar(&noWait, "no-wait", false, "do not wait at all")
	flags.BoolVar(&cancel, "cancel", false, "serve again")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if timeout < 0 {
			return usageError{"--timeout wants a time from 0s on"}
		}
		c := ctl.NewClient(o.socket)
		defer c.Close()
		d, err := setDrain(cmd.Context(), c, !cancel)
		if err == nil && d.Draining && !noWait {
			d, err = o.untilEmpty(cmd, c, d, timeout)
		}
		if err != nil {
			return err
		}
		left := d.Draining && d.Bindings > 0 && !noWait
		switch {
		case o.output.forPrograms():
			err = o.output.print(cmd.OutOrStdout(), d)
		case !left:
			_, err = fmt.Fprintln(cmd.OutOrStdout(), drainText(d))
		}
		if err == nil && left {
			err = fmt.Errorf("%s left after %v; mip6d goes on draining until mip6ctl drain --cancel", count(d.Bindings, "binding"), timeout)
		}
		return err
	}
	return cmd
}

func setDrain(ctx context.Context, c *ctl.Client, on bool) (ctl.Drain, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return c.SetDrain(ctx, on)
}

// untilEmpty waits, and tells people what is left whenever that has changed.
func (o *options) untilEmpty(cmd *cobra.Command, c *ctl.Client, d ctl.Drain, timeout time.Duration) (ctl.Drain, error) {
	var over <-chan time.Time
	if timeout > 0 {
		over = time.After(timeout)
	}
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	told := -1
	for d.Draining && d.Bindings > 0 {
		if d.Bindings != told && !o.output.forPrograms() {
			told = d.Bindings
			fmt.Fprintln(cmd.OutOrStdout(), drainText(d))
		}
		select {
		case <-cmd.Context().Done():
			return d, errors.New("interrupted; mip6d goes on draining until mip6ctl drain --cancel")
		case <-over:
			return d, nil
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
		next, err := c.Draining(ctx)
		cancel()
		if err != nil {
			return d, err
		}
		if !next.Draining {
			return next, errors.New("mip6d was told to serve again, or was restarted")
		}
		d = next
	}
	return d, nil
}

func drainText(d ctl.Drain) string {
	switch {
	case !d.Draining:
		return "serving, with " + count(d.Bindings, "binding")
	case d.Bindings == 0:
		return "drained: no binding is left, and none is accepted"
	}
	return "draining: " + count(d.Bindings, "binding") + " left"
}
