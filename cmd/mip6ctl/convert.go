package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"mip6d/internal/umip"
)

// defaultUMIP is where UMIP had its configuration.
const defaultUMIP = "/etc/mip6d.conf"

// maxUMIP bounds what is read of an old configuration with all that it includes.
const maxUMIP = 16 << 20

func newConvertCommand(o *options) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use: "convert-umip [FILE]", Short: "UMIP's configuration as mip6d's, on standard output",
		Long: "Reads a configuration of UMIP (MIPL 2, NEPL), " + defaultUMIP + " by default, and prints mip6d's on\n" +
			"standard output. What has no counterpart is named in comments there; TODO marks what the\n" +
			"old file did not say. No running mip6d is needed. Exit status 2 if the file is not one of\n" +
			"UMIP's; everything that is wrong with it is told, and nothing printed on standard output.\n\n" +
			"With -o json or jsonl it prints one value: file, ok, configuration (the YAML, absent if not\n" +
			"ok), todo and not_converted (how many of them), problems (file, line, column, text each).",
		Example: "  mip6ctl convert-umip /etc/mip6d.conf > /etc/mip6d/mip6d.yaml\n  mip6d --check",
		Args:    atMostOneArg("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := defaultUMIP
			if len(args) > 0 {
				file = args[0]
			}
			how, err := convertOptions(role)
			if err != nil {
				return err
			}
			return convert(cmd, o.output, file, how)
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "`ha|mn|cn` instead of NodeConfig, where UMIP was started with -H, -M or -C")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]string{"ha", "mn", "cn"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func convertOptions(role string) (o umip.Options, err error) {
	switch role {
	case "":
	case "ha":
		o.Role = umip.HomeAgent
	case "mn":
		o.Role = umip.MobileNode
	case "cn":
		o.Role = umip.CorrespondentNode
	default:
		err = usageError{fmt.Sprintf("--role %s: there are ha, mn and cn", role)}
	}
	return o, err
}

func convert(cmd *cobra.Command, output format, file string, o umip.Options) error {
	r := reader{dir: filepath.Dir(file), left: maxUMIP}
	main, err := r.read(file)
	if err != nil {
		return fmt.Errorf("read the configuration of UMIP: %w", err)
	}
	f, problems := umip.Parse(main, r.include)
	var result *umip.Result
	if len(problems) == 0 {
		result, problems = f.Convert(o)
	}
	if output.forPrograms() {
		return convertJSON(cmd, output, file, result, problems)
	}
	if len(problems) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), problems)
		return quietError{exitUsage}
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), result.Text); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "mip6ctl: %s: %s to do (TODO in the output), %s not converted (at its end)\n",
		file, count(result.Todo, "thing"), count(result.Left, "option"))
	return nil
}

func convertJSON(cmd *cobra.Command, output format, file string, r *umip.Result, problems umip.Problems) error {
	type problem struct {
		File   string `json:"file"` // it may be an included one
		Line   int    `json:"line"`
		Column int    `json:"column"`
		Text   string `json:"text"`
	}
	answer := struct {
		File          string    `json:"file"`
		OK            bool      `json:"ok"`
		Configuration string    `json:"configuration,omitzero"`
		Todo          int       `json:"todo"`
		NotConverted  int       `json:"not_converted"`
		Problems      []problem `json:"problems"`
	}{File: file, OK: len(problems) == 0, Problems: []problem{}}
	if answer.OK {
		answer.Configuration, answer.Todo, answer.NotConverted = r.Text, r.Todo, r.Left
	}
	for _, p := range problems {
		answer.Problems = append(answer.Problems, problem{p.File, p.Line, p.Column, p.Text})
	}
	if err := output.print(cmd.OutOrStdout(), answer); err != nil {
		return err
	}
	if !answer.OK {
		return quietError{exitUsage}
	}
	return nil
}

// reader reads an old configuration and what it includes.
type reader struct {
	dir  string // for relative patterns: the first file's
	left int64  // bytes that may be read yet
}

func (r *reader) read(name string) (umip.Source, error) {
	f, err := os.Open(name)
	if err != nil {
		return umip.Source{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, r.left+1))
	if err != nil {
		return umip.Source{}, err
	}
	if r.left -= int64(len(text)); r.left < 0 {
		return umip.Source{}, fmt.Errorf("%s: more than %d MB are no configuration", name, maxUMIP>>20)
	}
	return umip.Source{Name: name, Text: text}, nil
}

// include finds the files of a pattern, in the order of their names.
func (r *reader) include(pattern string) ([]umip.Source, error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(r.dir, pattern)
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var files []umip.Source
	for _, name := range names {
		f, err := r.read(name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}
