package main

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/vm/frame"
)

// runner runs steps one after another.
type runner struct {
	out *frame.Writer

	mu      sync.Mutex
	running int // process id of the current step, 0: none
	quit    bool
}

// listen waits for the host's Quit and hands it on as SIGQUIT, on which a Go
// program prints its goroutines' stacks and dies. No later step is started.
func (r *runner) listen(p io.Reader) {
	for {
		k, _, err := frame.Read(p)
		if err != nil {
			return
		}
		if k != frame.Quit {
			continue
		}
		r.mu.Lock()
		r.quit = true
		if r.running != 0 {
			unix.Kill(r.running, unix.SIGQUIT)
		}
		r.mu.Unlock()
	}
}

func (r *runner) step(i int, s frame.Step) {
	r.out.WriteJSON(frame.Begin, frame.StepStatus{Index: i, Uptime: uptime()})
	st := frame.StepStatus{Index: i}
	if err := r.exec(s, &st); err != nil {
		st.Code, st.Err = 127, err.Error()
	}
	st.Uptime = uptime()
	r.out.WriteJSON(frame.End, st)
}

func (r *runner) exec(s frame.Step, st *frame.StepStatus) error {
	file, err := exec.LookPath(s.Args[0])
	if err != nil {
		return err
	}
	var pipes [2][2]*os.File
	for i := range pipes {
		if pipes[i][0], pipes[i][1], err = os.Pipe(); err != nil {
			return err
		}
		defer pipes[i][0].Close()
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		return err
	}
	defer null.Close()
	dir := s.Dir
	if dir == "" {
		dir = "/tmp"
	}
	r.mu.Lock()
	if r.quit {
		r.mu.Unlock()
		st.Code, st.Err = 124, "not started: time was up"
		return nil
	}
	p, err := os.StartProcess(file, s.Args, &os.ProcAttr{
		Dir:   dir,
		Env:   append(os.Environ(), s.Env...),
		Files: []*os.File{null, pipes[0][1], pipes[1][1]},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		r.running = p.Pid
	}
	r.mu.Unlock()
	pipes[0][1].Close()
	pipes[1][1].Close()
	if err != nil {
		return err
	}
	var copying sync.WaitGroup
	for i, k := range []frame.Kind{frame.Stdout, frame.Stderr} {
		copying.Go(func() { io.Copy(r.out.Stream(k), pipes[i][0]) })
	}
	st.Code = waitFor(p.Pid)
	r.mu.Lock()
	r.running = 0
	r.mu.Unlock()
	waitOutput(&copying, p.Pid)
	return nil
}

// waitFor waits for one child and reaps the orphans that init inherits on the
// way.
func waitFor(pid int) int {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 127
		}
		if got != pid {
			continue
		}
		if ws.Signaled() {
			return 128 + int(ws.Signal())
		}
		return ws.ExitStatus()
	}
}

// waitOutput waits until the step's output is read. What the step left running
// in its session is killed, so that it neither holds the output open nor
// disturbs the next step.
func waitOutput(copying *sync.WaitGroup, pid int) {
	drained := make(chan struct{})
	go func() { copying.Wait(); close(drained) }()
	unix.Kill(-pid, unix.SIGKILL)
	select {
	case <-drained:
	case <-time.After(500 * time.Millisecond):
		unix.Kill(-1, unix.SIGKILL) // everything but init
		<-drained
	}
	for {
		if got, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || got <= 0 {
			return
		}
	}
}

func uptime() float64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return float64(ts.Nano()) / 1e9
}
