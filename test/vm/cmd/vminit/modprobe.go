package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"mip6d/test/vm/frame"
	"mip6d/test/vm/modindex"
)

// modprobe loads modules with their dependencies. The kernel calls it as
// `/sbin/modprobe -q -- NAME` for what it misses; a name that nothing in the
// initramfs stands for is an error then, as it is with kmod.
func modprobe(args []string) error {
	b, err := os.ReadFile(frame.ModuleIndexPath)
	if err != nil {
		return err
	}
	index, err := modindex.Unmarshal(b)
	if err != nil {
		return err
	}
	quiet := false
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			quiet = quiet || a == "-q"
			continue
		}
		order := index.Order(a)
		if len(order) == 0 {
			if quiet {
				os.Exit(1)
			}
			return fmt.Errorf("no module %s in the initramfs", a)
		}
		for _, m := range order {
			if err := load("/lib/modules/" + m.File); err != nil && m == order[len(order)-1] {
				return fmt.Errorf("load %s: %w", m.Name, err)
			}
		}
	}
	return nil
}

func load(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.FinitModule(fd, "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}
