package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"reflect"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"mip6d/internal/config"
)

const redacted = "[redacted]"

// redactor takes secrets out of what is to be shown to others: those that it knows, in
// each form in which they may stand somewhere, and whatever looks like one.
type redactor struct{ known [][]byte }

// newRedactor knows all keys of a configuration.
func newRedactor(c *config.Config) *redactor {
	r := &redactor{}
	if c != nil {
		r.walk(reflect.ValueOf(c))
	}
	return r
}

var keyType = reflect.TypeFor[config.Key]()

// walk finds keys wherever the configuration has some.
func (r *redactor) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			r.walk(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				r.walk(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type() == keyType {
			r.add(v.Bytes())
			return
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			r.walk(v.Index(i))
		}
	}
}

func (r *redactor) add(key []byte) {
	if len(key) == 0 {
		return
	}
	digits := hex.EncodeToString(key)
	r.known = append(r.known, key, []byte(digits), []byte(strings.ToUpper(digits)),
		[]byte(base64.StdEncoding.EncodeToString(key)), []byte(base64.RawURLEncoding.EncodeToString(key)))
	if trimmed := bytes.TrimSpace(key); len(trimmed) > 0 && len(trimmed) < len(key) {
		r.known = append(r.known, trimmed) // words from a file that ends with a newline
	}
}

// looksSecret: hexadecimal digits of 16 octets or more, such as ip xfrm prints keys, alone
// or in groups.
var looksSecret = regexp.MustCompile(`(?i)\b(0x)?([0-9a-f]{2}[ \t]?){15,}[0-9a-f]{2}\b`)

// stableSecret is from what the kernel makes interface identifiers (RFC 7217); it looks
// like an address.
var stableSecret = regexp.MustCompile(`(?m)(stable_secret\s*=).*$`)

// redact returns text without secrets.
func (r *redactor) redact(text []byte) []byte {
	for _, k := range r.known {
		text = bytes.ReplaceAll(text, k, []byte(redacted))
	}
	text = stableSecret.ReplaceAll(text, []byte("$1 "+redacted))
	return looksSecret.ReplaceAll(text, []byte(redacted))
}

// secretName is what a key of a configuration is called that should not be there: keys
// stand in files. key_file and key_format are none.
var secretName = regexp.MustCompile(`(?i)(^|_)(key|secret|psk|password|passphrase|token)s?$`)

// configuration returns a configuration file without comments, which may have anything
// in them, and without secrets.
func (r *redactor) configuration(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	strip(&doc)
	out, err := yaml.Marshal(&doc)
	return r.redact(out), err
}

func strip(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && secretName.MatchString(n.Content[i-1].Value) {
			*c = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: redacted}
		}
		strip(c)
	}
}
