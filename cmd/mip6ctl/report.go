package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
	draw "mip6d/internal/report"
)

func newReportCommand(o *options) *cobra.Command {
	var f ctl.EventFilter
	var file string
	cmd := &cobra.Command{
		Use: "report", Short: "Draw the handovers that mip6d remembers, as a page for a browser", Args: noArgs,
		Long: `Writes one HTML page, without a reference to anything outside of it: where mobile
nodes were, how long each handover interrupted, by what its parts were late, and a
line for each mobile node. At a mobile node all of a handover is seen, from the old
link's end to the acknowledgement; at a home agent what becomes of its bindings.
It draws the journal, which begins with the daemon's start and has the latest
control.journal events; see events.`,
		Example: "  mip6ctl report --since 1h -o report.html\n  mip6ctl report --hoa 2001:db8:1::100 -o - >report.html",
	}
	flags := cmd.Flags()
	flags.Var(sinceFlag{&f.Since}, "since", "only events of that `time` or later, as in events")
	flags.Var(addressFlag{&f.HomeAddress}, "hoa", "only the mobile node with that home `address`")
	// In the place of the format that other commands have.
	flags.StringVarP(&file, "output", "o", "", "the `file` to write; - is standard output")
	_ = cmd.MarkFlagFilename("output", "html")
	_ = cmd.RegisterFlagCompletionFunc("hoa", o.completeHomeAddresses)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			return usageError{"report wants a file to write: -o report.html, or -o - for standard output"}
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
		defer cancel()
		c := ctl.NewClient(o.socket)
		defer c.Close()
		page, err := askForReport(ctx, c, f)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := page.WriteHTML(&b); err != nil {
			return err
		}
		if file == "-" {
			_, err := cmd.OutOrStdout().Write(b.Bytes())
			return err
		}
		return replaceFile(file, b.Bytes())
	}
	return cmd
}

// askForReport asks for all that the page shows. Link and care-of events are of no mobile node, so that one mobile node's
// are chosen here.
func askForReport(ctx context.Context, c *ctl.Client, f ctl.EventFilter) (p draw.Page, err error) {
	if p.Status, err = c.Status(ctx); err != nil {
		return p, err
	}
	if p.Past, err = c.Events(ctx, ctl.EventFilter{Since: f.Since}); err != nil {
		return p, err
	}
	if f.HomeAddress.IsValid() {
		var of []ctl.Event
		for _, e := range p.Past.Events {
			if !e.HomeAddress.IsValid() || e.HomeAddress == f.HomeAddress {
				of = append(of, e)
			}
		}
		p.Past.Events = of
	}
	p.Since, p.Until = f.Since, time.Now()
	if p.Host, err = os.Hostname(); err != nil {
		p.Host = "this host"
	}
	return p, nil
}

// replaceFile writes a file as a whole: a browser that shows it, or a program that copies it, never sees half of one.
func replaceFile(name string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".mip6ctl-report-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name()) // when it is not renamed
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
