package ctl

import (
	"context"
	"net/http"
	"reflect"
)

// route is one thing that can be asked for or changed. Summary and types are what
// docs/openapi.yaml says of it.
type route struct {
	method, path string
	summary      string
	query        []parameter
	body         reflect.Type // of a change; nil: none
	answer       reflect.Type
	stream       bool // answer after answer, one a line, without end
	handler      http.HandlerFunc
}

// parameter is part of a request's query string.
type parameter struct {
	name, schema, description string
	required                  bool
}

// routes is the whole protocol. All but GET is a change, which takes root.
func (s *Server) routes() []route {
	return []route{
		read(s, "/v1/status", "What the daemon is and how it is.", whole(s.src.Status, wholeStatus)),
		read(s, "/v1/bindings", "The binding cache of a home agent and of a correspondent node.", list(s.src.Bindings)),
		read(s, "/v1/bul", "A mobile node's Binding Update List.", whole(list(s.src.BUL), wholeBUL)),
		read(s, "/v1/nonces", "A correspondent node's nonces, without their secrets.", list(s.src.Nonces)),
		read(s, "/v1/interfaces", "What a role does with which interface.", whole(list(s.src.Interfaces), wholeInterfaces)),
		read(s, "/v1/groups", "Multicast groups of home links that mobile nodes listen to while they are away.", whole(list(s.src.Groups), wholeGroups)),
		read(s, "/v1/home-agents", "The home agents of a home agent's links.", whole(list(s.src.HomeAgents), wholeHomeAgents)),
		read(s, "/v1/ipsec", "Policies and security associations of mip6d's, without keys.", whole(s.src.IPsec, wholeIPsec)),
		read(s, "/v1/stats", "Everything counted since the daemon's start.", whole(s.src.Stats, wholeStats)),
		{
			method: http.MethodGet, path: "/v1/watch", summary: "Events as they happen, from the answer's head on, until one side ends it.",
			answer: reflect.TypeFor[Event](), stream: true, handler: s.watch,
		},
		{
			method: http.MethodGet, path: "/v1/events", summary: "What has happened, as far as it is kept.",
			query: eventParameters, answer: reflect.TypeFor[Events](), handler: s.events,
		},
		{
			method: http.MethodGet, path: "/v1/trace", summary: "The protocol's story of one mobile node, as far as it is kept.",
			query: traceParameters, answer: reflect.TypeFor[Trace](), handler: s.trace,
		},
		read(s, "/v1/drain", "Whether a home agent lets go of its mobile nodes.", s.src.Draining),
		{
			method: http.MethodPost, path: "/v1/drain", summary: "Has a home agent let go of its mobile nodes, or serve again.",
			body: reflect.TypeFor[drainRequest](), answer: reflect.TypeFor[Drain](), handler: s.drain,
		},
		{
			method: http.MethodPost, path: "/v1/bindings/delete", summary: "Ends a binding of a home agent.",
			body: reflect.TypeFor[deleteRequest](), answer: reflect.TypeFor[Binding](), handler: s.deleteBinding,
		},
		{
			method: http.MethodPost, path: "/v1/reload", summary: "Takes over the configuration as it is now.",
			body: reflect.TypeFor[struct{}](), answer: reflect.TypeFor[Status](), handler: s.reload,
		},
		{
			method: http.MethodPost, path: "/v1/correspondents", summary: "Has a mobile node begin, end or forget route optimisation with a peer.",
			body: reflect.TypeFor[correspondRequest](), answer: reflect.TypeFor[struct{}](), handler: s.correspond,
		},
		{
			method: http.MethodPost, path: "/v1/ipsec/migrate", summary: "Moves the IPsec tunnels of other programs from one end point to another, or tells which.",
			body: reflect.TypeFor[Migrate](), answer: reflect.TypeFor[[]Migrated](), handler: s.migrate,
		},
	}
}

func read[T any](s *Server, path, summary string, ask func(context.Context) (T, error)) route {
	return route{method: http.MethodGet, path: path, summary: summary, answer: reflect.TypeFor[T](), handler: answer(s, ask)}
}
