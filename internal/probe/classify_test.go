package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"

	"mip6d/internal/doctor"
)

func TestErrorsBecomeFindings(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want doctor.Status
	}{
		{nil, doctor.OK},
		{unix.EPROTONOSUPPORT, doctor.Missing},
		{unix.EOPNOTSUPP, doctor.Missing},
		{unix.ENOENT, doctor.Missing},
		{errors.New("the flag is not there"), doctor.Missing},
		{unix.EPERM, doctor.Denied},
		{unix.EACCES, doctor.Denied},
		{&fs.PathError{Op: "open", Path: "/proc/sys/x", Err: unix.EROFS}, doctor.Denied},
		{unix.ENOBUFS, doctor.Unknown},
		{untried("no link", unix.EOPNOTSUPP), doctor.Unknown},
		{untried("no link", unix.EPERM), doctor.Denied},
	} {
		err := tt.err
		if err != nil {
			err = fmt.Errorf("set something: %w", err)
		}
		f := finding("xfrm", err)
		if f.Status != tt.want || f.Key != "xfrm" || (f.Err == "") != (err == nil) {
			t.Errorf("%v: %+v, want %s", err, f, tt.want)
		}
	}
	if f := finding("xfrm", errors.Join(unix.ENOENT, unix.EINVAL)); f.Err != "no such file or directory; invalid argument" {
		t.Errorf("two errors are told as %q", f.Err)
	}
}

// TestEveryProbeCanBeMade: table and trials hold the same keys.
func TestEveryProbeCanBeMade(t *testing.T) {
	for _, k := range All() {
		if trials[k].scratch == nil {
			t.Errorf("%s can't be tried", k)
		}
	}
	if len(trials) != len(doctor.Table) {
		t.Errorf("there are %d trials for %d probes", len(trials), len(doctor.Table))
	}
}
