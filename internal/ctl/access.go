package ctl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// peer is who has connected: the process's credentials at that moment (SO_PEERCRED).
type peer struct {
	uid uint32
	pid int32
}

type peerKey struct{}

// peerOf asks the kernel who is at the other end of a Unix socket.
func peerOf(c net.Conn) (peer, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return peer{}, errors.New("not a Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var cred *unix.Ucred
	var sockErr error
	if err := raw.Control(func(fd uintptr) { cred, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return peer{}, err
	}
	if sockErr != nil {
		return peer{}, sockErr
	}
	return peer{uid: cred.Uid, pid: cred.Pid}, nil
}

// meet notes who has connected, for all requests of the connection.
func (s *Server) meet(ctx context.Context, c net.Conn) context.Context {
	p, err := s.peer(c)
	if err != nil {
		s.log.Warn("control socket: the kernel does not say who has connected", "err", err)
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// mayAsk: reading is for whoever may open the socket, which its mode and its group
// decide. Everything else is for root, and for the user as whom mip6d runs, who could
// do the same without asking.
func (s *Server) mayAsk(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	p, known := r.Context().Value(peerKey{}).(peer)
	if known && (p.uid == 0 || p.uid == s.self) {
		s.log.Info("asked for a change by the control socket", "request", r.Method+" "+r.URL.Path, "uid", p.uid, "pid", p.pid)
		return nil
	}
	who := "somebody whom the kernel does not name"
	if known {
		who = nameOf(p.uid)
	}
	s.log.Warn("a change by the control socket was refused", "request", r.Method+" "+r.URL.Path, "by", who)
	return fmt.Errorf("only root%s may change anything, and this was asked by %s; the socket's group may read: run it as root (sudo)", s.besides(), who)
}

// besides names the user as whom we run.
func (s *Server) besides() string {
	if s.self == 0 {
		return ""
	}
	return " and " + nameOf(s.self)
}

func nameOf(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username + " (uid " + id + ")"
	}
	return "uid " + id
}
