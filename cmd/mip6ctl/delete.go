package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newDeleteCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "delete", Short: "End something by hand"}
	group(cmd)
	cmd.AddCommand(newDeleteBindingCommand(o))
	return cmd
}

func newDeleteBindingCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "binding HOA", Short: "End a home agent's binding of a home address",
		Long: `Ends a home agent's binding: when the command returns, its kernel forwards nothing
for the home address any more, and a restart does not bring the binding back. The
mobile node is told by a Binding Refresh Request, all that RFC 6275 has for it, and
may register again at once. To keep it away, deny it a binding (home_agent.policies)
and reload.`,
		Args: oneHomeAddress, ValidArgsFunction: o.completeHomeAddresses,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
			defer cancel()
			c := ctl.NewClient(o.socket)
			defer c.Close()
			b, err := c.DeleteBinding(ctx, netip.MustParseAddr(args[0]))
			if err != nil {
				return err
			}
			if o.output.forPrograms() {
				return o.output.print(cmd.OutOrStdout(), b)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the binding of %s at %s has ended\n", b.HomeAddress, b.CareOf)
			return err
		},
	}
}

// oneHomeAddress wants an IPv6 address and nothing else.
func oneHomeAddress(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Sprintf("%s wants one home address, such as 2001:db8:1::100", cmd.CommandPath())}
	}
	if a, err := netip.ParseAddr(args[0]); err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" {
		return usageError{fmt.Sprintf("%q is no home address, such as 2001:db8:1::100", args[0])}
	}
	return nil
}
