// Command bench is `make bench`: it measures on this kernel or in the test VM,
// and leaves build/bench/report.json and docs/benchmarks.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"mip6d/test/bench"
	"mip6d/test/bench/report"
	"mip6d/test/testkernel"
	"mip6d/test/vm"
)

type options struct {
	dir, doc string
	short    bool
	remark   string
	only     string
	vm       bool
	kernel   string
	cpus     int
	memory   int
	measure  bool
	render   bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "build/bench", "where report.json goes")
	flag.StringVar(&o.doc, "doc", "docs/benchmarks.md", "the document to write; empty: none")
	flag.BoolVar(&o.short, "short", false, "a few minutes: fewer bindings, shorter streams")
	flag.StringVar(&o.remark, "remark", "", "what to say of the machine, such as what else it was doing")
	flag.StringVar(&o.only, "only", "", "measure one `part` anew (homeagent, correspondent, handover, perinterface) and keep the rest of the report that is there")
	flag.BoolVar(&o.vm, "vm", false, "use the VM even if this kernel would do")
	flag.StringVar(&o.kernel, "kernel", os.Getenv("KERNEL"), "kernel version for the VM, such as 6.12")
	flag.IntVar(&o.cpus, "smp", 2, "CPUs of the VM")
	flag.IntVar(&o.memory, "mem", 4096, "memory of the VM in MiB")
	flag.BoolVar(&o.measure, "measure", false, "measure here and now; used inside the VM")
	flag.BoolVar(&o.render, "render", false, "measure nothing, write the document of the report that is there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case o.measure:
		err = measure(ctx, o)
	case o.render:
		err = render(o)
	default:
		err = stage(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// packages is where test binaries are, below the directory.
const packages = "packages"

// stage builds everything, has it measured where that can be, and writes the
// document.
func stage(ctx context.Context, o options) error {
	file := filepath.Join(o.dir, "report.json")
	var old report.Report
	if o.only != "" {
		var err error
		if old, err = read(file); err != nil {
			return err
		}
		if err := old.Replace(o.only, old); err != nil {
			return err
		}
	} else if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) { // an old report must not pass for a new one
		return err
	}
	if err := build(ctx, o); err != nil {
		return err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	args := []string{"-measure", fmt.Sprintf("-short=%v", o.short), "-only", o.only}
	where := "this machine"
	if testkernel.Capable() == nil && !o.vm {
		err = here(ctx, o, args)
	} else {
		where, err = inVM(ctx, o, args)
	}
	r, readErr := read(file)
	if err = errors.Join(err, readErr); err != nil && o.only != "" {
		return errors.Join(err, write(file, old.Write))
	}
	if readErr != nil {
		return err
	}
	r.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	r.Machine = machine(where, o.remark)
	if o.only != "" {
		old.Load, old.Machine = r.Load, r.Machine
		if !slices.Contains(old.Anew, o.only) {
			old.Anew = append(old.Anew, o.only)
		}
		err = old.Replace(o.only, r)
		r = old
	}
	if err := errors.Join(err, write(file, r.Write)); err != nil {
		return err
	}
	return errors.Join(r.Complete(), render(o))
}

func render(o options) error {
	r, err := read(filepath.Join(o.dir, "report.json"))
	if err != nil || o.doc == "" {
		return err
	}
	return write(o.doc, r.WriteMarkdown)
}

func build(ctx context.Context, o options) error {
	tool := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
		return nil
	}
	if err := tool("build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(o.dir, "bin")+"/", "./cmd/mip6d", "./test/bench/cmd/bench"); err != nil {
		return err
	}
	for _, p := range bench.HotPaths {
		if err := tool("test", "-c", "-ldflags=-s -w", "-o", filepath.Join(o.dir, packages, bench.TestBinary(p.Package)), "./"+p.Package); err != nil {
			return err
		}
	}
	return nil
}

func here(ctx context.Context, o options, args []string) error {
	bin, err := filepath.Abs(filepath.Join(o.dir, "bin"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "bench"), append(args, "-dir", o.dir)...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	return cmd.Run()
}

// inVM measures in the VM and says what kind of a machine that was.
func inVM(ctx context.Context, o options, args []string) (string, error) {
	const dir = "/bench"
	cfg := vm.Config{
		Args:   append(append([]string{"/bin/bench"}, args...), "-dir", dir),
		Kernel: o.kernel, CPUs: o.cpus, Memory: o.memory, Timeout: 45 * time.Minute,
		Files: []vm.File{
			{Host: filepath.Join(o.dir, "bin", "bench"), Guest: "/bin/bench"},
			{Host: filepath.Join(o.dir, "bin", "mip6d"), Guest: "/bin/mip6d"},
			{Host: filepath.Join(o.dir, packages), Guest: dir + "/" + packages},
		},
		Fetch: []string{dir + "/report.json", dir + "/*/log"}, FetchDir: filepath.Join(o.dir, "guest"),
		Stdout: os.Stdout, Stderr: os.Stderr,
	}
	res, err := vm.Run(ctx, cfg)
	if err != nil {
		return "", err
	}
	how := "software emulation (QEMU, TCG)"
	if res.KVM {
		how = "KVM"
	}
	where := fmt.Sprintf("VM with %d processors and %d MiB, %s", o.cpus, o.memory, how)
	if err := os.Rename(filepath.Join(cfg.FetchDir, dir, "report.json"), filepath.Join(o.dir, "report.json")); err != nil {
		return where, fmt.Errorf("no report came back: %w", err)
	}
	if res.Code != 0 {
		return where, fmt.Errorf("measuring failed (exit status %d)", res.Code)
	}
	return where, nil
}

func read(file string) (r report.Report, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}
