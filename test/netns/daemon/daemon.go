// Package daemon runs mip6d in a machine of the test bed, with a directory of
// its own for configuration, keys and control socket.
package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mip6d/internal/ctl"
	"mip6d/test/netns/node"
)

// Config says what mip6d is to do. $DIR in Text stands for the daemon's
// directory, where Files (name → content) are, readable by the owner only.
// The control socket is $DIR/sock; Text must not hold a control section.
type Config struct {
	Text     string
	Files    map[string]string
	Args     []string               // further arguments
	Wrap     []string               // a program with its arguments that runs mip6d in its place, such as setpriv
	Store    func(dir string) error // fills the state directory before the first start
	Patience time.Duration          // how long a start may take; zero: a minute
}

// Daemon is a mip6d that was started at least once.
type Daemon struct {
	Node *node.Node
	Dir  string

	args     []string
	wrap     []string
	patience time.Duration
	cmd      *exec.Cmd
	done     chan struct{} // closed when the process has ended
	err      error         // how it ended
	log      node.Output
}

// New starts mip6d for a test, waits until it answers, kills what is left of
// it at the test's end, and logs its output if the test failed.
func New(t testing.TB, n *node.Node, cfg Config) *Daemon {
	t.Helper()
	d, err := Prepare(n, t.TempDir(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && d.cmd != nil && d.Running() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			stats, err := d.Ctl(ctx, "show", "stats")
			cancel()
			t.Logf("mip6d on %s counts (%v):\n%s", n.Name, err, stats)
		}
		d.Kill()
		if t.Failed() {
			t.Logf("mip6d on %s said:\n%s", n.Name, d.Log())
		}
	})
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// Prepare writes the configuration below dir without starting anything.
func Prepare(n *node.Node, dir string, cfg Config) (*Daemon, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for name, content := range cfg.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	d := &Daemon{Node: n, Dir: dir, wrap: cfg.Wrap, patience: cmp.Or(cfg.Patience, time.Minute)}
	if err := d.Configure(cfg.Text); err != nil {
		return nil, err
	}
	if cfg.Store != nil {
		if err := cfg.Store(d.StateDir()); err != nil {
			return nil, err
		}
	}
	d.args = append([]string{"-c", filepath.Join(dir, "mip6d.yaml")}, cfg.Args...)
	return d, nil
}

// Configure replaces the configuration file, for a reload or the next start.
func (d *Daemon) Configure(text string) error {
	text = strings.ReplaceAll(text, "$DIR", d.Dir) + "\nrun_dir: " + d.Dir + "\nstate_dir: " + d.StateDir() + "\ncontrol: {socket: " + d.Socket() + ", group: root}\n"
	return os.WriteFile(filepath.Join(d.Dir, "mip6d.yaml"), []byte(text), 0o644)
}

// Socket is the path of the control socket.
func (d *Daemon) Socket() string { return filepath.Join(d.Dir, "sock") }

// StateDir is the directory of the store.
func (d *Daemon) StateDir() string { return filepath.Join(d.Dir, "state") }

// Start starts mip6d and waits until its control socket answers.
func (d *Daemon) Start(ctx context.Context) error {
	if err := os.Remove(d.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	words := append(append(slices.Clone(d.wrap), "mip6d"), d.args...)
	d.cmd = exec.Command(words[0], words[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.Node.Start(d.cmd); err != nil {
		return fmt.Errorf("%s: start mip6d (static, in $PATH): %w", d.Node.Name, err)
	}
	done := make(chan struct{})
	d.done = done
	go func() { d.err = d.cmd.Wait(); close(done) }()
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	client := d.Client()
	defer client.Close()
	for {
		// The socket is there before everything else; only an answer says that
		// mip6d runs. Until then a request may hang in its queue.
		short, cancel := context.WithTimeout(ctx, time.Second)
		_, err := client.Status(short)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("%s: mip6d ended at once (%v):\n%s", d.Node.Name, d.err, d.Log())
		case <-ctx.Done():
			d.Kill()
			return fmt.Errorf("%s: mip6d's control socket does not answer:\n%s", d.Node.Name, d.Log())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Client talks to the control socket.
func (d *Daemon) Client() *ctl.Client { return ctl.NewClient(d.Socket()) }

// Kill ends mip6d with SIGKILL: a crash.
func (d *Daemon) Kill() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	_ = d.cmd.Process.Kill() // it may have ended by itself
	<-d.done
}

// Stop ends mip6d with SIGTERM and expects exit status 0 within 5 seconds.
func (d *Daemon) Stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: stop mip6d: %w", d.Node.Name, err)
	}
	select {
	case <-d.done:
	case <-time.After(5 * time.Second):
		d.Kill()
		return fmt.Errorf("%s: mip6d did not end within 5 s of SIGTERM:\n%s", d.Node.Name, d.Log())
	}
	if d.err != nil {
		return fmt.Errorf("%s: mip6d after SIGTERM: %w", d.Node.Name, d.err)
	}
	return nil
}

// Reload sends SIGHUP.
func (d *Daemon) Reload() error { return d.cmd.Process.Signal(syscall.SIGHUP) }

// Running says whether mip6d has not ended.
func (d *Daemon) Running() bool {
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

// Cleanup runs mip6d --cleanup with the same configuration.
func (d *Daemon) Cleanup(ctx context.Context) error {
	_, err := d.Node.Run(ctx, "mip6d", append(d.args, "--cleanup")...)
	return err
}

// Ctl runs mip6ctl against this daemon and returns what it prints.
func (d *Daemon) Ctl(ctx context.Context, args ...string) (string, error) {
	return d.Node.Run(ctx, "mip6ctl", append([]string{"--socket", d.Socket()}, args...)...)
}

// PID is the running mip6d's.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Log is what mip6d has printed so far, over all its starts.
func (d *Daemon) Log() string { return d.log.String() }

// Memory is how much of the running mip6d is in memory, in octets, but for the pages of files.
func (d *Daemon) Memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no RssAnon")
}

// CPUTime is how long the running mip6d has used a CPU, in user and kernel mode.
func (d *Daemon) CPUTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// Fields 14 and 15, proc(5), counted from behind the command's parenthesis.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const perSecond = 100 // USER_HZ
	return time.Duration(ticks) * time.Second / perSecond, nil
}
