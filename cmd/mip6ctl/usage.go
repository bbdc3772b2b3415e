package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// group makes a command that only holds others.
func group(cmd *cobra.Command) {
	cmd.Args = subcommand
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !cmd.HasParent() {
			return usageError{fmt.Sprintf("a command is missing; there are %s. Try \"%s --help\".", strings.Join(names(cmd), ", "), cmd.Name())}
		}
		return usageError{fmt.Sprintf("%s what? There are %s. Try \"%s --help\".", cmd.Name(), strings.Join(names(cmd), ", "), cmd.CommandPath())}
	}
}

// subcommand says what is wrong with a word that no command matched.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var like []string
	for _, name := range names(cmd) {
		if strings.HasPrefix(name, args[0]) {
			like = append(like, name)
		}
	}
	if len(like) == 0 {
		like = cmd.SuggestionsFor(args[0])
	}
	switch {
	case len(like) > 1:
		return usageError{fmt.Sprintf("%q may be %s", args[0], strings.Join(like, " or "))}
	case len(like) == 1:
		return usageError{fmt.Sprintf("there is no command %q; did you mean %q?", args[0], like[0])}
	}
	return usageError{fmt.Sprintf("there is no command %q; there are %s", args[0], strings.Join(names(cmd), ", "))}
}

// names are the commands that a user may want.
func names(cmd *cobra.Command) []string {
	var list []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, c.Name())
		}
	}
	return list
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Sprintf("%s wants nothing after it, and got %q", cmd.Name(), args[0])}
	}
	return nil
}

func atMostOneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError{fmt.Sprintf("%s wants one %s, and got %d arguments", cmd.Name(), what, len(args))}
		}
		return nil
	}
}
