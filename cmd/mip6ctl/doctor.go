package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mip6d/internal/config"
	"mip6d/internal/doctor"
	"mip6d/internal/probe"
	"mip6d/internal/rtnl"
)

func newDoctorCommand(o *options) *cobra.Command {
	var file, from string
	var names []string
	cmd := &cobra.Command{
		Use: "doctor [-c FILE | --role ha,mn,cn]", Short: "What the running kernel can do, and what that means for Mobile IPv6", Args: noArgs,
		Long: `Tries everything that mip6d wants of the kernel, by doing it in a network
namespace that is thrown away, and says what each role loses where something is
missing, and how to get it. No running mip6d is needed, and none is disturbed.
It has to be root.

The roles are those of the configuration, ` + defaultConfig + ` by default, or
those of --role. Without either all are told of.

Exit status 0 if each of these roles works, if with limits; 1 if one can't work,
or if that can't be found out; 2 if the command line or the configuration is wrong.
Where nobody has said which roles are wanted: 1 if there is none that works.`,
		Example: `  mip6ctl doctor --role mn
  mip6ctl doctor -o json >report; mip6ctl doctor --from report`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			roles, marks, err := wantedRoles(cmd, file, names)
			if err != nil {
				return err
			}
			kernel, findings, err := examine(cmd, from, marks)
			if err != nil {
				return err
			}
			report := doctor.Judge(kernel, findings, roles)
			if o.output.forPrograms() {
				err = o.output.print(cmd.OutOrStdout(), report)
			} else {
				printReport(cmd.OutOrStdout(), report)
			}
			if err == nil && !report.OK {
				err = quietError{exitError}
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", defaultConfig, "configuration `file` that says which roles are wanted")
	flags.StringSliceVar(&names, "role", nil, "the `roles` that are wanted: ha, mn, cn")
	flags.StringVar(&from, "from", "", "read what another machine's doctor has printed with -o json from a `file`, - for standard input, and probe nothing")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]string{"ha", "mn", "cn"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// wantedRoles are the roles that are wanted, none where nobody says, and the
// configuration's marks.
func wantedRoles(cmd *cobra.Command, file string, names []string) ([]doctor.Role, rtnl.Marks, error) {
	roles, err := doctor.ParseRoles(names)
	if err != nil {
		return nil, rtnl.Marks{}, usageError{"--role: " + err.Error()}
	}
	given := cmd.Flags().Changed("config")
	if cmd.Flags().Changed("role") {
		if len(roles) == 0 {
			return nil, rtnl.Marks{}, usageError{"--role wants at least one of ha, mn, cn"}
		}
		if !given {
			return roles, rtnl.Marks{}, nil
		}
	}
	c, err := config.Load(file, config.WithoutKeys())
	var problems config.Problems
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return roles, rtnl.Marks{}, nil
	case errors.As(err, &problems):
		fmt.Fprintln(cmd.ErrOrStderr(), problems)
		return nil, rtnl.Marks{}, quietError{exitUsage}
	case err != nil:
		return nil, rtnl.Marks{}, fmt.Errorf("%w; --role says without it which roles are wanted", err)
	}
	if len(roles) == 0 {
		roles = rolesOf(c)
	}
	return roles, marksOf(c), nil
}

func marksOf(c *config.Config) rtnl.Marks {
	return rtnl.Marks{
		RouteProtocol: uint8(c.Kernel.RouteProtocol), RulePriority: uint32(c.Kernel.RulePriority), Table: c.Kernel.Table,
		TunnelName: c.Kernel.TunnelName, PathPrefix: c.Kernel.TunnelPrefix,
	}
}

func rolesOf(c *config.Config) []doctor.Role {
	var roles []doctor.Role
	if c.HomeAgent != nil {
		roles = append(roles, doctor.HomeAgent)
	}
	if c.MobileNode != nil {
		roles = append(roles, doctor.MobileNode)
	}
	if c.CorrespondentNode != nil {
		roles = append(roles, doctor.CorrespondentNode)
	}
	return roles
}

// maxReport bounds what is read of another machine's report.
const maxReport = 1 << 20

// examine probes this kernel, or reads what was found elsewhere.
func examine(cmd *cobra.Command, from string, marks rtnl.Marks) (kernel string, findings []doctor.Finding, err error) {
	if from == "" {
		findings, err = probe.Scratch(probe.All(), probe.Options{Marks: marks})
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: run this as root (it takes CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF)", err)
		}
		return probe.Release(), findings, err
	}
	in := cmd.InOrStdin()
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return "", nil, fmt.Errorf("read a report: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxReport))
	if err != nil {
		return "", nil, fmt.Errorf("read a report: %w", err)
	}
	if kernel, findings, err = doctor.Read(text); err != nil {
		return "", nil, fmt.Errorf("read the report %s: %w", from, err)
	}
	return kernel, findings, nil
}

// printReport prints a line for each probe, what there is to say of those that are
// not ok under it, and the judgement last, where a terminal ends.
func printReport(w io.Writer, r doctor.Report) {
	fmt.Fprintf(w, "Linux %s\n", plain(r.Kernel))
	rows := [][]string{{"", "", "HA", "MN", "CN", ""}}
	for _, p := range r.Probes {
		rows = append(rows, []string{string(p.Status), string(p.Key), need(p, doctor.HomeAgent), need(p, doctor.MobileNode), need(p, doctor.CorrespondentNode), p.What})
	}
	var columns bytes.Buffer
	printColumns(&columns, rows)
	lines := strings.Split(columns.String(), "\n")
	group := ""
	for i, p := range r.Probes {
		if p.Group != group {
			group = p.Group
			fmt.Fprintf(w, "\n%s%s\n", group, lines[0][min(len(group), len(lines[0])):])
		}
		fmt.Fprintln(w, lines[i+1])
		if p.Status != doctor.OK {
			explain(w, p)
		}
	}
	fmt.Fprintln(w)
	for _, role := range r.Roles {
		fmt.Fprintf(w, "%s: %s\n", role.Role, judgement(role))
	}
}

// explain says why a probe failed, what of it, and what to do.
func explain(w io.Writer, p doctor.ProbeReport) {
	var rows [][]string
	row := func(name, text string) { rows = append(rows, []string{"        ", name, plain(text)}) }
	if p.Error != "" {
		row("why", p.Error)
	}
	for _, n := range p.Needs {
		row(n.Role.Short(), n.Without)
	}
	if p.Status == doctor.Denied {
		row("get it", doctor.Permission)
	} else {
		row("get it", doctor.Remedy(p.Get).String())
	}
	printColumns(w, rows)
}

func need(p doctor.ProbeReport, r doctor.Role) string {
	for _, n := range p.Needs {
		if n.Role == r {
			return string(n.Level)
		}
	}
	return "-"
}

// judgement is a role's verdict for people.
func judgement(r doctor.RoleReport) string {
	var must, should []string
	for _, l := range r.Lacks {
		if l.Level == doctor.Must {
			must = append(must, string(l.Key))
		} else {
			should = append(should, string(l.Key))
		}
	}
	switch r.Verdict {
	case doctor.Works:
		return "works"
	case doctor.Limited:
		return "works, within limits, without " + strings.Join(should, ", ")
	case doctor.CannotWork:
		return "cannot work without " + strings.Join(must, ", ")
	}
	return "cannot be told without " + strings.Join(must, ", ")
}
