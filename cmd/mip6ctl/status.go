package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

func newStatusCommand(o *options) *cobra.Command {
	return question(o, "status", "What mip6d is and how it is", (*ctl.Client).Status, printStatus)
}

func printStatus(w page, s ctl.Status) {
	roles := make([]string, len(s.Roles))
	for i, r := range s.Roles {
		roles[i] = strings.ReplaceAll(r, "_", " ")
	}
	config := word(s.Config)
	if s.Loaded.After(s.Since) {
		config += ", loaded " + moment(s.Loaded)
	}
	rows := [][]string{
		{"role", words(roles)},
		{"version", word(s.Version)},
		{"pid", strconv.Itoa(s.PID)},
		{"running since", moment(s.Since)},
		{"configuration", config},
		{"problems", "none"},
	}
	if n := len(s.Problems); n > 0 {
		rows[len(rows)-1][1] = fmt.Sprintf("%d, the worst first", n)
	}
	printColumns(w, rows)
	for _, p := range s.Problems {
		fmt.Fprintf(w, "\n%s: %s (since %s)\n", word(string(p.Severity)), plain(p.Text), moment(p.Since))
		if p.Do != "" {
			fmt.Fprintf(w, "  %s\n", plain(p.Do))
		}
	}
}
