package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newROCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "ro", Short: "Route optimisation of a mobile node with one peer"}
	group(cmd)
	cmd.AddCommand(
		action(o, "start PEER", "Reach a peer directly, whatever policy and traffic say", ctl.ActionStart, "is to be reached directly, whatever policy and traffic say"),
		action(o, "stop PEER", "Reach a peer by the home agent only, until ro start", ctl.ActionStop, "is reached by the home agent only, until ro start"),
	)
	return cmd
}

func newFlushCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "flush", Short: "Forget what is known, and begin again"}
	group(cmd)
	cmd.AddCommand(action(o, "bul PEER", "A mobile node's entry for a correspondent", ctl.ActionFlush, "is forgotten"))
	return cmd
}

// action makes a command that does something about a peer, and says what holds for that
// now. Programs get what was asked, in the words of the request (docs/api.md).
func action(o *options, use, short, what, now string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: onePeer, ValidArgsFunction: cobra.NoFileCompletions,
		Long: "Says what holds for the peer from now on; with -o json or jsonl it prints action,\n\"" + what + "\", and peer.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
			defer cancel()
			c := ctl.NewClient(o.socket)
			defer c.Close()
			peer := netip.MustParseAddr(args[0])
			if err := c.Correspond(ctx, what, peer); err != nil {
				return err
			}
			if o.output.forPrograms() {
				return o.output.print(cmd.OutOrStdout(), struct {
					Action string     `json:"action"`
					Peer   netip.Addr `json:"peer"`
				}{what, peer})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), peer, now)
			return err
		},
	}
}

// onePeer wants an IPv6 address and nothing else.
func onePeer(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		if a, err := netip.ParseAddr(args[0]); err == nil && a.Is6() && !a.Is4In6() && a.Zone() == "" {
			return nil
		}
		return usageError{fmt.Sprintf("%q is no IPv6 address of a peer, such as 2001:db8:c::1", args[0])}
	}
	return usageError{fmt.Sprintf("%s wants one address of a peer, such as 2001:db8:c::1", cmd.CommandPath())}
}

// printCorrespondents is the second table of show bul; nothing where there are
// none.
func printCorrespondents(w page, list []ctl.BindingUpdate) {
	heads := []string{"CORRESPONDENT", "OF", "STATE", "CARE-OF", "TOKENS", "SEQ", "LEFT", "DIRECT OUT/IN", "TUNNEL OUT/IN", "LAST STATUS"}
	var rows [][]string
	for _, b := range list {
		for _, c := range b.Correspondents {
			status := "-"
			if c.LastStatus != nil {
				status = fmt.Sprintf("%d %s", *c.LastStatus, plain(c.LastStatusIs))
			}
			rows = append(rows, []string{
				addr(c.Peer), b.HomeAddress.Addr().String(), correspondentState(c), addr(c.CareOf),
				age(c.HomeToken) + ", " + age(c.CareOfToken), strconv.Itoa(int(c.Sequence)), span(c.Remaining),
				packets(c.Direct), packets(c.Tunnel), status,
			})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		printTable(w, "", heads, rows)
	}
}

func correspondentState(c ctl.Correspondent) string {
	switch {
	case c.Barred > 0:
		return "barred for " + span(c.Barred)
	case c.Retries > 0:
		return fmt.Sprintf("%s (try %d)", word(c.State), c.Retries+1)
	}
	return word(c.State)
}

// age is that of a token.
func age(s *ctl.Seconds) string {
	if s == nil {
		return "none"
	}
	return span(*s)
}

func packets(t *ctl.Traffic) string {
	if t == nil {
		return "-"
	}
	return fmt.Sprintf("%d/%d", t.PacketsOut, t.PacketsIn)
}
