package vm

import (
	"io"
	"time"

	"mip6d/test/vm/frame"
)

// Config says what to run. Zero values mean the defaults given.
type Config struct {
	// Args is the program and its arguments, with guest paths. Steps instead
	// of Args runs several programs one after another in one boot.
	Args  []string
	Steps []Step

	Files []File   // what to put into the guest
	Env   []string // KEY=VALUE for all steps, besides PATH, HOME, TMPDIR and MIP6D_VM=1
	Dir   string   // working directory of Args: /tmp

	// Fetch names guest files, directories or globs that are copied to
	// FetchDir when all steps have ended, below it by their full guest path.
	Fetch    []string
	FetchDir string

	Timeout time.Duration // 2 minutes; then the program gets SIGQUIT and 5 s more
	CPUs    int           // 2
	Memory  int           // MiB, 1024
	Kernel  string        // "" for Debian's default cloud kernel, or a version such as "6.12"

	// NoKVM has software emulation used even where KVM works. The
	// environment variable MIP6D_VM_ACCEL=tcg does the same.
	NoKVM bool

	NoTools bool // leave the host's ip, ping, tcpdump and busybox out

	Stdout, Stderr io.Writer // the guest's; nil: discarded

	OnBegin func(Step)       // called before a step's first output
	OnEnd   func(StepResult) // called after its last
}

// Step is one program to run.
type Step struct {
	Name string
	Args []string
	Dir  string
	Env  []string
}

// File is put into the guest: from the host's file or directory Host, or with
// the contents Data when Host is empty.
type File struct {
	Host  string
	Data  []byte
	Guest string // absolute
	Mode  uint32 // 0: that of the host's file, or 0755
}

// StepResult is how a step ended.
type StepResult struct {
	Step     Step
	Code     int    // exit status; 128 + signal; 127 when it could not be started
	Err      string // why it could not be started
	Duration time.Duration
}

// Result is what a run gave.
type Result struct {
	Code   int // the first non-zero exit status of a step, or 0
	Steps  []StepResult
	Boot   time.Duration // from QEMU's start to the first step's
	Kernel string        // release of the guest's kernel
	KVM    bool          // false: software emulation

	// Trouble holds the kernel's lines about bugs, warnings and hung tasks.
	Trouble []string
}

// Status values for what is not the program's own exit status.
const (
	CodeTimeout = 124
	CodeFailure = 125
)

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Minute
	}
	if c.CPUs == 0 {
		c.CPUs = 2
	}
	if c.Memory == 0 {
		c.Memory = 1024
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Steps == nil {
		c.Steps = []Step{{Name: c.Args[0], Args: c.Args, Dir: c.Dir}}
	}
	return c
}

func (c Config) job() frame.Job {
	j := frame.Job{
		Env: append([]string{
			"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TMPDIR=/tmp", "MIP6D_VM=1",
		}, c.Env...),
		Fetch: c.Fetch,
	}
	for _, s := range c.Steps {
		j.Steps = append(j.Steps, frame.Step{Name: s.Name, Args: s.Args, Dir: s.Dir, Env: s.Env})
	}
	return j
}
