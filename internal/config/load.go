package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFile bounds what is read; 20,000 mobile nodes take some 3 MB.
const maxFile = 64 << 20

// Option changes how Load works.
type Option func(*options)

type options struct{ withoutKeys bool }

// WithoutKeys leaves key files alone, for a check by somebody who may not read
// them. The keys of the Config are nil.
func WithoutKeys() Option { return func(o *options) { o.withoutKeys = true } }

// Load reads a configuration file. If anything is wrong with what it holds, the
// error is a Problems with everything that is; other errors mean that the file
// could not be read.
func Load(path string, opts ...Option) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("read the configuration: %s is larger than %d MB", path, maxFile>>20)
	}
	return parse(path, text, opts...)
}

// parse makes a Config of a file's text.
func parse(path string, text []byte, opts ...Option) (*Config, error) {
	c, d := decode(path, text, opts...)
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return c, nil
}

func decode(path string, text []byte, opts ...Option) (*Config, *decoder) {
	var o options
	for _, set := range opts {
		set(&o)
	}
	dir := filepath.Dir(path)
	if full, err := filepath.Abs(dir); err == nil {
		dir = full
	}
	d := &decoder{file: path, keys: keysFrom(dir)}
	if o.withoutKeys {
		d.keys = noKeys(dir)
	}
	c := defaults()
	c.File = path
	top, err := document(text)
	if err != nil {
		d.problems = append(d.problems, syntaxProblem(path, text, err))
		return c, d
	}
	d.top = top
	d.root(c, top)
	d.check(c)
	return c, d
}

// document parses YAML and returns the one document's node. An empty file is
// an empty mapping.
func document(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc, next yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("line %d: there is a second document (after ---): one file holds one configuration", next.Line)
	}
	return doc.Content[0], nil
}

var syntaxLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// syntaxProblem places the parser's complaint, which knows a line at best.
func syntaxProblem(path string, text []byte, err error) Problem {
	p := Problem{File: path, Line: 1, Column: 1, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Text = m[2]
		if lines := strings.Split(string(text), "\n"); p.Line >= 1 && p.Line <= len(lines) {
			line := lines[p.Line-1]
			p.Column = len(line) - len(strings.TrimLeft(line, " \t")) + 1
		}
	}
	p.Text = "not YAML: " + p.Text
	if strings.Contains(p.Text, "second document") {
		p.Text = strings.TrimPrefix(p.Text, "not YAML: ")
	}
	return p
}
