package directspeed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"mip6d/test/nslab"
)

// ethtool's commands that set features (linux/ethtool.h).
const (
	featureTxChecksum = 0x17
	featureSG         = 0x19
	featureTSO        = 0x1f
	featureGSO        = 0x24
	featureGRO        = 0x2c
)

// devices are all that packets cross, each with whether it is a tunnel.
func (w *world) devices(f func(n *nslab.Node, name string, tunnel bool)) {
	f(w.mn, "eth0", false)
	f(w.mn, "mip6h", true)
	f(w.router, "mn", false)
	f(w.router, "cn", false)
	f(w.router, "mip6t", true)
	f(w.cn, "eth0", false)
}

// offloads are what devices do for the stack.
type offloads string

const (
	// on is what veth does unless told otherwise: it carries bursts of up to 64 KB
	// as one packet, without a checksum, and every host on the way takes them so.
	on offloads = "on"

	// wire is what network cards do: single packets on the wire, cut and summed by
	// the card, merged again at the receiver.
	wire offloads = "wire"

	// off is the stack alone.
	off offloads = "off"
)

func (w *world) setOffloads(o offloads) {
	if o == on {
		return
	}
	w.devices(func(n *nslab.Node, name string, tunnel bool) {
		if !tunnel || o == off {
			w.must(setFeatures(n, name, false, featureTSO, featureGSO))
		}
		w.must(setFeatures(n, name, o == wire, featureGRO))
		if o == off {
			w.must(setFeatures(n, name, false, featureTxChecksum, featureSG))
		}
	})
}

// oneSegment has TCP hand down one segment at a time whatever the route.
func (w *world) oneSegment() {
	w.devices(func(n *nslab.Node, name string, _ bool) { w.must(n.NL.LinkSetGSOMaxSegs(n.Link(name), 1)) })
}

// steer has one CPU take in what comes from the wire (receive packet steering).
// Without it a veth device queues a packet on the CPU that sends it, and a
// sender that changes CPUs overtakes its own packets.
func (w *world) steer() {
	w.devices(func(n *nslab.Node, name string, tunnel bool) {
		if !tunnel {
			w.must(steer(n, name))
		}
	})
}

func steer(n *nslab.Node, device string) error {
	dir, err := os.MkdirTemp("", "sys")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	n.Do(func() {
		// sysfs shows the devices of the namespace in which it was mounted.
		if err = unix.Mount("sysfs", dir, "sysfs", 0, ""); err != nil {
			return
		}
		err = errors.Join(
			os.WriteFile(filepath.Join(dir, "class/net", device, "queues/rx-0/rps_cpus"), []byte("1"), 0),
			unix.Unmount(dir, 0))
	})
	if err != nil {
		return fmt.Errorf("steer what %s receives in %s: %w", device, n.Name, err)
	}
	return nil
}

// setFeatures is `ethtool -K`.
func setFeatures(n *nslab.Node, device string, on bool, features ...uint32) error {
	var err error
	n.Do(func() {
		var fd int
		if fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0); err != nil {
			return
		}
		defer unix.Close(fd)
		for _, f := range features {
			value := struct{ cmd, data uint32 }{cmd: f}
			if on {
				value.data = 1
			}
			var ifr struct {
				name [unix.IFNAMSIZ]byte
				data unsafe.Pointer
				_    [16]byte
			}
			copy(ifr.name[:], device)
			ifr.data = unsafe.Pointer(&value)
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifr))); errno != 0 {
				err = fmt.Errorf("set feature %#x of %s in %s to %v: %w", f, device, n.Name, on, errno)
				return
			}
		}
	})
	return err
}
