// Command vmrun runs a program in mip6d's test VM:
//
//	go run ./test/vm/cmd/vmrun -file build/x.test:/x.test -- /x.test -test.v
//
// It ends with the program's exit status; 124 when the time was up, 125 when
// the VM itself failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"mip6d/test/vm"
)

func main() { os.Exit(run()) }

func run() int {
	cfg := vm.Config{Stdout: os.Stdout, Stderr: os.Stderr}
	flag.DurationVar(&cfg.Timeout, "timeout", 0, "how long the program may run, boot included (default 2m)")
	flag.IntVar(&cfg.CPUs, "smp", 2, "number of CPUs")
	flag.IntVar(&cfg.Memory, "mem", 1024, "memory in MiB")
	flag.StringVar(&cfg.Kernel, "kernel", os.Getenv("KERNEL"), "kernel version of the cloud kernel package, such as 6.12 (default: the distribution's)")
	flag.StringVar(&cfg.Dir, "dir", "", "working directory in the guest (default /tmp)")
	flag.BoolVar(&cfg.NoKVM, "tcg", false, "software emulation even where KVM works")
	verbose := flag.Bool("v", false, "say how long the boot took")
	flag.Func("file", "`host:guest`: put a file or directory into the guest; repeatable", func(s string) error {
		host, guest, ok := strings.Cut(s, ":")
		if !ok || !strings.HasPrefix(guest, "/") {
			return errors.New("want HOST:/GUEST")
		}
		cfg.Files = append(cfg.Files, vm.File{Host: host, Guest: guest})
		return nil
	})
	flag.Func("env", "`KEY=VALUE` for the program; repeatable", func(s string) error {
		cfg.Env = append(cfg.Env, s)
		return nil
	})
	flag.Func("fetch", "guest `path` (file, directory or glob) to copy back; repeatable", func(s string) error {
		cfg.Fetch = append(cfg.Fetch, s)
		return nil
	})
	flag.StringVar(&cfg.FetchDir, "fetch-dir", "build/fetched", "where fetched files go")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: vmrun [flags] -- /program/in/guest [args]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		return 2
	}
	cfg.Args = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	res, err := vm.Run(ctx, cfg)
	if res != nil {
		for _, l := range res.Trouble {
			fmt.Fprintln(os.Stderr, "vmrun: the guest's kernel said:", l)
		}
		if *verbose {
			fmt.Fprintf(os.Stderr, "vmrun: kernel %s, KVM %v, first step after %v\n", res.Kernel, res.KVM, res.Boot)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmrun:", err)
		if errors.Is(err, vm.ErrTimeout) {
			return vm.CodeTimeout
		}
		return vm.CodeFailure
	}
	for _, s := range res.Steps {
		if s.Err != "" {
			fmt.Fprintln(os.Stderr, "vmrun:", s.Err)
		}
	}
	return res.Code
}
