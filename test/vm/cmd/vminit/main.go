// Command vminit is the init of the test VM, and its /sbin/modprobe. It mounts
// what programs expect, runs the job's steps as its children, sends their
// output, exit statuses and files to the host in frames, and switches off.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/vm/frame"
)

func main() {
	if filepath.Base(os.Args[0]) == "modprobe" {
		if err := modprobe(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "modprobe:", err)
			os.Exit(1)
		}
		return
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "vminit is the init of mip6d's test VM; it does nothing elsewhere. Try: go run ./test/vm/cmd/vmrun -- ip link")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "vminit:", err) // the kernel's console
	}
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() error {
	if err := mountAll(); err != nil {
		return err
	}
	if err := modprobe([]string{"-a", "virtio_pci", "virtio_console"}); err != nil {
		return err
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	out := frame.NewWriter(port)
	b, err := os.ReadFile(frame.JobPath)
	if err != nil {
		return err
	}
	var job frame.Job
	if err := json.Unmarshal(b, &job); err != nil {
		return fmt.Errorf("%s: %w", frame.JobPath, err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	if err := keepBranches(); err != nil {
		return err
	}
	for _, kv := range job.Env {
		k, v, _ := strings.Cut(kv, "=")
		os.Setenv(k, v)
	}
	r := &runner{out: out}
	go r.listen(port)
	for i, s := range job.Steps {
		r.step(i, s)
	}
	if err := sendFiles(out, job.Fetch); err != nil {
		fmt.Fprintln(out.Stream(frame.Stderr), "vminit: sending files back:", err)
	}
	if err := out.Write(frame.Over, nil); err != nil {
		return err
	}
	time.Sleep(time.Second) // the host switches off first; this is for the case that it does not
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
