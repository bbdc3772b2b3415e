// Mip6d is a Mobile IPv6 daemon: home agent or mobile node (RFC 6275).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/sdnotify"
)

const defaultConfig = "/etc/mip6d/mip6d.yaml"

// Exit statuses.
const (
	exitFailure = 1 // the daemon could not do its work
	exitUsage   = 2 // the command line or the configuration is wrong
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	flags := flag.NewFlagSet("mip6d", flag.ContinueOnError)
	file := flags.String("c", defaultConfig, "configuration `file`")
	check := flags.Bool("check", false, "check the configuration and exit")
	cleanup := flags.Bool("cleanup", false, "remove everything that mip6d has put into the kernel, and exit")
	version := flags.Bool("version", false, "print the version and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "mip6d: unexpected argument %q; see mip6d -h\n", flags.Arg(0))
		return exitUsage
	case *version:
		fmt.Println("mip6d", ctl.Version())
		return 0
	}
	smallPages()
	var opts []config.Option
	if *cleanup {
		opts = append(opts, config.WithoutKeys())
	}
	cfg, err := config.Load(*file, opts...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	if *check {
		return 0
	}
	log := newLogger(cfg.Log)
	if err := formHomeAddresses(cfg, linkAddress); err != nil && !*cleanup { // without them, cleanup still finds what has our mark
		log.Error("mip6d ends", "err", err)
		return exitFailure
	}
	if *cleanup {
		if err := cleanUp(cfg); err != nil {
			log.Error("cleanup", "err", err)
			return exitFailure
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	d := newDaemon(cfg, log)
	if d.manager, err = sdnotify.FromEnvironment(os.Getenv, os.Getpid()); err != nil {
		log.Warn("systemd does not hear us", "err", err)
	}
	sdnotify.Unset()
	if err := d.run(ctx); err != nil {
		log.Error("mip6d ends", "err", err)
		return exitFailure
	}
	return 0
}
