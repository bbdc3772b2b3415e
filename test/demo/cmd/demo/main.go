// Command demo is `make demo`: it builds mip6d, plays the demonstration on
// this kernel or in a VM, and leaves build/demo/report.json and report.html.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/demo"
	"mip6d/test/demo/report"
	"mip6d/test/netns/radv"
	"mip6d/test/testkernel"
	"mip6d/test/vm"
)

type options struct {
	dir    string
	moves  int
	dwell  time.Duration
	ra     string
	vm     bool
	tcg    bool
	kernel string
	accel  string // set for the program that plays
	play   bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "build/demo", "where the report goes")
	flag.IntVar(&o.moves, "moves", 5, "moves between the foreign links")
	flag.DurationVar(&o.dwell, "dwell", 3*time.Second, "time on a link after each move")
	flag.StringVar(&o.ra, "ra", "fast", "router advertisements: `fast` (30–70 ms) or usual (3–10 s)")
	flag.BoolVar(&o.vm, "vm", false, "use the VM even if this kernel would do")
	flag.BoolVar(&o.tcg, "tcg", false, "software emulation even where KVM works")
	flag.StringVar(&o.kernel, "kernel", os.Getenv("KERNEL"), "kernel version for the VM, such as 6.12")
	flag.BoolVar(&o.play, "play", false, "play here and now; used inside the VM")
	flag.StringVar(&o.accel, "accel", "this machine", "what to call the machine in the report")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := stage
	if o.play {
		run = perform
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// stage builds everything and has it played where it can be.
func stage(ctx context.Context, o options) error {
	for _, f := range []string{"report.json", "report.html"} { // an old report must not pass for a new one
		if err := os.Remove(filepath.Join(o.dir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	bin := filepath.Join(o.dir, "bin")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin+"/", "./cmd/mip6d", "./cmd/mip6ctl", "./test/demo/cmd/demo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	args := []string{"-play", "-moves", fmt.Sprint(o.moves), "-dwell", o.dwell.String(), "-ra", o.ra}
	if capable := testkernel.Capable(); capable == nil && !o.vm {
		abs, err := filepath.Abs(bin)
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, filepath.Join(abs, "demo"), append(args, "-dir", o.dir)...)
		cmd.Env = append(os.Environ(), "PATH="+abs+":"+os.Getenv("PATH"))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		return told(o, cmd.Run())
	}
	return told(o, inVM(ctx, o, bin, args))
}

func inVM(ctx context.Context, o options, bin string, args []string) error {
	const dir = "/demo"
	cfg := vm.Config{
		Args:   append(append([]string{"/bin/demo"}, args...), "-dir", dir, "-accel", "a VM"),
		Kernel: o.kernel, NoKVM: o.tcg, Memory: 1024, Timeout: 10 * time.Minute, // two rounds
		Fetch: []string{dir}, FetchDir: filepath.Join(o.dir, "guest"),
		Stdout: os.Stdout, Stderr: os.Stderr,
	}
	for _, name := range []string{"demo", "mip6d", "mip6ctl"} {
		cfg.Files = append(cfg.Files, vm.File{Host: filepath.Join(bin, name), Guest: "/bin/" + name})
	}
	res, err := vm.Run(ctx, cfg)
	if err != nil {
		return err
	}
	fetched := filepath.Join(cfg.FetchDir, dir)
	for _, f := range []string{"report.json", "report.html"} {
		if err := os.Rename(filepath.Join(fetched, f), filepath.Join(o.dir, f)); err != nil {
			return errors.Join(fmt.Errorf("no report came back: %w", err), status(res.Code))
		}
	}
	return status(res.Code)
}

func status(code int) error {
	if code != 0 {
		return fmt.Errorf("the performance failed (exit status %d)", code)
	}
	return nil
}

func told(o options, err error) error {
	if _, missing := os.Stat(filepath.Join(o.dir, "report.html")); missing == nil {
		fmt.Printf("report: %s\n", filepath.Join(o.dir, "report.html"))
	}
	return err
}

// perform plays and writes the report; it writes what there is also when the
// play fails.
func perform(ctx context.Context, o options) error {
	interval, words, err := advertisements(o.ra)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	r, moves, err := demo.Play(ctx, demo.Options{Interval: interval, Moves: o.moves, Dwell: o.dwell, Dir: o.dir, Out: os.Stdout})
	if err == nil {
		r.IPsec, err = protected(ctx, o, interval, r)
	}
	page := report.Page{Report: r, Moves: moves, Kernel: release(), Accel: accel(o.accel), RA: words, Missing: r.Complete()}
	err = errors.Join(err,
		write(filepath.Join(o.dir, "report.json"), func(f *os.File) error { return r.WriteJSON(f) }),
		write(filepath.Join(o.dir, "report.html"), func(f *os.File) error { return page.WriteHTML(f) }))
	if err == nil && page.Missing != "" {
		err = errors.New(page.Missing)
	}
	fmt.Printf("\nmedian interruption between foreign links: %s, with route optimisation %s; TCP: %d bytes there and back, ok: %v\n",
		page.Median(), page.MedianRO(), r.TCP.Bytes, r.TCP.OK)
	return err
}

// protected plays the same once more with IPsec, and compares. What it leaves for people is
// in a directory of its own.
func protected(ctx context.Context, o options, interval radv.Interval, plain report.Report) (*report.IPsec, error) {
	dir := filepath.Join(o.dir, "ipsec")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	fmt.Print("\nthe same with IPsec between mobile node and home agent (static keys); its Binding Updates are not seen from outside\n\n")
	r, _, err := demo.Play(ctx, demo.Options{Interval: interval, Moves: o.moves, Dwell: min(o.dwell, time.Second), Dir: dir, Out: os.Stdout, IPsec: true})
	if err != nil {
		return nil, err
	}
	c := report.CompareIPsec(r, plain)
	if c != nil {
		fmt.Printf("\nmedian interruption between foreign links with IPsec: %.1f ms, %.2f times that without\n", c.Interruption.Float(), c.Ratio)
	}
	return c, nil
}

func advertisements(name string) (radv.Interval, string, error) {
	switch name {
	case "fast":
		return radv.Fast, "30–70 ms", nil
	case "usual":
		return radv.Usual, "3–10 s", nil
	}
	return radv.Interval{}, "", fmt.Errorf("-ra %s: want fast or usual", name)
}

func write(name string, f func(*os.File) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f(file), file.Close())
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// accel says how the machine is run: a hypervisor shows in the CPU's flags, and
// software emulation in the CPU's name.
func accel(where string) string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err == nil && strings.Contains(string(b), "TCG") {
		return where + ", software emulation"
	}
	return where
}
