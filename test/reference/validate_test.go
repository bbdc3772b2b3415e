package reference

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"mip6d/internal/config"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(top + SchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s.Validate(v)
}

func TestSchemaTakesTheExamples(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob(top + "configs/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("only %d examples (%v)", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, string(b)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestSchemaAgreesWithTheLoader on what convert-umip writes, some of which lacks what
// the old file did not say.
func TestSchemaAgreesWithTheLoader(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob(top + "internal/umip/testdata/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("only %d files (%v)", len(files), err)
	}
	refused := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, loads := config.Load(f, config.WithoutKeys())
		fits := validate(t, s, string(b))
		if (loads == nil) != (fits == nil) {
			t.Errorf("%s\nthe loader says: %v\nthe schema says: %v", f, loads, fits)
		}
		if fits != nil {
			refused++
		}
	}
	if refused == 0 || refused == len(files) {
		t.Errorf("%d of %d files are refused: both kinds are wanted", refused, len(files))
	}
}

// TestSchemaRefuses what the loader refuses, and takes its neighbour.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	const ha = "home_agent: {links: [{interface: eth0, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64], X}], mobile_nodes: [{home_address: 2001:db8:1::9, Y}], Z}"
	with := func(what, text string) string {
		return strings.NewReplacer(", "+what, ", "+text, ", X", "", ", Y", "", ", Z", "").Replace(ha)
	}
	for _, c := range []struct{ what, good, bad string }{
		{"an unknown key", "{correspondent_node: {}, kernel: {table: 6275}}", "{correspondent_node: {}, kernel: {tabel: 6275}}"},
		{"a number beyond its range", "{correspondent_node: {}, kernel: {route_protocol: 255}}", "{correspondent_node: {}, kernel: {route_protocol: 256}}"},
		{"a number below its range", with("Y", "auth: {spi: 256, key_file: k}"), with("Y", "auth: {spi: 255, key_file: k}")},
		{"a word for a number", "{correspondent_node: {}, kernel: {table: 6275}}", "{correspondent_node: {}, kernel: {table: many}}"},
		{"a wrong word", "{correspondent_node: {}, log: {level: debug}}", "{correspondent_node: {}, log: {level: loud}}"},
		{"a missing key", with("Y", "auth: {spi: 256, key_file: k}"), with("Y", "auth: {spi: 256}")},
		{"a time without a unit", with("Z", "max_lifetime: 90s"), with("Z", "max_lifetime: 90")},
		{"a value for a list", with("Z", "ipv4_pool: [192.0.2.0/24]"), with("Z", "ipv4_pool: 192.0.2.0/24")},
		{"a section or a switch, neither", with("X", "advertise: off"), with("X", "advertise: perhaps")},
		{"a section or a switch, with a wrong key", with("X", "advertise: {min_interval: 3s}"), with("X", "advertise: {min_intreval: 3s}")},
		{"no address", "mobile_node: {homes: [{home_address: 2001:db8::1/64, home_agent: 2001:db8::2}], interfaces: [{name: e}], allow_unauthenticated: true}",
			"mobile_node: {homes: [{home_address: 2001:db8::1/64, home_agent: nobody}], interfaces: [{name: e}], allow_unauthenticated: true}"},
		{"a zero time where it may be", with("X", "preferred_lifetime: 0"), with("X", "valid_lifetime: 0")},
		{"an empty section", "correspondent_node:", "home_agent:"},
	} {
		load := func(text string) error {
			f := filepath.Join(t.TempDir(), "mip6d.yaml")
			if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(f, config.WithoutKeys())
			return err
		}
		// Only key files and authentication, of which a schema knows nothing, may differ.
		if err := load(c.good); err != nil && !strings.Contains(err.Error(), "auth") {
			t.Errorf("%s: the loader refuses %s: %v", c.what, c.good, err)
		}
		if load(c.bad) == nil {
			t.Errorf("%s: the loader takes %s", c.what, c.bad)
		}
		if err := validate(t, s, c.good); err != nil {
			t.Errorf("%s: the schema refuses %s: %v", c.what, c.good, err)
		}
		if validate(t, s, c.bad) == nil {
			t.Errorf("%s: the schema takes %s", c.what, c.bad)
		}
	}
}
