package reference

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands makes mdoc of a program's commands, with their flags, and of the flags that
// all of them have.
func Commands(root *cobra.Command) string {
	m := &mdoc{}
	m.macro("Sh", "COMMANDS")
	m.macro("Bl", "-tag", "-width", "Ds")
	m.commands(root, root)
	m.macro("El")
	m.macro("Sh", "OPTIONS OF ALL COMMANDS")
	m.flags(root.PersistentFlags())
	return m.String()
}

func (m *mdoc) commands(root, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "completion" || c.Name() == "help" {
			continue // cobra's own; written by hand
		}
		if c.HasAvailableSubCommands() {
			m.commands(root, c)
			continue
		}
		m.macro("It", "Cm", escape(strings.TrimPrefix(c.CommandPath(), root.Name()+" ")+strings.TrimPrefix(c.Use, c.Name())))
		m.text(escape(strings.TrimRight(c.Short, ".")) + ".")
		if c.Long != "" {
			m.macro("Pp")
			m.paragraphs(c.Long)
		}
		if c.LocalNonPersistentFlags().HasAvailableFlags() {
			m.flags(c.LocalNonPersistentFlags())
		}
		if c.Example != "" {
			m.literal(c.Example)
		}
	}
}

func (m *mdoc) flags(set *pflag.FlagSet) {
	m.macro("Bl", "-tag", "-width", "Ds")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		args := []string{}
		if f.Shorthand != "" {
			args = append(args, "Fl", f.Shorthand, ",")
		}
		args = append(args, "Fl", escape("-"+f.Name))
		if value != "" {
			args = append(args, "Ar", escape(value))
		}
		m.macro("It", args...)
		text := usage
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0s" && d != "0" {
			text += "; default: " + d
		}
		m.text(escape(text))
	})
	m.macro("El")
}
