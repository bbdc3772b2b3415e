package ctl

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

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
		if !v.seen[name] && !slices.Contains([]string{"correspondRequest", "Migrate", "drainRequest", "deleteRequest", "failure"}, name) {
			t.Errorf("no answer has shown a %s", name)
		}
	}
}

// requests are right ones, of what takes a body.
var requests = map[string]string{
	"/v1/correspondents":  `{"action":"start","peer":"2001:db8::1"}`,
	"/v1/reload":          `{}`,
	"/v1/drain":           `{"drain":true}`,
	"/v1/bindings/delete": `{"home_address":"2001:db8::1"}`,
	"/v1/ipsec/migrate":   `{"old":"2001:db8::1","new":"2001:db8::2","dry_run":true}`,
}

// queries are right ones, of what takes one.
var queries = map[string]string{"/v1/trace": "?home_address=2001:db8::1"}

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
		body = strings.NewReader(requests[where])
	}
	req, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), "http://mip6d"+where+queries[where], body)
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
	case reflect.TypeFor[json.RawMessage]():
		v.Set(reflect.ValueOf(json.RawMessage("{}")))
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
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	}
}
