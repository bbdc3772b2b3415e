package fault

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launchWord as its first argument makes the test binary a launcher: of the second, a socket,
// it asks to be supervised, and it becomes what the others say.
const launchWord = "fault-launch"

func init() {
	if len(os.Args) > 3 && os.Args[1] == launchWord {
		fmt.Fprintln(os.Stderr, "fault:", launch(os.Args[2], os.Args[3:]))
		os.Exit(125)
	}
}

// launch returns only with an error.
func launch(socket string, words []string) error {
	runtime.LockOSThread() // the filter is a thread's, and goes with it through exec
	path, err := exec.LookPath(words[0])
	if err != nil {
		return err
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	listener, err := install()
	if err != nil {
		return fmt.Errorf("install a seccomp filter: %w", err)
	}
	// Only by calls that the filter lets pass.
	var hello [8]byte
	binary.NativeEndian.PutUint32(hello[:], uint32(os.Getpid()))
	binary.NativeEndian.PutUint32(hello[4:], uint32(listener))
	if _, err := c.Write(hello[:]); err != nil {
		return err
	}
	if _, err := c.Read(hello[:1]); err != nil {
		return fmt.Errorf("nobody supervises: %w", err)
	}
	return unix.Exec(path, words, os.Environ())
}

// supervised are the system calls that the test decides upon.
var supervised = []uint32{
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_BPF, unix.SYS_PWRITE64, unix.SYS_FDATASYNC,
}

// install gives this thread the filter and returns its listener.
func install() (int, error) {
	const returnUserNotif, returnAllow = 0x7fc00000, 0x7fff0000
	prog := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the call's number
	for i, nr := range supervised {
		prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(supervised) - i), K: nr})
	}
	prog = append(prog,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: returnAllow},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: returnUserNotif})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
		uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}
