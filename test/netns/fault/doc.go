// Package fault has system calls of a program under test fail as a kernel lets them fail now
// and then: requests to netlink for want of memory or buffers, answers of netlink lost, BPF
// maps that take nothing more, a disk that is full or broken.
//
// Nothing is built into the program for it. It is started with a seccomp filter that hands
// the system calls in question to the test (seccomp_unotify(2)), which lets them pass or
// answers in the kernel's place.
//
//	inj, err := fault.New(t.TempDir())
//	d := daemon.New(t, node, daemon.Config{…, Wrap: inj.Wrap()})
//	inj.Arm(fault.Rates{Request: 0.03})
//
// The files: launch.go the process that becomes the program, supervise.go who decides,
// files.go what a file descriptor is.
package fault
