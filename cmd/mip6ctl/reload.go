package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newReloadCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Have mip6d take over its configuration as it is now", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Does what SIGHUP and systemctl reload do, and says whether it was done. A
configuration that is wrong, or that only a restart can take over, changes nothing.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
			defer cancel()
			c := ctl.NewClient(o.socket)
			defer c.Close()
			s, err := c.Reload(ctx)
			if err != nil {
				return err
			}
			if o.output.forPrograms() {
				return o.output.print(cmd.OutOrStdout(), s)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is in force\n", plain(s.Config))
			return err
		},
	}
}
