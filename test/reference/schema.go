package reference

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"mip6d/internal/config"
)

// schema is the part of JSON Schema (draft 7, which editors know) that we use.
type schema struct {
	Draft       string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Default     any                `json:"default,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Type        any                `json:"type,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Format      string             `json:"format,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *int64             `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  *bool              `json:"additionalProperties,omitempty"`
}

// SchemaFile is where Schema's result is kept.
const SchemaFile = "configs/mip6d.schema.json"

// Schema makes the configuration file's JSON schema. A key that has no row in the
// documentation, or the other way round, is an error.
func Schema(settings []config.Setting, rows []Row) ([]byte, error) {
	s := schemas{settings: settings, rows: make(map[string]Row)}
	for _, r := range rows {
		s.rows[r.Key] = r
	}
	if len(rows) != len(settings) {
		return nil, fmt.Errorf("the loader knows %d keys and docs/configuration.md %d", len(settings), len(rows))
	}
	top, err := s.section("")
	if err != nil {
		return nil, err
	}
	top.Draft, top.ID, top.Title = "http://json-schema.org/draft-07/schema#", "mip6d.schema.json", "mip6d.yaml"
	top.Description = "Configuration of mip6d, the Mobile IPv6 daemon. Made of the daemon's own loader; see mip6d.yaml(5)."
	b, err := json.MarshalIndent(top, "", "  ")
	return append(b, '\n'), err
}

type schemas struct {
	settings []config.Setting
	rows     map[string]Row
}

// section is the object of the keys directly below a path.
func (s *schemas) section(path string) (*schema, error) {
	closed := false
	o := &schema{Type: "object", Properties: make(map[string]*schema), Additional: &closed}
	for _, k := range s.settings {
		dot := strings.LastIndexByte(k.Path, '.')
		if k.Path[:max(dot, 0)] != path {
			continue
		}
		name := k.Path[dot+1:]
		property, err := s.key(k)
		if err != nil {
			return nil, err
		}
		o.Properties[name] = property
		if k.Required {
			o.Required = append(o.Required, name)
		}
	}
	// "correspondent_node:" with nothing behind it is a section, too.
	if len(o.Required) == 0 {
		o.Type = []string{"object", "null"}
	}
	return o, nil
}

func (s *schemas) key(k config.Setting) (*schema, error) {
	row, ok := s.rows[k.Path]
	if !ok {
		return nil, fmt.Errorf("%s is not in docs/configuration.md", k.Path)
	}
	v, err := s.values(k.Path, k.Values)
	if err != nil {
		return nil, err
	}
	var text []string
	for _, part := range []string{row.Meaning, row.Type} {
		if part != "" {
			text = append(text, plain(part))
		}
	}
	if row.Default != "" && row.Default != "*required*" {
		text = append(text, "Default: "+plain(row.Default))
	}
	v.Description = strings.Join(text, "\n")
	v.Default = literal(k.Values, row.Default)
	return v, nil
}

var quoted = regexp.MustCompile("^`([^`]*)`$")

// literal is a default that stands for itself; nil where words are needed to tell it.
func literal(values []config.Value, text string) any {
	m := quoted.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	for _, v := range values {
		switch v.Kind {
		case config.Number:
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				return nil
			}
			return n
		case config.Boolean:
			return m[1] == "true"
		case config.List:
			return nil
		}
	}
	return m[1]
}

func (s *schemas) values(path string, values []config.Value) (*schema, error) {
	var any []*schema
	for _, v := range values {
		one, err := s.value(path, v)
		if err != nil {
			return nil, err
		}
		any = append(any, one)
	}
	if len(any) == 1 {
		return any[0], nil
	}
	return &schema{AnyOf: any}, nil
}

// duration is what time.ParseDuration takes, but for signs.
const duration = `^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$`

func (s *schemas) value(path string, v config.Value) (*schema, error) {
	switch v.Kind {
	case config.Section:
		return s.section(path)
	case config.List:
		items, err := s.values(path+"[]", v.Elements)
		return &schema{Type: "array", Items: items}, err
	case config.Text:
		return &schema{Type: "string", MinLength: 1, Format: v.Format}, nil
	case config.Number:
		return &schema{Type: "integer", Minimum: &v.Min, Maximum: &v.Max}, nil
	case config.Boolean:
		return &schema{Type: "boolean"}, nil
	case config.Switch: // YAML's editors read on as a word, or as true
		return &schema{Enum: []any{"on", "off", true, false}}, nil
	case config.Duration:
		one := &schema{Type: "string", Pattern: duration}
		if v.From > 0 {
			return one, nil
		}
		return &schema{AnyOf: []*schema{one, {Enum: []any{0}}}}, nil
	case config.Choice:
		one := &schema{}
		for _, w := range v.Words {
			one.Enum = append(one.Enum, w)
		}
		return one, nil
	}
	return nil, fmt.Errorf("%s: no schema for a %s", path, v.Kind)
}
