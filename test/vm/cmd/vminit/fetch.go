package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mip6d/test/vm/frame"
)

// sendFiles sends the regular files that the patterns name, directories with
// all they hold, as one tar archive with absolute names less the slash.
func sendFiles(out *frame.Writer, patterns []string) error {
	if len(patterns) == 0 {
		return nil
	}
	w := tar.NewWriter(out.Stream(frame.Tar))
	var errs []error
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		errs = append(errs, err)
		for _, root := range found {
			errs = append(errs, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				return sendFile(w, name)
			}))
		}
	}
	return errors.Join(append(errs, w.Close())...)
}

func sendFile(w *tar.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name[1:], Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime(), Typeflag: tar.TypeReg}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, info.Size())
	return err
}
