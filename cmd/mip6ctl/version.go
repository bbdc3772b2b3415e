package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

// versionTimeout is how long mip6d's own version is waited for.
const versionTimeout = time.Second

func newVersionCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "The versions of mip6ctl and of mip6d, if that runs", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), versionTimeout)
			defer cancel()
			c := ctl.NewClient(o.socket)
			defer c.Close()
			v := versions{Version: ctl.Version(), Protocol: ctl.Protocol}
			if s, err := c.Status(ctx); err == nil { // its absence is no failure here
				v.Daemon, v.Since = s.Version, s.Since
			}
			if o.output.forPrograms() {
				return o.output.print(cmd.OutOrStdout(), v)
			}
			text := fmt.Sprintf("mip6ctl %s, control protocol %d\n", v.Version, v.Protocol)
			if v.Daemon != "" {
				text += fmt.Sprintf("mip6d %s, running since %s\n", plain(v.Daemon), moment(v.Since))
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
}

type versions struct {
	Version  string    `json:"version"`
	Protocol int       `json:"protocol"`
	Daemon   string    `json:"daemon,omitzero"` // absent: none answers
	Since    time.Time `json:"daemon_since,omitzero"`
}
