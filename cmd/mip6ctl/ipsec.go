package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newIPsecCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "ipsec", Short: "IPsec tunnels of other programs"}
	group(cmd)
	cmd.AddCommand(newMigrateCommand(o))
	return cmd
}

func newMigrateCommand(o *options) *cobra.Command {
	var m ctl.Migrate
	cmd := &cobra.Command{
		Use: "migrate", Short: "Move the ESP tunnels that end at an address to another one",
		Long: `Moves the ESP tunnels that end at an address, at either end, to another address:
policies and security associations together, which go on with their keys and
sequence numbers. The other end has to do the same. With tunnels to several peers
at the address, --peer says which. mip6d's own tunnels move by themselves and are
refused. Tunnels are those between IPv6 addresses that carry IPv6.`,
		Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.Var(addressFlag{&m.Old}, "old", "the `address` that the tunnels have now")
	flags.Var(addressFlag{&m.New}, "new", "the `address` that they are to have")
	flags.Var(addressFlag{&m.Peer}, "peer", "the `address` of their other end")
	flags.BoolVar(&m.DryRun, "dry-run", false, "only print what would change")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !m.Old.IsValid() || !m.New.IsValid() {
			return usageError{fmt.Sprintf("%s wants --old and --new, an address each", cmd.CommandPath())}
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
		defer cancel()
		c := ctl.NewClient(o.socket)
		defer c.Close()
		list, err := c.Migrate(ctx, m)
		if err != nil {
			return err
		}
		if o.output.forPrograms() {
			return o.output.print(cmd.OutOrStdout(), list)
		}
		printMigrated(o.page(cmd), list, m.DryRun)
		return nil
	}
	return cmd
}

// addressFlag is a flag with an IPv6 address.
type addressFlag struct{ a *netip.Addr }

func (f addressFlag) String() string {
	if f.a == nil || !f.a.IsValid() {
		return ""
	}
	return f.a.String()
}

func (f addressFlag) Set(s string) error {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" {
		return fmt.Errorf("%q is no IPv6 address, such as 2001:db8:c::1", s)
	}
	*f.a = a
	return nil
}

func (addressFlag) Type() string { return "address" }

func printMigrated(w page, list []ctl.Migrated, dry bool) {
	rows := make([][]string, len(list))
	for i, m := range list {
		rows[i] = []string{
			m.Policy.Direction, selector(m.Policy), addr(m.From) + " → " + addr(m.To), addr(m.NewFrom) + " → " + addr(m.NewTo), numbers(m.Associations),
		}
	}
	now := "NOW"
	if dry {
		now = "WOULD BE"
	}
	printTable(w, "Nothing to move.", []string{"DIR", "PACKETS", "TUNNEL", now, "SPI"}, rows)
}

func numbers(list []uint32) string {
	var all []string
	for _, n := range list {
		all = append(all, strconv.FormatUint(uint64(n), 10))
	}
	return words(all)
}

func printIPsec(w page, i ctl.IPsec) {
	var rows [][]string
	for _, p := range i.Policies {
		tunnel := "-"
		if p.TunnelFrom.IsValid() {
			tunnel = addr(p.TunnelFrom) + " → " + addr(p.TunnelTo)
		}
		rows = append(rows, []string{addr(p.HomeAddress), plain(p.Purpose), p.Direction, selector(p), plain(p.Mode), tunnel})
	}
	printTable(w, "No policies.", []string{"HOME ADDRESS", "PROTECTS", "DIR", "PACKETS", "MODE", "TUNNEL"}, rows)
	rows = nil
	for _, a := range i.Associations {
		rows = append(rows, []string{
			addr(a.HomeAddress), plain(a.Purpose), strconv.FormatUint(uint64(a.SPI), 10), plain(a.Mode), addr(a.Source) + " → " + addr(a.Destination),
			a.Algorithm, strconv.FormatUint(a.Packets, 10), strconv.FormatUint(a.Bytes, 10), strconv.FormatUint(uint64(a.Failed), 10),
			strconv.FormatUint(uint64(a.Sequence), 10), span(a.Age),
		})
	}
	fmt.Fprintln(w)
	printTable(w, "No security associations.",
		[]string{"HOME ADDRESS", "PROTECTS", "SPI", "MODE", "FROM AND TO", "ALGORITHM", "PACKETS", "BYTES", "FAILED", "SEQ", "AGE"}, rows)
}

// selector tells which packets a policy is for.
func selector(p ctl.IPsecPolicy) string {
	side := func(x netip.Prefix) string {
		switch {
		case !x.IsValid():
			return "any"
		case x.IsSingleIP():
			return x.Addr().String()
		}
		return x.String()
	}
	text := side(p.Source) + " → " + side(p.Destination)
	names := map[uint8]string{135: "MH", 58: "ICMPv6"}
	switch name := names[p.Protocol]; {
	case p.Protocol == 0:
	case name == "":
		text += fmt.Sprintf(" protocol %d", p.Protocol)
	default:
		text += " " + name
	}
	if p.Type != nil {
		text += fmt.Sprintf(" %d", *p.Type)
	}
	return strings.TrimSpace(text)
}
