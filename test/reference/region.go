package reference

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	regionBegin = ".\\\" What follows is made by \"make reference\" of %s; change that.\n"
	regionEnd   = ".\\\" Made until here.\n"
)

// Region replaces the part of a page that is made of source.
func Region(page, source, made string) (string, error) {
	begin := fmt.Sprintf(regionBegin, source)
	before, rest, ok := strings.Cut(page, begin)
	if !ok {
		return "", fmt.Errorf("the page has no line %q", begin)
	}
	_, after, ok := strings.Cut(rest, regionEnd)
	if !ok {
		return "", fmt.Errorf("the page has no line %q", regionEnd)
	}
	return before + begin + made + regionEnd + after, nil
}

// Keep compares a file with what it ought to be. With update it writes it; without,
// a difference is an error that says what to do.
func Keep(file, want string, update bool) error {
	have, err := os.ReadFile(file)
	if err == nil && string(have) == want {
		return nil
	}
	if update {
		return os.WriteFile(file, []byte(want), 0o644)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%s is not up to date: run \"make reference\", look at what has changed, and commit it", file)
}
