// Command kerneltests runs every TestKernel… test of the module on a real
// kernel: here, when this kernel and our rights allow, else all packages in
// one boot of the test VM. It fails when a test fails, when one was skipped,
// and when none ran.
//
//	go run ./test/vm/cmd/kerneltests [flags] [packages]
//
// With ALLOW_SKIP=1 it ends with success where neither this kernel is capable
// nor a VM can be had.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"mip6d/test/testkernel"
	"mip6d/test/vm"
)

type options struct {
	run, skip string
	bench     string
	verbose   bool
	vm        bool
	timeout   time.Duration
	kernel    string
	tcg       bool
	cpus, mem int
	keep      string
	patterns  []string
}

func main() {
	var o options
	flag.StringVar(&o.run, "run", "^TestKernel", "run only tests that match `regexp`")
	flag.StringVar(&o.skip, "skip", "", "leave out tests that match `regexp`")
	flag.StringVar(&o.bench, "bench", "", "run no tests but the benchmarks BenchmarkKernel… that match `regexp`, and print their figures")
	flag.BoolVar(&o.verbose, "v", false, "print the output of passing tests too")
	flag.BoolVar(&o.vm, "vm", false, "use the VM even if this kernel would do")
	flag.DurationVar(&o.timeout, "timeout", 40*time.Minute, "for everything together")
	flag.StringVar(&o.kernel, "kernel", os.Getenv("KERNEL"), "kernel version for the VM, such as 6.12")
	flag.BoolVar(&o.tcg, "tcg", false, "software emulation even where KVM works")
	flag.IntVar(&o.cpus, "smp", 2, "CPUs of the VM")
	flag.IntVar(&o.mem, "mem", 1536, "memory of the VM in MiB")
	flag.StringVar(&o.keep, "artifacts", "build/kerneltests/artifacts", "where what tests leave in $MIP6D_ARTIFACTS goes")
	flag.Parse()
	o.patterns = flag.Args()
	if len(o.patterns) == 0 {
		o.patterns = []string{"./..."}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "kerneltests:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	capable := testkernel.Capable()
	if _, err := exec.LookPath("qemu-system-x86_64"); (capable != nil || o.vm) && err != nil {
		if os.Getenv("ALLOW_SKIP") == "1" {
			fmt.Printf("SKIP: real-kernel tests: this kernel: %v; no qemu-system-x86_64 (ALLOW_SKIP=1)\n", capable)
			return nil
		}
		return fmt.Errorf("this kernel cannot run the tests (%w) and qemu-system-x86_64 is not installed: run scripts/install-qemu, or set ALLOW_SKIP=1 to go on without", capable)
	}
	declaration := "func TestKernel"
	if o.bench != "" {
		declaration, o.verbose = "func BenchmarkKernel", true
	}
	packages, err := findPackages(ctx, declaration, o.patterns)
	if err != nil {
		return err
	}
	if err := build(ctx, packages); err != nil {
		return err
	}
	if capable == nil && !o.vm {
		fmt.Println("kerneltests: this kernel will do")
		return runHere(ctx, o, packages)
	}
	return runInVM(ctx, o, packages)
}

// testArgs runs a package's tests but those that are done.
func (o options) testArgs(file string, done []string) []string {
	if o.bench != "" {
		return []string{file, "-test.run", "^$", "-test.bench", o.bench, "-test.benchtime", "4s", "-test.timeout", o.timeout.String()}
	}
	args := []string{file, "-test.v", "-test.run", o.run, "-test.timeout", o.timeout.String()}
	var skip []string
	if o.skip != "" {
		skip = append(skip, o.skip)
	}
	if len(done) > 0 {
		skip = append(skip, "^("+strings.Join(done, "|")+")$")
	}
	if len(skip) > 0 {
		args = append(args, "-test.skip", strings.Join(skip, "|"))
	}
	return args
}

// maxLockups is how often a run goes on in a new VM after the guest's kernel has locked up,
// as Debian's 6.1 has done under software emulation in different tests, with both processors
// in the kernel for the test's own program; nobody has found out why (docs/testing.md).
const maxLockups = 2

func runInVM(ctx context.Context, o options, packages []pkg) error {
	rep := newReport(os.Stdout, o.verbose)
	left, done := packages, []string(nil)
	for lockups := 0; ; lockups++ {
		err := runVM(ctx, o, rep, left, done)
		if err == nil {
			return rep.verdict(len(packages))
		}
		if lockups == maxLockups || !strings.Contains(err.Error(), "softlockup") || rep.failed > 0 {
			rep.abort()
			return err
		}
		i := slices.IndexFunc(left, func(p pkg) bool { return p.ImportPath == rep.name })
		if i < 0 {
			rep.abort()
			return err
		}
		if i > 0 {
			done = nil
		}
		left, done = left[i:], append(done, rep.lockedUp(err)...)
	}
}

// runVM runs packages in one VM; of the first, without the tests that are done.
func runVM(ctx context.Context, o options, rep *report, packages []pkg, done []string) error {
	cfg := vm.Config{
		Timeout: o.timeout, Kernel: o.kernel, NoKVM: o.tcg, CPUs: o.cpus, Memory: o.mem,
		Env:      []string{testkernel.RequiredEnv + "=required", "MIP6D_ARTIFACTS=/artifacts", "GOTRACEBACK=all"},
		Fetch:    []string{"/artifacts"},
		FetchDir: o.keep,
	}
	for _, c := range commands {
		if _, err := os.Stat(c.file()); err == nil {
			cfg.Files = append(cfg.Files, vm.File{Host: c.file(), Guest: "/bin/" + c.name})
		}
	}
	for i, p := range packages {
		if i > 0 {
			done = nil
		}
		dir := "/src/" + p.name()
		file := dir + "/" + p.name() + ".test"
		cfg.Files = append(cfg.Files, vm.File{Host: p.file(), Guest: file})
		if p.testdata() != "" {
			cfg.Files = append(cfg.Files, vm.File{Host: p.testdata(), Guest: dir + "/testdata"})
		}
		files, err := p.guestFiles(ctx)
		if err != nil {
			return err
		}
		for _, f := range files {
			cfg.Files = append(cfg.Files, vm.File{Host: f.host, Guest: f.guest})
		}
		cfg.Steps = append(cfg.Steps, vm.Step{Name: p.ImportPath, Args: o.testArgs(file, done), Dir: dir})
	}
	cfg.OnBegin = func(s vm.Step) { rep.begin(s.Name) }
	cfg.OnEnd = func(r vm.StepResult) {
		if r.Err != "" {
			fmt.Fprintln(rep, r.Err)
		}
		rep.end(r.Code, r.Duration)
	}
	cfg.Stdout, cfg.Stderr = rep, rep
	res, err := vm.Run(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Printf("kernel %s, %s, booted in %.1f s\n", res.Kernel, accel(res.KVM), res.Boot.Seconds())
	for _, l := range res.Trouble {
		rep.failures = append(rep.failures, "the guest's kernel said: "+l)
	}
	return nil
}

func accel(kvm bool) string {
	if kvm {
		return "KVM"
	}
	return "software emulation"
}

// runHere runs the tests on this kernel, each package in its own network and
// mount namespace.
func runHere(ctx context.Context, o options, packages []pkg) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	bin, err := binDir()
	if err != nil {
		return err
	}
	rep := newReport(os.Stdout, o.verbose)
	for _, p := range packages {
		file, err := p.absFile()
		if err != nil {
			return err
		}
		args := o.testArgs(file, nil)
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = p.Dir
		cmd.Env = append(os.Environ(), testkernel.RequiredEnv+"=required", "PATH="+bin+":"+os.Getenv("PATH"))
		cmd.Stdout, cmd.Stderr = rep, rep
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
		rep.begin(p.ImportPath)
		start := time.Now()
		err = cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			rep.abort()
			return err
		}
		rep.end(cmd.ProcessState.ExitCode(), time.Since(start))
	}
	return rep.verdict(len(packages))
}
