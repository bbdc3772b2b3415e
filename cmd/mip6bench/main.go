// Mip6bench measures a Mobile IPv6 home agent (RFC 6275): it plays many mobile
// nodes that register, refresh, move and de-register with real messages,
// authenticated by RFC 4285 or not at all, at a given rate or as fast as they
// are answered. It works with any home agent; see man/mip6bench.8.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"mip6d/internal/loadgen"
)

// Exit statuses.
const (
	exitFailure = 1 // a registration was lost or refused, or nothing could be measured
	exitUsage   = 2 // the command line is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(errOut, "mip6bench:", err)
		return exitUsage
	}
	if o.configuration {
		writeConfiguration(out, o)
		return 0
	}
	failed, err := measure(ctx, o, out)
	if err != nil {
		fmt.Fprintln(errOut, "mip6bench:", err)
		return exitFailure
	}
	if failed > 0 {
		fmt.Fprintf(errOut, "mip6bench: %d registrations were lost or refused\n", failed)
		return exitFailure
	}
	return 0
}

// measure runs one load after the other and prints each one's figures as soon as
// they are there, or all at the end as JSON. It returns how many registrations
// did not end as wanted.
func measure(ctx context.Context, o options, out io.Writer) (failed int, err error) {
	g, err := loadgen.Open(o.population, o.generator)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	w := newWriter(out, o)
	for _, l := range o.loads() {
		results, err := g.Run(ctx, l)
		if err != nil {
			return failed, err
		}
		for _, r := range results {
			failed += r.Failed()
			w.result(r)
		}
	}
	return failed, w.end()
}
