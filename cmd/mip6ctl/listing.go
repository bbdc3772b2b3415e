package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

// lister says what a list can be filtered and sorted by.
type lister[T any] struct {
	home   func(T) netip.Addr
	nets   func(T) []netip.Prefix // mobile networks behind it; nil: there are none
	careOf func(T) netip.Addr     // nil: there is none
	keys   []sortKey[T]
}

type sortKey[T any] struct {
	name    string
	compare func(a, b T) int
}

// by makes a key of a value.
func by[T any, V cmp.Ordered](name string, value func(T) V) sortKey[T] {
	return sortKey[T]{name, func(a, b T) int { return cmp.Compare(value(a), value(b)) }}
}

// byAddr makes a key of an address.
func byAddr[T any](name string, value func(T) netip.Addr) sortKey[T] {
	return sortKey[T]{name, func(a, b T) int { return value(a).Compare(value(b)) }}
}

// selection is what somebody wants of a list.
type selection struct {
	hoa    netip.Addr
	prefix netip.Prefix
	careOf netip.Prefix
	sort   string
}

// listing makes a command that asks for a list, of which a part may be wanted.
func listing[T any](o *options, use, short string, ask func(*ctl.Client, context.Context) ([]T, error), table func(page, []T), l lister[T]) *cobra.Command {
	var s selection
	some := func(c *ctl.Client, ctx context.Context) ([]T, error) {
		list, err := ask(c, ctx)
		if err != nil {
			return nil, err
		}
		return l.choose(list, s), nil
	}
	cmd := question(o, use, short, some, table)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, _, err := l.key(s.sort); err != nil {
			return err
		}
		return run(cmd, args)
	}
	l.flags(o, cmd, &s)
	return cmd
}

func (l lister[T]) flags(o *options, cmd *cobra.Command, s *selection) {
	flags := cmd.Flags()
	flags.Var(addressFlag{&s.hoa}, "hoa", "only that home `address`")
	_ = cmd.RegisterFlagCompletionFunc("hoa", o.completeHomeAddresses)
	flags.Var(prefixFlag{&s.prefix}, "prefix", "only home addresses, and mobile networks, in that `prefix`")
	_ = cmd.RegisterFlagCompletionFunc("prefix", cobra.NoFileCompletions)
	if l.careOf != nil {
		flags.Var(prefixFlag{&s.careOf}, "coa", "only care-of addresses in that `prefix`, or that one")
		_ = cmd.RegisterFlagCompletionFunc("coa", o.completeCareOf)
	}
	flags.StringVar(&s.sort, "sort", l.keys[0].name, "sort by `key`: "+strings.Join(l.names(), ", ")+"; the other way round with - before it")
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(l.names(), cobra.ShellCompDirectiveNoFileComp))
}

func (l lister[T]) names() []string {
	var names []string
	for _, k := range l.keys {
		names = append(names, k.name)
	}
	return names
}

func (l lister[T]) key(name string) (k sortKey[T], down bool, err error) {
	name, down = strings.CutPrefix(name, "-")
	i := slices.IndexFunc(l.keys, func(k sortKey[T]) bool { return k.name == name })
	if i < 0 {
		return k, down, usageError{fmt.Sprintf("--sort %s: there are %s", name, strings.Join(l.names(), ", "))}
	}
	return l.keys[i], down, nil
}

// choose filters and sorts. What is equal stays in the order of the first key.
func (l lister[T]) choose(list []T, s selection) []T {
	out := []T{}
	for _, x := range list {
		if l.wants(x, s) {
			out = append(out, x)
		}
	}
	k, down, err := l.key(s.sort)
	if err != nil {
		return out // it was refused before
	}
	slices.SortStableFunc(out, l.keys[0].compare)
	slices.SortStableFunc(out, func(a, b T) int {
		if down {
			a, b = b, a
		}
		return k.compare(a, b)
	})
	return out
}

func (l lister[T]) wants(x T, s selection) bool {
	home := l.home(x)
	switch {
	case s.hoa.IsValid() && home != s.hoa:
	case s.prefix.IsValid() && !s.prefix.Contains(home) && !l.behind(x, s.prefix):
	case s.careOf.IsValid() && l.careOf != nil && !s.careOf.Contains(l.careOf(x)):
	default:
		return true
	}
	return false
}

func (l lister[T]) behind(x T, p netip.Prefix) bool {
	return l.nets != nil && slices.ContainsFunc(l.nets(x), func(n netip.Prefix) bool { return n.Overlaps(p) })
}

// prefixFlag is a flag with a prefix, or with an address, which is one of full length.
type prefixFlag struct{ p *netip.Prefix }

func (f prefixFlag) String() string {
	if f.p == nil || !f.p.IsValid() {
		return ""
	}
	return f.p.String()
}

func (prefixFlag) Type() string { return "prefix" }

func (f prefixFlag) Set(s string) error {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		*f.p = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return fmt.Errorf("%q is neither a prefix, such as 2001:db8:1::/64, nor an address", s)
	}
	*f.p = p.Masked()
	return nil
}
