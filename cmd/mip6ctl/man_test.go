package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mip6d/internal/ctl"
	"mip6d/test/reference"
)

const manPage = "../../man/mip6ctl.8"

// TestReferenceManPage: "make reference" writes it anew.
func TestReferenceManPage(t *testing.T) {
	t.Setenv(ctl.SocketVariable, "")
	page, err := os.ReadFile(manPage)
	if err != nil {
		t.Fatal(err)
	}
	want, err := reference.Region(string(page), "mip6ctl's commands", reference.Commands(newRoot()))
	if err != nil {
		t.Fatal(err)
	}
	if err := reference.Keep(manPage, want, *update); err != nil {
		t.Error(err)
	}
}

// TestManPageIsComplete looks for every command and every flag.
func TestManPageIsComplete(t *testing.T) {
	b, err := os.ReadFile(manPage)
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(b), `\-`, "-")
	commands := 0
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				look(sub)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, " Fl -"+f.Name) {
				t.Errorf("%s --%s is not in mip6ctl(8)", c.CommandPath(), f.Name)
			}
		})
		if c.HasAvailableSubCommands() {
			return
		}
		commands++
		name := strings.TrimPrefix(c.CommandPath(), "mip6ctl ")
		if !strings.Contains(page, ".It Cm "+name+"\n") && !strings.Contains(page, `.It Cm "`+name+` `) && !strings.Contains(page, `.It Cm "`+name+`"`) {
			t.Errorf("%s is not in mip6ctl(8)", c.CommandPath())
		}
	}
	look(newRoot())
	if commands < 10 {
		t.Errorf("only %d commands looked for", commands)
	}
	if !strings.Contains(page, ".It Ev "+ctl.SocketVariable+"\n") || !strings.Contains(page, ctl.DefaultSocket) {
		t.Error("mip6ctl(8) does not name the socket or its variable")
	}
}
