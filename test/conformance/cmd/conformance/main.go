// Command conformance writes docs/conformance.md anew. It ends with status 1 when something does not fit together, or
// when the document was not up to date: it is then, and wants to be committed.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"mip6d/test/conformance"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	document, problems, err := conformance.Make(os.DirFS(root))
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return errors.New("\n" + strings.Join(problems, "\n"))
	}
	old, err := os.ReadFile(conformance.Document)
	if err == nil && bytes.Equal(old, document) {
		return nil
	}
	if err := os.WriteFile(conformance.Document, document, 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return errors.New(conformance.Document + " was not up to date; it is now: look at it and commit it")
}
