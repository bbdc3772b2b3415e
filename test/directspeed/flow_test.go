package directspeed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/traffic"

	"mip6d/test/nslab"
)

// result is what one connection did.
type result struct {
	mbits    float64
	info     *unix.TCPInfo // the sender's, at its end
	counters map[string]int64
}

// flow sends as fast as it goes for a while. Both ends are blocking sockets on
// threads of their own, as a C program's: the runtime's poller costs as much as
// a packet here.
func (w *world) flow(by way, toCN bool, d time.Duration) (result, error) {
	from, to, source, sink := w.ends(by, toCN)
	l, address, err := listen(to, sink)
	if err != nil {
		return result{}, err
	}
	defer unix.Close(l)
	c, err := connect(from, source, address)
	if err != nil {
		return result{}, err
	}
	defer unix.Close(c)
	before := w.counters(from, to)
	stop := profile(fmt.Sprintf("%s-%v", by, toCN))
	received := make(chan int64, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		received <- traffic.Drain(l)
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	b := make([]byte, 128<<10)
	for time.Since(start) < d {
		if _, err := unix.Write(c, b); err != nil {
			return result{}, fmt.Errorf("send from %s: %w", from.Name, err)
		}
	}
	r := result{}
	if r.info, err = unix.GetsockoptTCPInfo(c, unix.IPPROTO_TCP, unix.TCP_INFO); err != nil {
		return r, err
	}
	if err := unix.Shutdown(c, unix.SHUT_WR); err != nil {
		return r, err
	}
	n := <-received
	r.mbits = float64(n) * 8 / 1e6 / time.Since(start).Seconds()
	stop()
	r.counters = w.counters(from, to)
	for k, v := range before {
		r.counters[k] -= v
	}
	return r, nil
}

// patience is what a connection that makes no progress gets.
var patience = unix.Timeval{Sec: 5}

func socket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &patience); err != nil {
			return 0, errors.Join(err, unix.Close(fd))
		}
	}
	return fd, nil
}

func listen(n *nslab.Node, at netip.Addr) (fd int, address *unix.SockaddrInet6, err error) {
	n.Do(func() {
		if fd, err = socket(); err != nil {
			return
		}
		if err = unix.Bind(fd, &unix.SockaddrInet6{Addr: at.As16()}); err == nil {
			err = unix.Listen(fd, 1)
		}
	})
	if err != nil {
		return 0, nil, fmt.Errorf("listen at %s: %w", at, err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, nil, err
	}
	return fd, name.(*unix.SockaddrInet6), nil
}

func connect(n *nslab.Node, from netip.Addr, to *unix.SockaddrInet6) (fd int, err error) {
	n.Do(func() {
		if fd, err = socket(); err != nil {
			return
		}
		if err = unix.Bind(fd, &unix.SockaddrInet6{Addr: from.As16()}); err == nil {
			err = unix.Connect(fd, to)
		}
	})
	if err != nil {
		return 0, fmt.Errorf("connect %s with %s: %w", from, netip.AddrFrom16(to.Addr), err)
	}
	return fd, nil
}

// counters are the kernel's, of both ends and of all CPUs' backlogs.
func (w *world) counters(from, to *nslab.Node) map[string]int64 {
	all := make(map[string]int64)
	for name, n := range map[string]*nslab.Node{"from": from, "router": w.router, "to": to} {
		n.Do(func() {
			const net = "/proc/thread-self/net/"
			for _, f := range []string{"snmp", "netstat"} {
				readTable(net+f, name+".", all)
			}
			for _, f := range []string{"snmp6", "xfrm_stat"} {
				readList(net+f, name+".", all)
			}
		})
	}
	b, _ := os.ReadFile("/proc/net/softnet_stat")
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		for i, what := range map[int]string{0: "processed", 1: "dropped", 2: "squeezed"} {
			v, _ := strconv.ParseInt(f[i], 16, 64)
			all["softnet."+what] += v
		}
	}
	return all
}

// readTable reads pairs of lines: names, values.
func readTable(file, prefix string, into map[string]int64) {
	b, _ := os.ReadFile(file)
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		names := strings.Fields(s.Text())
		if !s.Scan() {
			return
		}
		for i, v := range strings.Fields(s.Text()) {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil && i < len(names) {
				into[prefix+strings.TrimSuffix(names[0], ":")+names[i]] = n
			}
		}
	}
}

func readList(file, prefix string, into map[string]int64) {
	b, _ := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				into[prefix+f[0]] = n
			}
		}
	}
}

// refused is what xfrm did not let pass, at all three machines.
func (r result) refused() (n int64) {
	for name, v := range r.counters {
		if strings.Contains(name, ".Xfrm") {
			n += v
		}
	}
	return n
}

func (r result) String() string {
	segments := float64(r.counters["from.TcpOutSegs"])
	return fmt.Sprintf("%7.1f Mbit/s, MSS %d; for each segment %.2f packets sent, %.2f received, %.2f acknowledgements; "+
		"retransmitted %d, of which needlessly %d, reordered %d, dropped in the backlog %d, refused by xfrm %d",
		r.mbits, r.info.Snd_mss, float64(r.counters["from.Ip6OutRequests"])/segments,
		float64(r.counters["to.TcpInSegs"])/segments, float64(r.counters["from.TcpInSegs"])/segments,
		r.info.Total_retrans, r.info.Dsack_dups, r.info.Reord_seen, r.counters["softnet.dropped"], r.refused())
}
