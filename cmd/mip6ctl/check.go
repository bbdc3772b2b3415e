package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mip6d/internal/config"
)

// defaultConfig is where mip6d looks unless told otherwise.
const defaultConfig = "/etc/mip6d/mip6d.yaml"

func newCheckCommand(o *options) *cobra.Command {
	var withoutKeys bool
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "What is wrong with a configuration", Args: atMostOneArg("file"),
		Long: "Checks a configuration file, " + defaultConfig + " by default, and prints everything that is\n" +
			"wrong with it. No running mip6d is needed. Exit status 2 if anything is wrong.",
		RunE: func(cmd *cobra.Command, args []string) error {
			file := defaultConfig
			if len(args) > 0 {
				file = args[0]
			}
			var opts []config.Option
			if withoutKeys {
				opts = append(opts, config.WithoutKeys())
			}
			c, err := config.Load(file, opts...)
			var problems config.Problems
			if err != nil && !errors.As(err, &problems) {
				return err
			}
			if o.output.forPrograms() {
				return checkJSON(cmd, o.output, file, problems)
			}
			if problems != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), problems)
				return quietError{exitUsage}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: all is well: %s\n", file, summary(c))
			return nil
		},
	}
	cmd.Flags().BoolVar(&withoutKeys, "without-keys", false, "leave the key files alone, for users who may not read them")
	return cmd
}

func checkJSON(cmd *cobra.Command, output format, file string, problems config.Problems) error {
	type problem struct {
		Line   int    `json:"line"`
		Column int    `json:"column"`
		Key    string `json:"key"`
		Text   string `json:"text"`
	}
	answer := struct {
		File     string    `json:"file"`
		OK       bool      `json:"ok"`
		Problems []problem `json:"problems"`
	}{File: file, OK: len(problems) == 0, Problems: []problem{}}
	for _, p := range problems {
		answer.Problems = append(answer.Problems, problem{p.Line, p.Column, p.Key, p.Text})
	}
	if err := output.print(cmd.OutOrStdout(), answer); err != nil {
		return err
	}
	if !answer.OK {
		return quietError{exitUsage}
	}
	return nil
}

// summary says what a good configuration makes of mip6d.
func summary(c *config.Config) string {
	text := "a correspondent node"
	open := false
	switch {
	case c.HomeAgent != nil:
		text = fmt.Sprintf("a home agent with %s and %s", count(len(c.HomeAgent.Links), "link"), count(len(c.HomeAgent.MobileNodes), "mobile node"))
		open = c.HomeAgent.AllowUnauthenticated
	case c.MobileNode != nil:
		text = fmt.Sprintf("a mobile node with %s and %s", count(len(c.MobileNode.Homes), "home address"), count(len(c.MobileNode.Interfaces), "interface"))
		open = c.MobileNode.AllowUnauthenticated
	}
	if open {
		text += "; allow_unauthenticated lets anybody redirect a home address without auth"
	}
	return text
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if noun == "home address" {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
