package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// What a Source answers to a change that can't be made. The server tells them apart by
// the answer's status.
var (
	ErrNotThere = errors.New("there is no such thing")              // 404
	ErrNotNow   = errors.New("what is there does not allow for it") // 409
)

// explained is one of the above with other words.
type explained struct {
	text string
	kind error
}

func (e explained) Error() string { return e.text }
func (e explained) Unwrap() error { return e.kind }

// NotThere is an ErrNotThere that says what is not there.
func NotThere(format string, args ...any) error {
	return explained{fmt.Sprintf(format, args...), ErrNotThere}
}

// NotNow is an ErrNotNow that says why.
func NotNow(format string, args ...any) error {
	return explained{fmt.Sprintf(format, args...), ErrNotNow}
}

// Drain says whether a home agent lets go of its mobile nodes.
type Drain struct {
	Draining bool      `json:"draining"`
	Since    time.Time `json:"since,omitzero"`
	Bindings int       `json:"bindings"` // home registrations that are left
}

// drainRequest is the body of a request to drain, or not to.
type drainRequest struct {
	Drain bool `json:"drain"`
}

// deleteRequest is the body of a request to end a binding.
type deleteRequest struct {
	HomeAddress netip.Addr `json:"home_address"`
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if _, ok := requestOf[struct{}](s, w, r); !ok {
		return
	}
	answer(s, whole(func(ctx context.Context) (Status, error) {
		if err := s.src.Reload(ctx); err != nil {
			return Status{}, err
		}
		return s.src.Status(ctx)
	}, wholeStatus))(w, r)
}

func (s *Server) drain(w http.ResponseWriter, r *http.Request) {
	if q, ok := requestOf[drainRequest](s, w, r); ok {
		answer(s, func(ctx context.Context) (Drain, error) { return s.src.SetDrain(ctx, q.Drain) })(w, r)
	}
}

func (s *Server) deleteBinding(w http.ResponseWriter, r *http.Request) {
	q, ok := requestOf[deleteRequest](s, w, r)
	switch {
	case !ok:
	case !q.HomeAddress.Is6():
		s.fail(w, http.StatusBadRequest, fmt.Errorf("%q is no home address", q.HomeAddress))
	default:
		answer(s, func(ctx context.Context) (Binding, error) { return s.src.DeleteBinding(ctx, q.HomeAddress) })(w, r)
	}
}

// requestOf reads a request's body; what is wrong with it has been answered then.
func requestOf[T any](s *Server, w http.ResponseWriter, r *http.Request) (q T, ok bool) {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		s.fail(w, http.StatusBadRequest, fmt.Errorf("the request is not understood: %w", err))
		return q, false
	}
	return q, true
}

// Reload has the daemon take over its configuration as it is now.
func (c *Client) Reload(ctx context.Context) (Status, error) {
	return post[Status](ctx, c, "/v1/reload", struct{}{})
}

// Draining asks whether a home agent lets go of its mobile nodes.
func (c *Client) Draining(ctx context.Context) (Drain, error) { return get[Drain](ctx, c, "/v1/drain") }

// SetDrain has it do so, or serve again.
func (c *Client) SetDrain(ctx context.Context, on bool) (Drain, error) {
	return post[Drain](ctx, c, "/v1/drain", drainRequest{on})
}

// DeleteBinding ends a binding of a home agent, and returns what it was.
func (c *Client) DeleteBinding(ctx context.Context, home netip.Addr) (Binding, error) {
	return post[Binding](ctx, c, "/v1/bindings/delete", deleteRequest{home})
}

// post asks for a change.
func post[T any](ctx context.Context, c *Client, what string, q any) (v T, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return v, err
	}
	resp, err := c.do(ctx, http.MethodPost, what, bytes.NewReader(body))
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("read the answer of mip6d to %s: %w", what, err)
	}
	return v, nil
}
