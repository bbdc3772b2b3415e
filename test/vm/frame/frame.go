// Package frame is the language between the host and the init of the test VM:
// typed frames over one virtio-serial port, so that the guest's two output
// streams, its exit status and the files it sends back travel in one order.
package frame

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// PortName is the virtio-serial port that carries the frames.
const PortName = "mip6d.frames"

// JobPath is where the initramfs holds the Job.
const JobPath = "/etc/vmjob.json"

// ModuleIndexPath is where the initramfs holds the index of its kernel modules.
const ModuleIndexPath = "/lib/modules/index"

// Kind says what a frame's payload is.
type Kind byte

// Guest to host, but for Quit.
const (
	Stdout Kind = 'o' // bytes of the running step's standard output
	Stderr Kind = 'e' // bytes of its standard error
	Begin  Kind = 'b' // JSON StepStatus: a step starts
	End    Kind = 'x' // JSON StepStatus: a step has ended
	Tar    Kind = 't' // bytes of a tar archive of the fetched files
	Over   Kind = 'z' // everything was sent, the VM may be switched off
	Quit   Kind = 'q' // host to guest: have the running step print its stacks and die
)

// maxPayload bounds what a reader accepts.
const maxPayload = 1 << 20

// Job says what the guest's init is to do.
type Job struct {
	Steps []Step   `json:"steps"`
	Env   []string `json:"env"`
	Fetch []string `json:"fetch"` // files, directories or globs to send back at the end
}

// Step is one program to run; the steps of a job run one after another.
type Step struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
	Dir  string   `json:"dir,omitempty"`
	Env  []string `json:"env,omitempty"`
}

// StepStatus is told at a step's start and end.
type StepStatus struct {
	Index  int     `json:"index"`
	Code   int     `json:"code"`             // exit status; 128 + signal when killed by one
	Err    string  `json:"err,omitempty"`    // the program could not be started at all
	Uptime float64 `json:"uptime,omitempty"` // guest seconds since boot
}

// Writer writes frames. Safe for use by several goroutines.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write sends one frame, cut into several when the payload is long.
func (w *Writer) Write(k Kind, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		n := min(len(payload), 16<<10)
		b := make([]byte, 5, 5+n)
		b[0] = byte(k)
		binary.BigEndian.PutUint32(b[1:], uint32(n))
		if _, err := w.w.Write(append(b, payload[:n]...)); err != nil {
			return err
		}
		if payload = payload[n:]; len(payload) == 0 {
			return nil
		}
	}
}

// WriteJSON sends one frame with v as JSON.
func (w *Writer) WriteJSON(k Kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Write(k, b)
}

// Stream is an io.Writer whose writes become frames of one kind.
func (w *Writer) Stream(k Kind) io.Writer { return stream{w, k} }

type stream struct {
	w *Writer
	k Kind
}

func (s stream) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.w.Write(s.k, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read reads one frame.
func Read(r io.Reader) (Kind, []byte, error) {
	var h [5]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	if n > maxPayload {
		return 0, nil, fmt.Errorf("frame %q announces %d bytes, more than %d", h[0], n, maxPayload)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		return 0, nil, fmt.Errorf("frame %q of %d bytes: %w", h[0], n, err)
	}
	return Kind(h[0]), p, nil
}
