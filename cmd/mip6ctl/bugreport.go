package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
)

func newBugReportCommand(o *options) *cobra.Command {
	var file, out string
	var withoutDoctor bool
	cmd := &cobra.Command{
		Use: "bug-report", Short: "A tarball of what somebody needs who is to help", Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Writes a tarball, readable by its owner alone, of what mip6d says of itself and of what
happened, its configuration, its log, doctor's findings, and the kernel's tables. Keys
are in none of it: comments of the configuration are left out, and whatever is one of its
keys, or looks like a key. Addresses are in it, and so where each mobile node is; look
through it before you send it. What could not be had is named in it. mip6d need not run;
run it as root, as others may not ask for everything.`,
		Example: "  mip6ctl bug-report -f /tmp/report.tar.gz && tar tvf /tmp/report.tar.gz",
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", "", "configuration `file`; without it the one that mip6d says it has, or "+defaultConfig)
	flags.StringVarP(&out, "file", "f", "", "write to that `file`, - for standard output; without it mip6d-bug-report-DATE-TIME.tar.gz here")
	flags.BoolVar(&withoutDoctor, "without-doctor", false, "do not probe the kernel")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if out == "-" && o.output.forPrograms() {
			return usageError{"-f - has the tarball on standard output, and no JSON: leave -o out, or name a file"}
		}
		now := time.Now()
		r := &report{made: now}
		c := ctl.NewClient(o.socket)
		defer c.Close()
		status := r.daemon(cmd.Context(), c)
		if file == "" {
			if file = status.Config; file == "" {
				file = defaultConfig
			}
		}
		cfg := r.configuration(file)
		r.kernel(cmd.Context())
		if !withoutDoctor {
			r.doctor(cmd, cfg)
		}
		if out == "-" {
			return r.write(cmd.OutOrStdout(), newRedactor(cfg))
		}
		if out == "" {
			out = "mip6d-bug-report-" + now.Format("20060102-150405") + ".tar.gz"
		}
		if err := r.save(out, newRedactor(cfg)); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		if o.output.forPrograms() {
			return o.output.print(cmd.OutOrStdout(), struct {
				File    string   `json:"file"`
				Missing []string `json:"missing"`
			}{out, append([]string{}, r.missing...)})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %d missing (missing.txt says which and why)\nIt has no keys in it, but addresses: look through it before you send it.\n",
			out, count(len(r.files), "file"), len(r.missing))
		return err
	}
	return cmd
}

// report is the tarball in the making.
type report struct {
	made    time.Time
	files   []reportFile
	missing []string // and why
}

type reportFile struct {
	name string
	text []byte
}

func (r *report) add(name string, text []byte) { r.files = append(r.files, reportFile{name, text}) }

func (r *report) lacks(name string, err error) {
	r.missing = append(r.missing, plain(fmt.Sprintf("%s: %v", name, err)))
}

// save writes a file that nobody else may read, and replaces nothing.
func (r *report) save(name string, secrets *redactor) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := r.write(f, secrets); err != nil {
		f.Close()
		os.Remove(name)
		return err
	}
	return f.Close()
}

// write takes secrets out of everything, whatever it is.
func (r *report) write(w io.Writer, secrets *redactor) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	list := r.files
	if len(r.missing) > 0 {
		var b bytes.Buffer
		for _, m := range r.missing {
			fmt.Fprintln(&b, m)
		}
		list = append(list, reportFile{"missing.txt", b.Bytes()})
	}
	for _, f := range list {
		text := secrets.redact(f.text)
		head := &tar.Header{Name: "mip6d-bug-report/" + f.name, Mode: 0o600, Size: int64(len(text)), ModTime: r.made, Format: tar.FormatPAX}
		if err := t.WriteHeader(head); err != nil {
			return err
		}
		if _, err := t.Write(text); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// configuration adds a configuration file as it is understood, and returns it.
func (r *report) configuration(file string) *config.Config {
	cfg, err := config.Load(file)
	if err != nil {
		r.add("config-problems.txt", []byte(err.Error()+"\n"))
	}
	text, err := os.ReadFile(file)
	if err == nil {
		text, err = newRedactor(cfg).configuration(text)
	}
	if err != nil {
		r.lacks("config.yaml", err)
		return cfg
	}
	r.add("config.yaml", text)
	return cfg
}

// daemon adds what mip6d says, if it says anything.
func (r *report) daemon(ctx context.Context, c *ctl.Client) ctl.Status {
	var status ctl.Status
	var updates []ctl.BindingUpdate
	for _, q := range []struct {
		name string
		ask  func(context.Context) (any, error)
	}{
		{"status", func(ctx context.Context) (v any, err error) { status, err = c.Status(ctx); return status, err }},
		{"stats", func(ctx context.Context) (any, error) { return c.Stats(ctx) }},
		{"bindings", func(ctx context.Context) (any, error) { return c.Bindings(ctx) }},
		{"bul", func(ctx context.Context) (v any, err error) { updates, err = c.BUL(ctx); return updates, err }},
		{"interfaces", func(ctx context.Context) (any, error) { return c.Interfaces(ctx) }},
		{"home-agents", func(ctx context.Context) (any, error) { return c.HomeAgents(ctx) }},
		{"groups", func(ctx context.Context) (any, error) { return c.Groups(ctx) }},
		{"nonces", func(ctx context.Context) (any, error) { return c.Nonces(ctx) }},
		{"ipsec", func(ctx context.Context) (any, error) { return c.IPsec(ctx) }},
		{"events", func(ctx context.Context) (any, error) { return c.Events(ctx, ctl.EventFilter{}) }},
	} {
		if !r.answer(ctx, q.name, q.ask) {
			return status
		}
	}
	for _, b := range updates {
		home := b.HomeAddress.Addr()
		r.answer(ctx, "trace-"+home.String(), func(ctx context.Context) (any, error) { return c.Trace(ctx, ctl.TraceFilter{HomeAddress: home}) })
	}
	return status
}

// answer adds one answer, and says whether to ask on.
func (r *report) answer(ctx context.Context, name string, ask func(context.Context) (any, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	v, err := ask(ctx)
	var b bytes.Buffer
	if err == nil {
		err = formatJSON.print(&b, v)
	}
	switch {
	case errors.Is(err, ctl.ErrUnreachable):
		r.lacks("what mip6d says", err)
		return false
	case err != nil:
		r.lacks(name+".json", err)
	default:
		r.add(name+".json", b.Bytes())
	}
	return true
}
