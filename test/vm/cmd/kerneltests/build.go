package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const buildDir = "build/kerneltests"

// A pkg is a package with real-kernel tests.
type pkg struct {
	Dir          string
	ImportPath   string
	TestGoFiles  []string
	XTestGoFiles []string
}

func (p pkg) name() string { return strings.ReplaceAll(p.ImportPath, "/", "-") }

// file is the test binary, relative to the module's root.
func (p pkg) file() string { return filepath.Join(buildDir, p.name()+".test") }

func (p pkg) absFile() (string, error) { return filepath.Abs(p.file()) }

func (p pkg) testdata() string {
	dir := filepath.Join(p.Dir, "testdata")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// A guestFile is what a package's tests want in the guest beside its testdata: a line of
// its file "guest" names a file of the repository, or a script below scripts/ that prints
// the name of one, and where it is to be.
type guestFile struct{ host, guest string }

func (p pkg) guestFiles(ctx context.Context) ([]guestFile, error) {
	b, err := os.ReadFile(filepath.Join(p.Dir, "guest"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []guestFile
	for line := range strings.Lines(string(b)) {
		file, guest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return nil, fmt.Errorf("%s/guest: %q: want a file and where it is to be", p.Dir, line)
		}
		if strings.HasPrefix(file, "scripts/") {
			cmd := exec.CommandContext(ctx, file)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			file = strings.TrimSpace(string(out))
		}
		list = append(list, guestFile{file, guest})
	}
	return list, nil
}

// command is a program that real-kernel tests start.
type command struct{ name string }

var commands = []command{{"mip6d"}, {"mip6ctl"}, {"mip6bench"}}

func (c command) file() string { return filepath.Join(buildDir, "bin", c.name) }

func binDir() (string, error) { return filepath.Abs(filepath.Join(buildDir, "bin")) }

// findPackages lists the packages in which a test file declares what is looked
// for.
func findPackages(ctx context.Context, declaration string, patterns []string) ([]pkg, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-json=Dir,ImportPath,TestGoFiles,XTestGoFiles"}, patterns...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var found []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		for _, f := range append(p.TestGoFiles, p.XTestGoFiles...) {
			has, err := declares(filepath.Join(p.Dir, f), declaration)
			if err != nil {
				return nil, err
			}
			if has {
				found = append(found, p)
				break
			}
		}
	}
}

func declares(file, declaration string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if strings.HasPrefix(s.Text(), declaration) {
			return true, nil
		}
	}
	return false, s.Err()
}

// build compiles the test binaries and the commands they start, all static.
func build(ctx context.Context, packages []pkg) error {
	if err := os.MkdirAll(filepath.Join(buildDir, "bin"), 0o755); err != nil {
		return err
	}
	for _, p := range packages {
		if err := goTool(ctx, "test", "-c", "-ldflags=-s -w", "-o", p.file(), p.ImportPath); err != nil {
			return err
		}
	}
	for _, c := range commands {
		if _, err := os.Stat(filepath.Join("cmd", c.name)); err != nil {
			continue
		}
		if err := goTool(ctx, "build", "-trimpath", "-ldflags=-s -w", "-o", c.file(), "./cmd/"+c.name); err != nil {
			return err
		}
	}
	return nil
}

func goTool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
