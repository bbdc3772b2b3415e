package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mip6d/test/vm/frame"
)

// bootTime is what a VM gets to come to its first step; it takes 1 s with KVM
// and 3 to 6 s without.
const bootTime = 60 * time.Second

// kvmBootTime is the same with KVM: nested KVM can be there and yet not work.
const kvmBootTime = 10 * time.Second

// quitGrace is what a program gets to print its stacks after its time is up.
const quitGrace = 5 * time.Second

// ErrTimeout says that the time was up before the steps had ended.
var ErrTimeout = errors.New("time is up")

// Run boots a VM, runs the steps, and returns when the VM is off. An error
// says that the VM itself failed or the time was up; a failing program is a
// Result with a Code.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	cfg = cfg.withDefaults()
	k, err := findKernel(ctx, cfg.Kernel)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mip6d-vm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	initrd := filepath.Join(dir, "initrd")
	if err := writeInitramfsFile(ctx, initrd, cfg, k); err != nil {
		return nil, err
	}
	if useKVM(cfg) {
		res, err := boot(ctx, cfg, k, dir, true)
		if !errors.Is(err, errNoBoot) {
			return res, err
		}
		rememberNoKVM(err)
	}
	return boot(ctx, cfg, k, dir, false)
}

// errNoBoot says that the guest never came to its first step, and so that
// nothing has happened yet.
var errNoBoot = errors.New("the VM did not boot")

// boot runs one VM with the initramfs dir/initrd.
func boot(ctx context.Context, cfg Config, k kernel, dir string, kvm bool) (*Result, error) {
	r := &run{cfg: cfg, res: &Result{Kernel: k.release, KVM: kvm}}
	socket := filepath.Join(dir, "frames")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	cmd, err := qemuCommand(cfg, kvm, k.image, filepath.Join(dir, "initrd"), socket)
	if err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	console := new(console)
	cmd.Stdout, cmd.Stderr = console, console
	r.started = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait(); l.Close() }()
	defer func() { // after the frames' end the VM has nothing to lose
		cmd.Process.Kill()
		<-exited
	}()
	err = r.serve(ctx, l, dir)
	r.res.Trouble = console.trouble()
	if err != nil && ctx.Err() == nil && r.res.Boot == 0 {
		err = fmt.Errorf("%w: %w", errNoBoot, err)
	}
	if err != nil {
		return r.res, fmt.Errorf("%w\n%s\nlast words of the VM:\n%s", err, strings.Join(r.res.Trouble, "\n"), console.tail())
	}
	return r.res, nil
}

func writeInitramfsFile(ctx context.Context, name string, cfg Config, k kernel) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	return errors.Join(writeInitramfs(ctx, w, cfg, k), w.Flush(), f.Close())
}

// run is one VM's life as the host sees it.
type run struct {
	cfg     Config
	res     *Result
	started time.Time
	begin   func()   // lifts the limit of the boot
	begun   float64  // guest uptime at the running step's start
	tar     *os.File // what the guest sends back
}

// serve takes the guest's frames until it says that it is over.
func (r *run) serve(ctx context.Context, l *net.UnixListener, dir string) error {
	if err := l.SetDeadline(time.Now().Add(bootTime)); err != nil {
		return err
	}
	conn, err := l.Accept()
	if err != nil {
		return fmt.Errorf("QEMU did not connect: %w", err)
	}
	defer conn.Close()
	limit := bootTime
	if r.res.KVM {
		limit = kvmBootTime
	}
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	r.begin = func() { conn.SetReadDeadline(time.Time{}) }
	timeUp := make(chan struct{})
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		t := time.NewTimer(r.cfg.Timeout)
		defer t.Stop()
		select {
		case <-stop:
			return
		case <-t.C:
		case <-ctx.Done():
		}
		close(timeUp)
		frame.NewWriter(conn).Write(frame.Quit, nil)
		conn.SetReadDeadline(time.Now().Add(quitGrace))
	}()
	if r.tar, err = os.CreateTemp(dir, "tar"); err != nil {
		return err
	}
	defer r.tar.Close()
	err = r.frames(bufio.NewReaderSize(conn, 64<<10))
	select {
	case <-timeUp:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w after %v", ErrTimeout, r.cfg.Timeout)
	default:
	}
	if err != nil {
		return err
	}
	if r.cfg.FetchDir == "" {
		return nil
	}
	if _, err := r.tar.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unpack(r.tar, r.cfg.FetchDir)
}

func (r *run) frames(in io.Reader) error {
	for {
		k, p, err := frame.Read(in)
		if err != nil {
			return fmt.Errorf("the VM ended before its program: %w", err)
		}
		switch k {
		case frame.Stdout:
			_, err = r.cfg.Stdout.Write(p)
		case frame.Stderr:
			_, err = r.cfg.Stderr.Write(p)
		case frame.Tar:
			_, err = r.tar.Write(p)
		case frame.Begin, frame.End:
			err = r.step(k, p)
		case frame.Over:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *run) step(k frame.Kind, p []byte) error {
	var st frame.StepStatus
	if err := json.Unmarshal(p, &st); err != nil || st.Index >= len(r.cfg.Steps) {
		return fmt.Errorf("frame %q from the guest: %s: %v", k, p, err)
	}
	step := r.cfg.Steps[st.Index]
	if k == frame.Begin {
		if r.res.Boot == 0 {
			r.res.Boot = time.Since(r.started)
			r.begin()
		}
		r.begun = st.Uptime
		if r.cfg.OnBegin != nil {
			r.cfg.OnBegin(step)
		}
		return nil
	}
	res := StepResult{Step: step, Code: st.Code, Err: st.Err,
		Duration: time.Duration((st.Uptime - r.begun) * float64(time.Second))}
	r.res.Steps = append(r.res.Steps, res)
	if r.res.Code == 0 {
		r.res.Code = st.Code
	}
	if r.cfg.OnEnd != nil {
		r.cfg.OnEnd(res)
	}
	return nil
}

// console keeps the end of what QEMU and the guest's kernel say.
type console struct {
	mu    sync.Mutex
	lines []string
	part  string
}

const consoleLines = 400

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.part + strings.ReplaceAll(string(p), "\r", "")
	lines := strings.Split(text, "\n")
	c.part = lines[len(lines)-1]
	c.lines = append(c.lines, lines[:len(lines)-1]...)
	if n := len(c.lines) - consoleLines; n > 0 {
		c.lines = slices.Delete(c.lines, 0, n)
	}
	return len(p), nil
}

func (c *console) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := append(slices.Clone(c.lines), c.part)
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// trouble returns the lines in which the kernel reports a bug.
func (c *console) trouble() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for _, l := range c.lines {
		for _, sign := range []string{"BUG:", "WARNING:", "Oops", "blocked for more than", "RCU stall", "rcu_sched", "Kernel panic", "general protection"} {
			if strings.Contains(l, sign) {
				found = append(found, l)
				break
			}
		}
	}
	return found
}
