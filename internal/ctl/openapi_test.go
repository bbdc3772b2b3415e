package ctl

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

const openAPI = "../../docs/openapi.yaml"

var rewrite = flag.Bool("update", false, "write docs/openapi.yaml")

// special are types whose JSON is their own.
var special = map[reflect.Type]string{
	reflect.TypeFor[netip.Addr]():   "Address",
	reflect.TypeFor[netip.Prefix](): "Prefix",
	reflect.TypeFor[time.Time]():    "Time",
	reflect.TypeFor[Seconds]():      "Seconds",
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
	for _, r := range NewServer(&Fake{}, nil).routes() {
		d.route(r)
	}
	d.linef(0, "components:")
	d.linef(1, "responses:")
	d.linef(2, "Failure:")
	d.linef(3, "description: What went wrong, in words. 400, the request is not understood; 403, only root may; 404, there is no such thing; 503, the daemon could not do it.")
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
	d.linef(1, "%s:", r.path)
	d.linef(2, "%s:", strings.ToLower(r.method))
	d.linef(3, "operationId: %s", strings.ReplaceAll(strings.TrimPrefix(r.path, "/v1/"), "-", "_"))
	d.linef(3, "summary: %s", r.summary)
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

// TestOpenAPIDescribesAnswers: what the handlers really answer has the keys that
// docs/openapi.yaml tells, all of them when everything is filled in and the required
// ones when nothing is, and values of the types that it tells.
func TestOpenAPIDescribesAnswers(t *testing.T) {
	text, err := os.ReadFile(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	v := validator{doc: doc, seen: make(map[string]bool)}
	paths := doc["paths"].(map[string]any)
	for _, full := range []bool{false, true} {
		src := &Fake{}
		if full {
			fill(reflect.ValueOf(src).Elem())
			src.Err = nil
		} else {
			src.BindingsAre, src.BULIs, src.NoncesAre = make([]Binding, 1), make([]BindingUpdate, 1), make([]Nonce, 1)
			src.InterfacesAre, src.HomeAgentsAre = make([]Interface, 1), make([]HomeAgent, 1)
		}
		path, _ := serve(t, src)
		c := NewClient(path)
		for where, item := range paths {
			for method, op := range item.(map[string]any) {
				responses := op.(map[string]any)["responses"].(map[string]any)
				for kind, media := range responses["200"].(map[string]any)["content"].(map[string]any) {
					v.where, v.full = method+" "+where, full
					v.check(t, kind, media.(map[string]any)["schema"], c, src, method, where)
				}
			}
		}
		c.Close()
	}
	for name := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if !v.seen[name] && name != "correspondRequest" && name != "failure" {
			t.Errorf("no answer has shown a %s", name)
		}
	}
}

// validator compares values with schemas.
type validator struct {
	doc   map[string]any
	where string
	full  bool
	seen  map[string]bool
}

func (v *validator) check(t *testing.T, kind string, schema any, c *Client, src *Fake, method, where string) {
	t.Helper()
	var body io.Reader
	if method != "get" {
		body = strings.NewReader(`{"action":"start","peer":"2001:db8::1"}`)
	}
	req, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), "http://mip6d"+where, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != kind {
		t.Errorf("%s: %s, %s", v.where, resp.Status, resp.Header.Get("Content-Type"))
		return
	}
	if strings.HasSuffix(kind, "jsonl") {
		var e Event
		if v.full {
			fill(reflect.ValueOf(&e).Elem())
		}
		src.Hub.Publish(e)
	}
	line, err := bufio.NewReader(resp.Body).ReadBytes('\n')
	if err != nil {
		t.Errorf("%s: %v", v.where, err)
		return
	}
	if strings.HasSuffix(kind, "jsonl") && v.full {
		// The hub itself says how many were lost: none.
		line = []byte(strings.Replace(string(line), "}\n", `,"lost":1}`+"\n", 1))
	}
	var value any
	if err := json.Unmarshal(line, &value); err != nil {
		t.Errorf("%s: %v in %s", v.where, err, line)
		return
	}
	if err := v.valid(value, schema, ""); err != nil {
		t.Errorf("%s, everything filled in: %v: %v\n%s", v.where, v.full, err, line)
	}
}

func (v *validator) valid(value, schema any, at string) error {
	s := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		name := filepath.Base(ref)
		v.seen[name] = true
		return v.valid(value, v.doc["components"].(map[string]any)["schemas"].(map[string]any)[name], at)
	}
	if any, ok := s["oneOf"].([]any); ok {
		for _, alternative := range any {
			if v.valid(value, alternative, at) == nil {
				return nil
			}
		}
		return fmt.Errorf("%s: %v is none of %v", at, value, any)
	}
	types, ok := s["type"].([]any)
	if !ok {
		types = []any{s["type"]}
	}
	if !slices.ContainsFunc(types, func(want any) bool { return isOf(value, want.(string)) }) {
		return fmt.Errorf("%s: %v is not of type %v", at, value, types)
	}
	switch value := value.(type) {
	case []any:
		for _, x := range value {
			if err := v.valid(x, s["items"], at+"[]"); err != nil {
				return err
			}
		}
	case map[string]any:
		return v.object(value, s, at)
	}
	return nil
}

func (v *validator) object(value, s map[string]any, at string) error {
	properties, _ := s["properties"].(map[string]any)
	for key, x := range value {
		p, ok := properties[key]
		if more, open := s["additionalProperties"].(map[string]any); !ok && open {
			p, ok = more, true
		}
		if !ok {
			return fmt.Errorf("%s.%s is not described", at, key)
		}
		if err := v.valid(x, p, at+"."+key); err != nil {
			return err
		}
	}
	var want []any
	if v.full {
		for key := range properties {
			want = append(want, key)
		}
	} else {
		want, _ = s["required"].([]any)
	}
	for _, key := range want {
		if _, ok := value[key.(string)]; !ok {
			return fmt.Errorf("%s.%s is described, and is not there", at, key)
		}
	}
	return nil
}

func isOf(value any, want string) bool {
	switch x := value.(type) {
	case nil:
		return want == "null"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && x == float64(int64(x))
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	}
	return false
}

// fill puts something into every field.
func fill(v reflect.Value) {
	switch v.Type() {
	case reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(thePeer))
		return
	case reflect.TypeFor[netip.Prefix]():
		v.Set(reflect.ValueOf(netip.PrefixFrom(thePeer, 64)))
		return
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon))
		return
	case reflect.TypeFor[Hub](), reflect.TypeFor[error]():
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("a").Convert(v.Type().Key()), reflect.ValueOf(uint64(1)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(7 * time.Second))
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(7)
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
