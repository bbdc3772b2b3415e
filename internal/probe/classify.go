package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"mip6d/internal/doctor"
)

// untriedError is why a probe could not be made.
type untriedError struct{ cause error }

func (e untriedError) Error() string { return e.cause.Error() }
func (e untriedError) Unwrap() error { return e.cause }

// untried says that a probe could not be made, for want of something else.
func untried(what string, err error) error {
	return untriedError{fmt.Errorf("%s: %w", what, err)}
}

// finding is what an error means. The requests are known to be right and the
// namespace is empty: what is refused for another reason than permission or want of
// memory is something that the kernel can't do.
func finding(k doctor.Key, err error) doctor.Finding {
	f := doctor.Finding{Key: k, Status: doctor.OK}
	if err == nil {
		return f
	}
	f.Status, f.Err = doctor.Missing, strings.ReplaceAll(err.Error(), "\n", "; ")
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		f.Status = doctor.Denied
	case errors.As(err, new(untriedError)), short(err):
		f.Status = doctor.Unknown
	}
	return f
}

// short tells whether there was too little of something for now.
func short(err error) bool {
	for _, e := range []unix.Errno{unix.ENOMEM, unix.ENOBUFS, unix.EMFILE, unix.ENFILE, unix.EAGAIN, unix.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
