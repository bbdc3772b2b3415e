package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

// Completion is asked for by a shell while somebody types: it waits for nobody, and says
// nothing where mip6d does not answer.
const (
	completionTimeout = 500 * time.Millisecond
	maxCompletions    = 200
)

// completeHomeAddresses offers the home addresses that mip6d knows.
func (o *options) completeHomeAddresses(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return o.offer(begun, func(home, _ netip.Addr) netip.Addr { return home })
}

// completeCareOf offers the care-of addresses that it knows.
func (o *options) completeCareOf(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return o.offer(begun, func(_, careOf netip.Addr) netip.Addr { return careOf })
}

func (o *options) offer(begun string, pick func(home, careOf netip.Addr) netip.Addr) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	c := ctl.NewClient(o.socket)
	defer c.Close()
	var list []cobra.Completion
	add := func(home, careOf netip.Addr) {
		if a := pick(home, careOf); a.IsValid() && strings.HasPrefix(a.String(), begun) && len(list) < maxCompletions {
			list = append(list, a.String())
		}
	}
	bindings, err := c.Bindings(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, b := range bindings {
		add(b.HomeAddress, b.CareOf)
	}
	updates, _ := c.BUL(ctx) // without them the others are of use all the same
	for _, b := range updates {
		add(b.HomeAddress.Addr(), b.CareOf)
	}
	slices.Sort(list)
	return slices.Compact(list), cobra.ShellCompDirectiveNoFileComp
}
