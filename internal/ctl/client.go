package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// DefaultSocket is where mip6d listens unless its configuration says otherwise.
const DefaultSocket = "/run/mip6d/mip6d.sock"

// Client asks a daemon.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client of the daemon at a socket. Nothing is opened yet.
func NewClient(path string) *Client {
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		DisableCompression: true,
	}}}
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks what the daemon is and how it is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/v1/status")
}

// Bindings asks a home agent for its binding cache.
func (c *Client) Bindings(ctx context.Context) ([]Binding, error) {
	return get[[]Binding](ctx, c, "/v1/bindings")
}

// BUL asks a mobile node for its Binding Update List.
func (c *Client) BUL(ctx context.Context) ([]BindingUpdate, error) {
	return get[[]BindingUpdate](ctx, c, "/v1/bul")
}

// Groups asks a home agent for the multicast memberships of mobile nodes that are away.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	return get[[]Group](ctx, c, "/v1/groups")
}

// HomeAgents asks a home agent for those of its home links.
func (c *Client) HomeAgents(ctx context.Context) ([]HomeAgent, error) {
	return get[[]HomeAgent](ctx, c, "/v1/home-agents")
}

// Nonces asks a correspondent node for its nonces.
func (c *Client) Nonces(ctx context.Context) ([]Nonce, error) {
	return get[[]Nonce](ctx, c, "/v1/nonces")
}

// Correspond has a mobile node do one of the Actions about a peer.
func (c *Client) Correspond(ctx context.Context, action string, peer netip.Addr) error {
	_, err := post[struct{}](ctx, c, "/v1/correspondents", correspondRequest{action, peer})
	return err
}

// Interfaces asks for the interfaces that the daemon works with.
func (c *Client) Interfaces(ctx context.Context) ([]Interface, error) {
	return get[[]Interface](ctx, c, "/v1/interfaces")
}

// IPsec asks for the policies and security associations that are mip6d's own.
func (c *Client) IPsec(ctx context.Context) (IPsec, error) { return get[IPsec](ctx, c, "/v1/ipsec") }

// Migrate moves the tunnels of others, or tells which it would.
func (c *Client) Migrate(ctx context.Context, m Migrate) ([]Migrated, error) {
	return post[[]Migrated](ctx, c, "/v1/ipsec/migrate", m)
}

// Stats asks for everything counted.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	return get[Stats](ctx, c, "/v1/stats")
}

// ErrEnded is what Watch returns when the daemon ends.
var ErrEnded = errors.New("mip6d has ended")

// Watch hands events to f as they happen, until ctx ends (then it returns nil),
// f fails (then it returns that error) or the daemon ends (ErrEnded). ready is
// called, if not nil, once everything from then on is certain to be reported.
func (c *Client) Watch(ctx context.Context, ready func(), f func(Event) error) error {
	resp, err := c.open(ctx, "/v1/watch")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer resp.Body.Close()
	if ready != nil {
		ready()
	}
	dec := json.NewDecoder(resp.Body)
	for {
		var e Event
		err := dec.Decode(&e)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return ErrEnded
		case err != nil:
			return fmt.Errorf("read events of mip6d: %w", err)
		}
		if err := f(e); err != nil {
			return err
		}
	}
}

// get asks for one value.
func get[T any](ctx context.Context, c *Client, what string) (T, error) {
	var v T
	resp, err := c.open(ctx, what)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("read the answer of mip6d to %s: %w", what, err)
	}
	return v, nil
}

// open sends a request and returns the answer if it is one of a mip6d that
// speaks our protocol and has no complaint.
func (c *Client) open(ctx context.Context, what string) (*http.Response, error) {
	return c.do(ctx, http.MethodGet, what, nil)
}

func (c *Client) do(ctx context.Context, method, what string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://mip6d"+what, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(c.path, err)
	}
	if err := acceptable(c.path, resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func acceptable(path string, resp *http.Response) error {
	version, err := strconv.Atoi(resp.Header.Get(protocolHeader))
	switch {
	case err != nil:
		return fmt.Errorf("what answers at %s is not mip6d: name mip6d's socket with --socket or $%s", path, SocketVariable)
	case version != Protocol:
		return fmt.Errorf("mip6d at %s speaks version %d of the control protocol, and this program version %d: use the mip6ctl that was installed with it, and restart mip6d after an update", path, version, Protocol)
	case resp.StatusCode == http.StatusOK:
		return nil
	}
	var f failure
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&f); err != nil || f.Error == "" {
		f.Error = resp.Status
	}
	return fmt.Errorf("mip6d answers: %s", f.Error)
}
