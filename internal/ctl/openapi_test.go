package ctl

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const openAPI = "../../docs/openapi.yaml"

var rewrite = flag.Bool("update", false, "write docs/openapi.yaml")

// special are types whose JSON is their own.
var special = map[reflect.Type]string{
	reflect.TypeFor[netip.Addr]():      "Address",
	reflect.TypeFor[netip.Prefix]():    "Prefix",
	reflect.TypeFor[time.Time]():       "Time",
	reflect.TypeFor[Seconds]():         "Seconds",
	reflect.TypeFor[json.RawMessage](): "Decoded",
}

const specialSchemas = `    Address:
      type: string
      description: An IPv6 or IPv4 address.
      example: "2001:db8:1::100"
    Prefix:
      type: string
      description: An address and the length of its prefix.
      example: "2001:db8:1::/64"
    Time:
      type: string
      format: date-time
    Seconds:
      type: [number, "null"]
      description: A time span in seconds, to the millisecond; null is without end.
    Decoded:
      type: object
      description: A message as mip6ctl decode prints it, fields named as in the RFCs.
      additionalProperties: true
`

// document writes docs/openapi.yaml out of the routes, the types and their comments.
type document struct {
	comments map[string]string // of Type and Type.Field
	order    []reflect.Type    // structs that were used
	out      strings.Builder
}

func (d *document) linef(indent int, format string, args ...any) {
	fmt.Fprintf(&d.out, strings.Repeat("  ", indent)+format+"\n", args...)
}

func generate(t *testing.T) string {
	t.Helper()
	d := &document{comments: comments(t)}
	d.linef(0, "# Written by a test from internal/ctl: go test ./internal/ctl -run OpenAPI -update. For people: api.md.")
	d.linef(0, "openapi: 3.1.0")
	d.linef(0, "info:")
	d.linef(1, "title: mip6d's control socket")
	d.linef(1, "version: %q", fmt.Sprint(Protocol))
	d.linef(1, "license: {name: Apache-2.0, identifier: Apache-2.0}")
	d.linef(1, "description: HTTP on a Unix socket, /run/mip6d/mip6d.sock by default. Names are kept; new ones may come.")
	d.linef(0, "servers:")
	d.linef(1, "- url: http://mip6d")
	d.linef(2, "description: any name will do; what counts is the socket")
	d.linef(0, "security: []")
	d.linef(0, "paths:")
	last := ""
	for _, r := range NewServer(&Fake{}, nil).routes() {
		if r.path != last {
			d.linef(1, "%s:", r.path)
			last = r.path
		}
		d.route(r)
	}
	d.linef(0, "components:")
	d.linef(1, "responses:")
	d.linef(2, "Failure:")
	d.linef(3, "description: What went wrong, in words. 400, the request is not understood; 403, only root may; 404, there is no such thing; 409, what is there does not allow for it; 503, the daemon could not do it.")
	d.linef(3, "content: {application/json: {schema: {$ref: \"#/components/schemas/failure\"}}}")
	d.linef(1, "schemas:")
	d.out.WriteString(specialSchemas)
	d.use(reflect.TypeFor[failure]())
	// A schema may use others, which come after those that are known.
	for done := 0; done < len(d.order); done++ {
		d.schema(d.order[done].Name(), d.order[done])
	}
	return d.out.String()
}

func (d *document) route(r route) {
	d.linef(2, "%s:", strings.ToLower(r.method))
	id := strings.NewReplacer("-", "_", "/", "_").Replace(strings.TrimPrefix(r.path, "/v1/"))
	if id == "drain" && r.method == http.MethodPost {
		id = "set_drain" // the one path with two methods
	}
	d.linef(3, "operationId: %s", id)
	d.linef(3, "summary: %s", r.summary)
	for i, p := range r.query {
		if i == 0 {
			d.linef(3, "parameters:")
		}
		d.linef(4, "- {name: %s, in: query, required: %t, description: %q, schema: %s}", p.name, p.required, p.description, p.schema)
	}
	if r.body != nil {
		d.linef(3, "requestBody:")
		d.linef(4, "required: true")
		d.linef(4, "content: {application/json: {schema: %s}}", d.use(r.body))
	}
	kind, what := "application/json", "The answer."
	if r.stream {
		kind, what = "application/jsonl", "One JSON object a line, each in a chunk of its own, without end."
	}
	d.linef(3, "responses:")
	d.linef(4, "\"200\":")
	d.linef(5, "description: %s", what)
	d.linef(5, "headers: {%s: {schema: {type: integer, const: %d}, description: The version of this protocol.}}", protocolHeader, Protocol)
	d.linef(5, "content: {%s: {schema: %s}}", kind, d.use(r.answer))
	d.linef(4, "default: {$ref: \"#/components/responses/Failure\"}")
}

// use is the schema of a type, in one line; structs are put off.
func (d *document) use(t reflect.Type) string {
	if name, ok := special[t]; ok {
		return `{$ref: "#/components/schemas/` + name + `"}`
	}
	switch t.Kind() {
	case reflect.Pointer:
		if special[t.Elem()] == "Seconds" {
			return d.use(t.Elem()) // null, too
		}
		return `{oneOf: [` + d.use(t.Elem()) + `, {type: "null"}]}`
	case reflect.Slice:
		return `{type: array, items: ` + d.use(t.Elem()) + `}`
	case reflect.Map:
		return `{type: object, additionalProperties: ` + d.use(t.Elem()) + `}`
	case reflect.Struct:
		if t.NumField() == 0 {
			return `{type: object, additionalProperties: false}`
		}
		if !slices.Contains(d.order, t) {
			d.order = append(d.order, t)
		}
		return `{$ref: "#/components/schemas/` + t.Name() + `"}`
	case reflect.String:
		return `{type: string}`
	case reflect.Bool:
		return `{type: boolean}`
	case reflect.Uint8:
		return `{type: integer, minimum: 0, maximum: 255}`
	case reflect.Uint16:
		return `{type: integer, minimum: 0, maximum: 65535}`
	case reflect.Uint32:
		return `{type: integer, minimum: 0, maximum: 4294967295}`
	case reflect.Uint64:
		return `{type: integer, minimum: 0}`
	case reflect.Int:
		return `{type: integer}`
	}
	panic("no schema for " + t.String())
}

func (d *document) schema(name string, t reflect.Type) {
	d.linef(2, "%s:", name)
	d.linef(3, "type: object")
	if c := d.comments[name]; c != "" {
		d.linef(3, "description: %q", c)
	}
	d.linef(3, "additionalProperties: false")
	if required := keysOf(t, true); len(required) > 0 {
		d.linef(3, "required: [%s]", strings.Join(required, ", "))
	}
	d.linef(3, "properties:")
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		schema, ft := "", f.Type
		if ft.Kind() == reflect.Pointer && !required(f) {
			ft = ft.Elem() // absent, and never null
		}
		schema = d.use(ft)
		if c := d.comments[name+"."+f.Name]; c != "" {
			schema = fmt.Sprintf("{description: %q, %s", c, schema[1:])
		}
		d.linef(4, "%s: %s", key, schema)
	}
}

// required: a key that is always there.
func required(f reflect.StructField) bool {
	tag := f.Tag.Get("json")
	return !strings.Contains(tag, "omitzero") && !strings.Contains(tag, "omitempty")
}

func keysOf(t reflect.Type, onlyRequired bool) []string {
	var keys []string
	for i := range t.NumField() {
		if f := t.Field(i); !onlyRequired || required(f) {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			keys = append(keys, key)
		}
	}
	return keys
}

// comments reads what the source says of each type and field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				spec := s.(*ast.TypeSpec)
				fields, ok := spec.Type.(*ast.StructType)
				if !ok {
					continue
				}
				out[spec.Name.Name] = oneLine(g.Doc.Text())
				for _, field := range fields.Fields.List {
					for _, n := range field.Names {
						out[spec.Name.Name+"."+n.Name] = oneLine(field.Doc.Text() + " " + field.Comment.Text())
					}
				}
			}
		}
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestOpenAPI: docs/openapi.yaml is what routes and types say.
func TestOpenAPI(t *testing.T) {
	want := generate(t)
	if *rewrite {
		if err := os.WriteFile(openAPI, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/openapi.yaml: go test ./internal/ctl -run OpenAPI -update (-want +got)\n%s", diff)
	}
}

// TestAPIDocument: docs/api.md names every route, and no other.
func TestAPIDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, r := range NewServer(&Fake{}, nil).routes() {
		want = append(want, r.method+" "+r.path)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			if route, _, ok := strings.Cut(rest, "`"); ok && strings.Contains(route, " /v1/") {
				got = append(got, route)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/api.md (-routes +documented)\n%s", diff)
	}
}
