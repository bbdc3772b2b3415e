package fault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rates say how many of the system calls fail, from 0 to 1.
type Rates struct {
	Request float64 // requests to netlink: not carried out
	Answer  float64 // answers and news of netlink: what was asked for may be done
	Map     float64 // changes of BPF maps
	Disk    float64 // writes and syncs
	Send    float64 // messages to the network
}

// Kind is what failed, for Counts.
type Kind string

// The kinds.
const (
	Request Kind = "request"
	Answer  Kind = "answer"
	Map     Kind = "map"
	Disk    Kind = "disk"
	Send    Kind = "send"
)

// what an injected failure may be.
var errnos = map[Kind][]unix.Errno{
	Request: {unix.ENOBUFS, unix.ENOMEM, unix.EPERM},
	Answer:  {unix.ENOBUFS},
	Map:     {unix.ENOMEM, unix.EPERM, unix.E2BIG},
	Disk:    {unix.ENOSPC, unix.EIO},
	Send:    {unix.ENOBUFS, unix.ENOMEM, unix.EPERM},
}

// Injector supervises the programs that are started by its Wrap, one after the other.
type Injector struct {
	socket string
	l      net.Listener
	done   sync.WaitGroup

	mu     sync.Mutex
	rates  Rates
	rng    *rand.Rand
	counts map[Kind]int
	err    error
}

// New begins; dir is for its socket. Nothing fails before Arm.
func New(dir string, seed uint64) (*Injector, error) {
	i := &Injector{socket: filepath.Join(dir, "fault"), rng: rand.New(rand.NewPCG(seed, 8)), counts: make(map[Kind]int)}
	l, err := net.Listen("unix", i.socket)
	if err != nil {
		return nil, err
	}
	i.l = l
	i.done.Go(i.accept)
	return i, nil
}

// Wrap are the words before a program's own that have it supervised.
func (i *Injector) Wrap() ([]string, error) {
	exe, err := os.Executable()
	return []string{exe, launchWord, i.socket}, err
}

// Arm has system calls fail from now on; the zero value disarms.
func (i *Injector) Arm(r Rates) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rates = r
}

// Counts are how many of each kind have failed.
func (i *Injector) Counts() map[Kind]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := make(map[Kind]int)
	for k, n := range i.counts {
		all[k] = n
	}
	return all
}

// Close ends the supervision, after the programs have ended.
func (i *Injector) Close() error {
	err := i.l.Close()
	i.done.Wait()
	return errors.Join(err, i.err)
}

func (i *Injector) accept() {
	for {
		c, err := i.l.Accept()
		if err != nil {
			return // closed
		}
		i.done.Go(func() {
			err := i.serve(c)
			i.mu.Lock()
			defer i.mu.Unlock()
			i.err = errors.Join(i.err, err)
		})
	}
}

// serve supervises one program until it ends.
func (i *Injector) serve(c net.Conn) error {
	var hello [8]byte
	if _, err := io.ReadFull(c, hello[:]); err != nil {
		return err
	}
	pid, theirs := int(binary.NativeEndian.Uint32(hello[:])), int(binary.NativeEndian.Uint32(hello[4:]))
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("supervise process %d: %w", pid, err)
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, theirs, 0)
	if err != nil {
		return fmt.Errorf("take the seccomp listener of process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if err := errors.Join(writeByte(c), c.Close()); err != nil {
		return err
	}
	files := files{pid: pid, known: make(map[string]bool)}
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for a system call of process %d: %w", pid, err)
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			if poll[0].Revents != 0 {
				return nil // the last thread has ended
			}
			continue
		}
		if err := i.one(fd, &files); err != nil {
			return fmt.Errorf("answer a system call of process %d: %w", pid, err)
		}
	}
}

func writeByte(w io.Writer) error {
	_, err := w.Write([]byte{1})
	return err
}

// notification and response are struct seccomp_notif and seccomp_notif_resp (linux/seccomp.h).
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

const (
	ioctlReceive = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	ioctlSend    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	goOn         = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// one answers one system call.
func (i *Injector) one(fd int, f *files) error {
	var n notification
	if err := ioctl(fd, ioctlReceive, unsafe.Pointer(&n)); err != nil {
		return unless(err)
	}
	r := response{id: n.id, flags: goOn}
	if errno := i.decide(&n, f); errno != 0 {
		r.errno, r.flags = -int32(errno), 0
	}
	return unless(ioctl(fd, ioctlSend, unsafe.Pointer(&r)))
}

// unless: the thread was interrupted, or is gone.
func unless(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// decide returns what a system call fails with; 0: it goes on.
func (i *Injector) decide(n *notification, f *files) unix.Errno {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.rates == (Rates{}) {
		return 0
	}
	var kind Kind
	var rate float64
	switch uint32(n.nr) {
	case unix.SYS_SENDTO, unix.SYS_SENDMSG:
		kind, rate = Send, i.rates.Send
		if f.netlink(int(n.args[0])) {
			kind, rate = Request, i.rates.Request
		}
	case unix.SYS_RECVFROM, unix.SYS_RECVMSG:
		if kind, rate = Answer, i.rates.Answer; !f.netlink(int(n.args[0])) {
			return 0
		}
	case unix.SYS_BPF:
		const update, del, updateBatch, deleteBatch = 2, 3, 26, 27 // BPF_MAP_UPDATE_ELEM and so on
		if kind, rate = Map, i.rates.Map; !slices.Contains([]uint64{update, del, updateBatch, deleteBatch}, n.args[0]) {
			return 0
		}
	default:
		kind, rate = Disk, i.rates.Disk
	}
	if rate == 0 || i.rng.Float64() >= rate {
		return 0
	}
	i.counts[kind]++
	list := errnos[kind]
	return list[i.rng.IntN(len(list))]
}
