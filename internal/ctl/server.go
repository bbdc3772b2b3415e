package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"
)

// protocolHeader carries Protocol in every answer.
const protocolHeader = "Mip6d-Protocol"

const (
	headerTimeout   = 5 * time.Second
	shutdownTimeout = 2 * time.Second // for answers under way when the daemon ends
	maxHeader       = 16 << 10
	maxRequest      = 4 << 10
)

// Server answers the control protocol.
type Server struct {
	src  Source
	log  *slog.Logger
	peer func(net.Conn) (peer, error) // who has connected
	self uint32                       // the user as whom we run
}

// NewServer returns a server that asks src. Nil for log means no log.
func NewServer(src Source, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{src: src, log: log, peer: peerOf, self: uint32(os.Geteuid())}
}

// Serve answers on l until ctx ends, then closes l and waits for the answers
// under way. It returns nil after ctx has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       s.meet,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
		case <-ended:
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			_ = srv.Close() // somebody doesn't read his answer
		}
	}()
	err := srv.Serve(l)
	close(ended)
	<-stopped
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the control socket: %w", err)
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.method+" "+r.path, r.handler)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, http.StatusNotFound, fmt.Errorf("mip6d knows no %s %s", r.Method, r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(protocolHeader, strconv.Itoa(Protocol))
		if err := s.mayAsk(r); err != nil {
			s.fail(w, http.StatusForbidden, err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// answer makes a handler of a question to the Source.
func answer[T any](s *Server, ask func(context.Context) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := ask(r.Context())
		if err != nil {
			s.fail(w, statusOf(err), err)
			return
		}
		body, err := json.Marshal(v)
		if err != nil {
			s.fail(w, http.StatusInternalServerError, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(body, '\n')) // nobody to tell if the client has gone
	}
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotThere):
		return http.StatusNotFound
	case errors.Is(err, ErrNotNow):
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}

// list answers [] and never null.
func list[T any](ask func(context.Context) ([]T, error)) func(context.Context) ([]T, error) {
	return func(ctx context.Context) ([]T, error) {
		v, err := ask(ctx)
		return orEmpty(v), err
	}
}

// whole gives an answer the empty lists that the Source left out: programs get
// [] and {}, and never null.
func whole[T any](ask func(context.Context) (T, error), fill func(*T)) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		v, err := ask(ctx)
		fill(&v)
		return v, err
	}
}

func wholeStatus(s *Status) { s.Roles, s.Problems = orEmpty(s.Roles), orEmpty(s.Problems) }

func wholeStats(s *Stats) {
	for _, m := range []*map[string]uint64{&s.Counters, &s.DataPath} {
		if *m == nil {
			*m = map[string]uint64{}
		}
	}
}

func wholeBUL(list *[]BindingUpdate) {
	for i := range *list {
		(*list)[i].Correspondents = orEmpty((*list)[i].Correspondents)
	}
}

func wholeInterfaces(list *[]Interface) {
	for i := range *list {
		f := &(*list)[i]
		f.Addresses, f.Routers = orEmpty(f.Addresses), orEmpty(f.Routers)
		for k := range f.Routers {
			f.Routers[k].Prefixes = orEmpty(f.Routers[k].Prefixes)
		}
	}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// correspondRequest is the body of a request to do something about a peer.
type correspondRequest struct {
	Action string     `json:"action"`
	Peer   netip.Addr `json:"peer"`
}

func (s *Server) correspond(w http.ResponseWriter, r *http.Request) {
	q, ok := requestOf[correspondRequest](s, w, r)
	if !ok {
		return
	}
	if !slices.Contains([]string{ActionStart, ActionStop, ActionFlush}, q.Action) || !q.Peer.Is6() {
		s.fail(w, http.StatusBadRequest, fmt.Errorf("cannot %q the peer %q", q.Action, q.Peer))
		return
	}
	answer(s, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.src.Correspond(ctx, q.Action, q.Peer)
	})(w, r)
}

// failure is the body of an answer that is an error.
type failure struct {
	Error string `json:"error"`
}

func (s *Server) fail(w http.ResponseWriter, code int, err error) {
	s.log.Debug("control request failed", "err", err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(failure{Error: err.Error()})
}

// watch streams events until the client or the daemon goes.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	events := s.src.Subscribe(r.Context())
	w.Header().Set("Content-Type", "application/jsonl")
	out := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	// The head goes out at once: what happens from here on is reported.
	if err := out.Flush(); err != nil {
		return
	}
	for e := range events {
		if enc.Encode(e) != nil || out.Flush() != nil {
			return // Subscribe ends with the request
		}
	}
}
