package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"mip6d/test/bench/report"
)

// kernelMemory is what the kernel itself has taken, in octets: slabs, per-CPU
// data, page tables, BPF maps, everything that is neither free, nor a process's,
// nor a file's.
func kernelMemory() (int64, error) {
	return memory("/proc/meminfo", "MemTotal", "-MemFree", "-Buffers", "-Cached", "-AnonPages")
}

// settled is kernelMemory when it has not changed for some seconds, as it does
// while the kernel gets rid of a network.
func settled(ctx context.Context) (int64, error) {
	const seconds, little = 3, 256 << 10
	var before int64
	calm := 0
	for range 60 {
		// Each CPU keeps megabytes of free pages for itself; this has them given
		// back. Without the right or the file the figure is only less certain.
		_ = os.WriteFile("/proc/sys/vm/compact_memory", []byte("1"), 0)
		now, err := kernelMemory()
		if err != nil {
			return 0, err
		}
		if calm++; now-before > little || before-now > little {
			calm = 0
		}
		if before = now; calm == seconds {
			break
		}
		if err := wait(ctx, time.Second); err != nil {
			return 0, err
		}
	}
	return before, nil
}

// memory adds and subtracts fields of a file of proc(5), which are in kB.
func memory(file string, fields ...string) (octets int64, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for _, f := range fields {
		sign := int64(1)
		if f[0] == '-' {
			sign, f = -1, f[1:]
		}
		found := false
		for line := range bytes.Lines(text) {
			words := bytes.Fields(line)
			if len(words) < 2 || string(words[0]) != f+":" {
				continue
			}
			kB, err := strconv.ParseInt(string(words[1]), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %s: %w", file, f, err)
			}
			octets, found = octets+sign*kB<<10, true
		}
		if !found {
			return 0, fmt.Errorf("%s has no %s", file, f)
		}
	}
	return octets, nil
}

// memory tells what the bindings that are there have taken. idle is the memory of
// a mip6d that knows one mobile node.
func (s *scene) memory(ctx context.Context, idle int64) (report.Memory, error) {
	kernel, err := settled(ctx)
	if err != nil {
		return report.Memory{}, err
	}
	own, err := s.ha.Memory()
	if err != nil {
		return report.Memory{}, err
	}
	return report.Memory{
		Bindings: s.nodes, Daemon: int(own-idle) / s.nodes, Kernel: int(kernel-s.before) / s.nodes,
	}, nil
}
