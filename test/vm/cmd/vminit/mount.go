package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/vm/frame"
)

// mountAll mounts the file systems that daemons and tests expect. /tmp and
// /run are part of the initramfs, which is memory already.
func mountAll() error {
	for _, m := range []struct {
		fs, dir string
		may     bool // a kernel without it will do
	}{
		{"proc", "/proc", false},
		{"sysfs", "/sys", false},
		{"devtmpfs", "/dev", false},
		{"devpts", "/dev/pts", true},
		{"tmpfs", "/dev/shm", true},
		{"bpf", "/sys/fs/bpf", true},
		{"tracefs", "/sys/kernel/tracing", true},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil && !m.may {
			return err
		}
		if err := unix.Mount(m.fs, m.dir, m.fs, 0, ""); err != nil && !m.may {
			return fmt.Errorf("mount %s on %s: %w", m.fs, m.dir, err)
		}
	}
	for _, d := range []string{"/run/netns", "/tmp", "/var", "/root"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	os.Chmod("/tmp", 0o1777)
	os.Symlink("/run", "/var/run")
	os.Symlink("/tmp", "/var/tmp")
	os.Symlink("/proc/self/fd", "/dev/fd")
	return nil
}

// port is the virtio-serial port, used with plain blocking system calls.
type port struct{ fd int }

// openPort finds the port by its name; devtmpfs makes the device file but
// nobody makes /dev/virtio-ports here.
func openPort() (port, error) {
	for range 200 {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil || strings.TrimSpace(string(b)) != frame.PortName {
				continue
			}
			dev := "/dev/" + filepath.Base(filepath.Dir(n))
			fd, err := unix.Open(dev, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				return port{}, fmt.Errorf("open %s: %w", dev, err)
			}
			return port{fd}, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return port{}, fmt.Errorf("no virtio-serial port %s appeared within 2 s", frame.PortName)
}

func (p port) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(p.fd, b)
		if err == unix.EINTR {
			continue
		}
		if n == 0 && err == nil && len(b) > 0 { // the host is not connected
			time.Sleep(10 * time.Millisecond)
			continue
		}
		return max(n, 0), err
	}
}

func (p port) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Write(p.fd, b[done:])
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}
