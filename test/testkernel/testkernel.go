// Package testkernel lets a test ask for what only a real kernel with the right
// options and rights can give. Such tests are named TestKernel…; plain `go
// test` skips them where the kernel or the rights are missing, and `make test`
// runs them all in a VM (test/vm/cmd/kerneltests), where none may be skipped.
package testkernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// RequiredEnv set to anything makes Require fail where it would skip.
const RequiredEnv = "MIP6D_TESTKERNEL"

// Require skips the test unless it is run by root on a capable kernel.
func Require(t testing.TB) {
	t.Helper()
	err := Capable()
	switch {
	case err == nil:
	case os.Getenv(RequiredEnv) != "":
		t.Fatalf("this kernel cannot run the test: %v", err)
	default:
		t.Skipf("needs a kernel for Mobile IPv6 and root (%v); run scripts/vmtest or make test", err)
	}
}

// Namespace is Require, and puts the test's goroutine into a fresh network
// namespace with loopback up until the test ends. Other goroutines of the test
// stay outside: have them call Enter, or open the sockets here.
func Namespace(t testing.TB) netns.NsHandle {
	t.Helper()
	Require(t)
	runtime.LockOSThread()
	leave, ns, err := fresh()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := leave(); err != nil {
			t.Error(err) // and the thread stays locked, so that it ends with its goroutine
			return
		}
		runtime.UnlockOSThread()
	})
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	return ns
}

// fresh enters a new network namespace on the current, locked thread.
func fresh() (leave func() error, ns netns.NsHandle, err error) {
	home, err := netns.Get()
	if err != nil {
		return nil, 0, err
	}
	ns, err = netns.New()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("new network namespace: %w", err), home.Close())
	}
	return func() error {
		if err := netns.Set(home); err != nil {
			return fmt.Errorf("leave the test's network namespace: %w", err)
		}
		return errors.Join(ns.Close(), home.Close())
	}, ns, nil
}

// Capable says what is missing for real-kernel tests, or nil. It tries what the
// product does in a scratch network namespace instead of reading versions.
var Capable = sync.OnceValue(func() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		leave, _, err := fresh()
		if err == nil {
			err = probe()
			err = errors.Join(err, leave())
		}
		result <- err
	}()
	return <-result
})

func probe() error {
	if err := addHomeAddressState(); err != nil {
		return fmt.Errorf("no XFRM state type for the Home Address option (CONFIG_IPV6_MIP6, xfrm_user): %w", err)
	}
	tunnel := &netlink.Ip6tnl{LinkAttrs: netlink.LinkAttrs{Name: "probe"}, FlowBased: true}
	if err := netlink.LinkAdd(tunnel); err != nil {
		return fmt.Errorf("no external ip6tnl device (CONFIG_IPV6_TUNNEL): %w", err)
	}
	return nil
}
