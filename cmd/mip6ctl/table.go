package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// format is the value of -o.
type format string

const (
	formatTable     format = "table"
	formatWide      format = "wide"
	formatJSON      format = "json"
	formatJSONLines format = "jsonl"
)

var formats = []string{string(formatTable), string(formatWide), string(formatJSON), string(formatJSONLines)}

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "format" }

func (f *format) Set(s string) error {
	if !slices.Contains(formats, s) {
		return fmt.Errorf("wants table, wide, json or jsonl")
	}
	*f = format(s)
	return nil
}

// forPrograms says whether an answer is to be JSON.
func (f format) forPrograms() bool { return f == formatJSON || f == formatJSONLines }

// print writes an answer for programs: a list as one, or its elements one a line.
func (f format) print(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if f != formatJSONLines {
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	list := reflect.ValueOf(v)
	if _, own := v.(json.Marshaler); own || list.Kind() != reflect.Slice {
		return enc.Encode(v)
	}
	for i := range list.Len() {
		if err := enc.Encode(list.Index(i).Interface()); err != nil {
			return err
		}
	}
	return nil
}

// page is what people see.
type page struct {
	io.Writer
	wide bool // with the columns that make lines long
}

func (o *options) page(cmd *cobra.Command) page {
	return page{cmd.OutOrStdout(), o.output == formatWide}
}

// onlyWide begins the head of a column that only -o wide shows.
const onlyWide = "+"

// printTable prints rows under their heads, or a sentence when there are none.
func printTable(w page, none string, heads []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(w, none)
		return
	}
	all := append([][]string{heads}, rows...)
	for i, row := range all {
		var shown []string
		for k, cell := range row {
			if name, extra := strings.CutPrefix(heads[k], onlyWide); !extra {
				shown = append(shown, cell)
			} else if w.wide && i == 0 {
				shown = append(shown, name)
			} else if w.wide {
				shown = append(shown, cell)
			}
		}
		all[i] = shown
	}
	printColumns(w, all)
}

// printColumns aligns cells. text/tabwriter doesn't: to it a column ends at
// the first row that has no cell there.
func printColumns(w io.Writer, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
