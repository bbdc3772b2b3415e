package ctl

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serveAs runs a server that believes who says who has connected.
func serveAs(t *testing.T, src Source, self uint32, who func(net.Conn) (peer, error)) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(src, nil)
	s.self = self
	if who != nil {
		s.peer = who
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return NewClient(path)
}

var thePeer = netip.MustParseAddr("2001:db8:c::1")

// TestWhoMayChange: root and the daemon's own user may, others may read.
func TestWhoMayChange(t *testing.T) {
	for _, tt := range []struct {
		name string
		self uint32
		peer peer
		err  error
		want string // of the refusal
	}{
		{"root", 0, peer{uid: 0}, nil, ""},
		{"root, of a daemon that is not", 64000, peer{uid: 0}, nil, ""},
		{"the daemon's user", 64000, peer{uid: 64000}, nil, ""},
		{"somebody", 0, peer{uid: 64001}, nil,
			"mip6d answers: only root may change anything, and this was asked by uid 64001; the socket's group may read: run it as root (sudo)"},
		{"somebody, with a name", 64000, peer{uid: 1}, nil,
			"mip6d answers: only root and uid 64000 may change anything, and this was asked by daemon (uid 1); the socket's group may read: run it as root (sudo)"},
		{"nobody knows who", 0, peer{}, errors.New("no"),
			"mip6d answers: only root may change anything, and this was asked by somebody whom the kernel does not name; the socket's group may read: run it as root (sudo)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := filled()
			c := serveAs(t, src, tt.self, func(net.Conn) (peer, error) { return tt.peer, tt.err })
			defer c.Close()
			if _, err := c.Bindings(t.Context()); err != nil {
				t.Errorf("reading: %v", err)
			}
			err := c.Correspond(t.Context(), ActionFlush, thePeer)
			asked := strings.Join(src.Asked(), " ")
			if tt.want == "" {
				if err != nil || !strings.Contains(asked, "Correspond") {
					t.Errorf("%v; asked %s", err, asked)
				}
				return
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if strings.Contains(asked, "Correspond") {
				t.Error("it was done all the same")
			}
		})
	}
}

// TestEveryChangeTakesRoot: no route can be added that anybody may use to change
// something, whatever its method.
func TestEveryChangeTakesRoot(t *testing.T) {
	c := serveAs(t, &Fake{}, 0, func(net.Conn) (peer, error) { return peer{uid: 64001}, nil })
	defer c.Close()
	paths := []string{"/v1/nothing"}
	for _, r := range NewServer(&Fake{}, nil).routes() {
		paths = append(paths, r.path)
		if (r.method == http.MethodGet) != (r.body == nil && r.answer.Size() > 0) {
			t.Errorf("%s %s: what only answers is GET, what changes is not", r.method, r.path)
		}
	}
	for _, path := range paths {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "FROBNICATE"} {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://mip6d"+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %s", method, path, resp.Status)
			}
		}
	}
}

// TestPeerCredentials asks with the credentials of real users: of the socket's group,
// and of another.
func TestPeerCredentials(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become others")
	}
	const group, uid = 1, 65534 // daemon's group
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := Listen(path, "daemon")
	if err != nil {
		t.Fatal(err)
	}
	src := filled()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(src, nil).Serve(ctx, l) }()
	defer func() { cancel(); <-done }()

	if _, err := dialAs(path, uid, 65533); !errors.Is(err, unix.EACCES) {
		t.Errorf("somebody of another group: %v, want no permission", err)
	}
	for _, tt := range []struct {
		uid, gid int
		request  string
		want     string
	}{
		{uid, group, "GET /v1/bindings HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
		{uid, group, "POST /v1/correspondents HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.0 403 Forbidden"},
		{0, 0, "POST /v1/correspondents HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.0 400 Bad Request"}, // understood too little
	} {
		conn, err := dialAs(path, tt.uid, tt.gid)
		if err != nil {
			t.Errorf("uid %d gid %d: %v", tt.uid, tt.gid, err)
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, tt.request); err != nil {
			t.Error(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if strings.TrimSpace(line) != tt.want {
			t.Errorf("uid %d gid %d, %q: %q (%v), want %s", tt.uid, tt.gid, tt.request, line, err, tt.want)
		}
		conn.Close()
	}
}

// dialAs connects as another user, from a thread that ends with that.
func dialAs(path string, uid, gid int) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	out := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread dies with its credentials
		conn, err := connectAs(path, uid, gid)
		out <- result{conn, err}
	}()
	r := <-out
	return r.conn, r.err
}

func connectAs(path string, uid, gid int) (net.Conn, error) {
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
		{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return nil, errno
		}
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}
