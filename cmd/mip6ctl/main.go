// Mip6ctl asks a running mip6d what it does, over its control socket; it checks
// configurations, converts those of UMIP, decodes messages and probes the kernel
// without one.
//
//	mip6ctl status
//	mip6ctl show bindings|bul|groups [--hoa HOA] [--prefix P] [--coa P] [--sort KEY]
//	mip6ctl show home-agents|nonces|interfaces|ipsec|stats
//	mip6ctl watch [--since 1h] [--hoa HOA]
//	mip6ctl top
//	mip6ctl events [--since 1h] [--hoa HOA]
//	mip6ctl report [--since 1h] [--hoa HOA] -o FILE
//	mip6ctl trace HOA [--since 5m] [--follow]
//	mip6ctl drain [--timeout 10m] [--cancel]
//	mip6ctl delete binding HOA
//	mip6ctl reload
//	mip6ctl ipsec migrate --old A --new B [--peer P] [--dry-run]
//	mip6ctl ro start|stop PEER
//	mip6ctl flush bul PEER
//	mip6ctl check FILE
//	mip6ctl convert-umip [FILE]
//	mip6ctl decode HEX
//	mip6ctl doctor
//	mip6ctl bug-report
//	mip6ctl version
//
// Commands accept unambiguous beginnings: "mip6ctl sh int". Exit status: 0 all
// is well, 1 it could not be done, 2 the command line or the checked or
// converted configuration is wrong.
//
// A command has a file of its name, but for ro and flush in correspond.go. main.go and
// usage.go are the command line; listing.go and listers.go filters and orders, since.go
// points in time, complete.go what shells offer, table.go and human.go what people see,
// topmodel.go and topview.go the terminal view, bugkernel.go and redact.go parts of the
// bug report.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/ctl"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// answerTimeout bounds how long a daemon may take to answer a question.
const answerTimeout = 10 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := newRoot()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	var quiet quietError
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &quiet):
		return quiet.status
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "mip6ctl: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "mip6ctl: %v\n", err)
		return exitError
	}
}

// quietError ends the program with a status; what was wrong has been told.
type quietError struct{ status int }

func (e quietError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// options are the flags of every command.
type options struct {
	socket string
	output format
}

func newRoot() *cobra.Command {
	cobra.EnablePrefixMatching = true
	o := &options{socket: ctl.DefaultSocket, output: formatTable}
	if path := os.Getenv(ctl.SocketVariable); path != "" {
		o.socket = path
	}
	cmd := &cobra.Command{
		Use:   "mip6ctl",
		Short: "Look at a running mip6d, the Mobile IPv6 daemon",
		Long: `Mip6ctl asks a running mip6d what it does; it checks configurations, converts
those of UMIP, decodes messages and probes the kernel without one.

Commands may be shortened as long as they are unambiguous: "mip6ctl sh int".

-o chooses what is printed: a table; wide, with more columns; json, one value; jsonl,
the elements of a list one a line. Keys are those of docs/api.md and stay. What has
nothing to say but what it is for refuses json and jsonl: top, completion, and
bug-report to standard output. report has its file's name there, and decode prints
JSON always.

Exit status: 0 all is well, 1 it could not be done, 2 the command line or the
checked or converted configuration is wrong.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	group(cmd)
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if p := cmd.Parent(); p != nil && p.Name() == "completion" && o.output.forPrograms() {
			return usageError{"completion prints a script for a shell, and has no JSON: leave -o out"}
		}
		return nil
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.socket, "socket", o.socket, "mip6d's control `socket`; $"+ctl.SocketVariable+" changes the default")
	flags.VarP(&o.output, "output", "o", "`format`: table or wide for people, json or jsonl for programs")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Sprintf("%v\nTry \"%s --help\".", err, cmd.CommandPath())}
	})
	cmd.AddCommand(
		newStatusCommand(o), newShowCommand(o), newWatchCommand(o), newTopCommand(o), newEventsCommand(o), newReportCommand(o), newTraceCommand(o), newDrainCommand(o), newDeleteCommand(o), newReloadCommand(o), newROCommand(o), newFlushCommand(o), newIPsecCommand(o),
		newCheckCommand(o), newConvertCommand(o), newDecodeCommand(o), newDoctorCommand(o), newBugReportCommand(o), newVersionCommand(o),
	)
	return cmd
}

// question makes a command that asks one question and prints the answer.
func question[T any](o *options, use, short string, ask func(*ctl.Client, context.Context) (T, error), table func(page, T)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
			defer cancel()
			c := ctl.NewClient(o.socket)
			defer c.Close()
			v, err := ask(c, ctx)
			if err != nil {
				return err
			}
			if o.output.forPrograms() {
				return o.output.print(cmd.OutOrStdout(), v)
			}
			table(o.page(cmd), v)
			return nil
		},
	}
}
