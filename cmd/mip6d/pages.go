package main

import "golang.org/x/sys/unix"

// smallPages has the kernel back our memory with pages of the usual size only. With huge ones, which
// some kernels give to everybody, what Go gives back is not free until the whole huge page is: the
// configuration of 100,000 mobile nodes, read and let go, kept four times the memory of all the rest.
// A kernel that can't do without (before 3.15) does with.
func smallPages() { _ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) }
