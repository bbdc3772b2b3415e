package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/testkernel"
)

// refusal has a running mip6d believe that the kernel has refused what it asked for
// on a netlink socket: a filter of seccomp tells the test of each sendmsg, which then goes on
// or fails. What is not refused the real kernel does.
type refusal struct {
	typ   uint16 // of the netlink messages that may be refused
	fd    int
	ended chan struct{}

	mu    sync.Mutex
	after int // see begin; negative: nothing is refused
	seen  int
	fails int
}

// begin has messages refused from now on: after so many that are let through one is
// refused, and as many that undo the others are let through again.
func (r *refusal) begin(after int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after, r.seen, r.fails = after, 0, 0
}

// end says how many were refused.
func (r *refusal) end() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after = -1
	return r.fails
}

// next says whether one more is refused.
func (r *refusal) next() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.after < 0 {
		return false
	}
	refused := r.seen%(2*r.after+1) == r.after
	r.seen++
	if refused {
		r.fails++
	}
	return refused
}

// refusalSocket is the environment variable by which this test binary is told to
// become a program with such a filter.
const refusalSocket = "MIP6D_REFUSAL"

func init() {
	if path := os.Getenv(refusalSocket); path != "" {
		fmt.Fprintln(os.Stderr, "run with a filter:", runFiltered(path, os.Args[1:]))
		os.Exit(1)
	}
}

// runFiltered puts the filter on, lets whoever listens on the socket take it over, and
// becomes the program.
func runFiltered(path string, args []string) error {
	if err := os.Unsetenv(refusalSocket); err != nil {
		return err
	}
	name, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // whose filter the program inherits
	sock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(sock, &unix.SockaddrUnix{Name: path}); err != nil {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_SENDMSG},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("set a filter: %w", errno)
	}
	if _, err := unix.Write(sock, binary.NativeEndian.AppendUint32(nil, uint32(fd))); err != nil {
		return err
	}
	if _, err := unix.Read(sock, make([]byte, 1)); err != nil { // it has it
		return err
	}
	return unix.Exec(name, args, os.Environ())
}

// newRefusal has a daemon of this configuration run under the filter. It is to be started once.
func newRefusal(t *testing.T, c *daemon.Config, typ uint16) *refusal {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "filter")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Wrap = []string{"env", refusalSocket + "=" + path, exe}
	r := &refusal{typ: typ, ended: make(chan struct{})}
	r.end()
	stop := make(chan struct{})
	go func() {
		defer close(r.ended)
		err := r.take(l)
		if err == nil {
			err = r.serve(stop)
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { // after the daemon has ended
		l.Close()
		close(stop)
		<-r.ended
	})
	return r
}

// take takes the filter over from the program.
func (r *refusal) take(l net.Listener) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	var number [4]byte
	if _, err := c.Read(number[:]); err != nil {
		return err
	}
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var inner error
	if err := raw.Control(func(fd uintptr) { cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || inner != nil {
		return errors.Join(err, inner)
	}
	pidfd, err := unix.PidfdOpen(int(cred.Pid), 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	if r.fd, err = unix.PidfdGetfd(pidfd, int(binary.NativeEndian.Uint32(number[:])), 0); err != nil {
		return fmt.Errorf("take the filter over: %w", err)
	}
	_, err = c.Write([]byte{1})
	return err
}

// struct seccomp_notif and struct seccomp_notif_resp.
type (
	notification struct {
		id         uint64
		pid, flags uint32
		nr         int32
		arch       uint32
		ip         uint64
		args       [6]uint64
	}
	verdict struct {
		id    uint64
		val   int64
		error int32
		flags uint32
	}
)

const (
	ioctlReceive = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	ioctlSend    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	goOn         = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

func (r *refusal) serve(stop <-chan struct{}) error {
	defer unix.Close(r.fd)
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		ready := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, 100); n == 0 || errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return err
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			return nil // nobody is under the filter any more
		}
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(r.fd), ioctlReceive, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // the call was given up
		}
		v := verdict{id: n.id, flags: goOn}
		if r.refuses(n) {
			v.flags, v.error = 0, -int32(unix.ENOBUFS)
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(r.fd), ioctlSend, uintptr(unsafe.Pointer(&v)))
	}
}

// refuses looks at the message, whose first part is to be a whole netlink message.
func (r *refusal) refuses(n notification) bool {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", n.pid))
	if err != nil {
		return false
	}
	defer mem.Close()
	read := func(at uint64, size int) []byte {
		b := make([]byte, size)
		if _, err := mem.ReadAt(b, int64(at)); err != nil {
			return make([]byte, size)
		}
		return b
	}
	msg := read(n.args[1], 32) // struct msghdr: the address of struct iovec is the third word
	iov := read(binary.NativeEndian.Uint64(msg[16:]), 16)
	if binary.NativeEndian.Uint64(iov[8:]) < 16 {
		return false
	}
	head := read(binary.NativeEndian.Uint64(iov), 16)
	if uint64(binary.NativeEndian.Uint32(head)) != binary.NativeEndian.Uint64(iov[8:]) || binary.NativeEndian.Uint16(head[4:]) != r.typ {
		return false
	}
	return r.next()
}

// A MIGRATE that is refused, whichever of the six of a home agent, has those before it undone
// and is answered with status 130, Insufficient resources; the binding that was there
// stays. At no moment is anything in clear, and once it is not refused any more all tunnels
// are at the new care-of address.
//
// Requirements: 6275-10.4.6-3
func TestKernelIPsecRefusedMigration(t *testing.T) {
	testkernel.Require(t)
	const msgMigrate = 0x21 // XFRM_MSG_MIGRATE
	var r *refusal
	w := newProtected(t, topology.Foreign1, ", payload: on", func(ha, mn *daemon.Config) {
		withPayload(ha, mn)
		r = newRefusal(t, ha, msgMigrate)
	})
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 20*time.Second)
	begin := time.Now()
	for _, after := range []int{0, 2, 4} {
		was := tunnelEnds(t, w.ha)
		to := topology.Foreign2
		if w.At() == to {
			to = topology.Foreign1
		}
		r.begin(after)
		up, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		ack := w.waitESP(t, up, spiSignallingDown)
		ba := open(t, ack)
		if messageType(ba) != capture.MHBindingAcknowledgement || baStatus(ba) != 130 {
			t.Errorf("refused after %d, and answered with %+v", after, ba)
		}
		if got := tunnelEnds(t, w.ha); !maps.Equal(got, was) {
			t.Errorf("refused after %d: the home agent's tunnels end at %v, and ended at %v", after, got, was)
		}
		if r.end() == 0 {
			t.Error("nothing was refused")
		}
		answered(t, fromCN, time.Now(), 20*time.Second)
		w.consistent(t)
	}
	w.noClearSignalling(t)
	w.clear(t, begin, "payload", func(ip *capture.IPv6) bool {
		return ip.Proto != capture.ProtoESP && (ip.Src == topology.HoA || ip.Dst == topology.HoA)
	})
}
