package config

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Key is a shared secret. It prints as a placeholder only.
type Key []byte

const redacted = "[key]"

func (Key) String() string               { return redacted }
func (Key) GoString() string             { return redacted }
func (Key) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, redacted) }
func (Key) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// KeyFormat says how a key stands in its file.
type KeyFormat string

const (
	KeyHex KeyFormat = "hex" // hexadecimal digits; white space between them means nothing
	KeyRaw KeyFormat = "raw" // every byte of the file, a newline at its end too
)

// Limits of a key. RFC 2104 §3 advises against keys shorter than the hash's 20
// bytes; 16 are what some peers have. Above a block of the hash nothing is
// gained, and a file that large is probably not a key.
const (
	minKey = 16
	maxKey = 256
)

// keyReader reads a key file; it answers with the file's full name, too.
type keyReader func(name string, format KeyFormat) (Key, string, error)

// keysFrom reads key files, names of which are relative to dir.
func keysFrom(dir string) keyReader {
	return func(name string, format KeyFormat) (Key, string, error) {
		name = absoluteTo(dir, name)
		key, err := readKey(name, format)
		return key, name, err
	}
}

// noKeys names key files and does not look at them.
func noKeys(dir string) keyReader {
	return func(name string, _ KeyFormat) (Key, string, error) { return nil, absoluteTo(dir, name), nil }
}

func absoluteTo(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// serviceUser is as whom packages run mip6d, and the name of its group.
const serviceUser = "mip6d"

// readKey reads a key from a file that nobody but its owner may read or write,
// the owner being root or mip6d. serviceUser's group may read it, too.
func readKey(name string, format KeyFormat) (Key, error) {
	// Without O_NONBLOCK, opening a pipe would wait for its writer.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is not there: make one with \"(umask %s; openssl rand -hex 20 > %s)\" and give both sides the same", name, umaskFor(name), name)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s may not be read by uid %d: run as its owner or as root, or give it to mip6d's group: chgrp %s %s && chmod 640 %s", name, os.Geteuid(), serviceUser, name, name)
	case err != nil:
		return nil, fmt.Errorf("cannot open the key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot ask about the key: %w", err)
	}
	if err := guarded(name, info); err != nil {
		return nil, err
	}
	// Hex takes two digits a byte and may have white space.
	text, err := io.ReadAll(io.LimitReader(f, 4*maxKey+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the key: %w", err)
	}
	return parseKey(name, text, format)
}

// guarded checks who may read a key file.
func guarded(name string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if perm := info.Mode().Perm(); perm&0o077 != 0 && (perm&0o037 != 0 || !ok || !isServiceGroup(st.Gid)) {
		return fmt.Errorf("%s has mode %04o, so that others than its owner may use the key: chmod 600 %s, and make a new key if they may have read it", name, perm, name)
	}
	if ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() && !isServiceUser(st.Uid) {
		return fmt.Errorf("%s belongs to uid %d, who may change it: chown it to root or to uid %d, as whom mip6d runs", name, st.Uid, os.Geteuid())
	}
	return nil
}

// umaskFor is with what a key is to be made: the packages' directory gives what is in
// it to serviceUser's group.
func umaskFor(name string) string {
	info, err := os.Stat(filepath.Dir(name))
	if err != nil || info.Mode()&os.ModeSetgid == 0 {
		return "077"
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && isServiceGroup(st.Gid) {
		return "027"
	}
	return "077"
}

// isServiceGroup and isServiceUser look the names up; root checks a configuration that
// is mip6d's. Variables for tests, where nobody has that name.
var (
	isServiceGroup = func(gid uint32) bool {
		g, err := user.LookupGroup(serviceUser)
		return err == nil && g.Gid == strconv.FormatUint(uint64(gid), 10)
	}
	isServiceUser = func(uid uint32) bool {
		u, err := user.Lookup(serviceUser)
		return err == nil && u.Uid == strconv.FormatUint(uint64(uid), 10)
	}
)

func parseKey(name string, text []byte, format KeyFormat) (Key, error) {
	key := text
	if format == KeyHex {
		digits := bytes.Join(bytes.Fields(text), nil)
		key = make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(key, digits); errors.Is(err, hex.ErrLength) {
			return nil, fmt.Errorf("%s has an odd number of hexadecimal digits: one is missing or too many", name)
		} else if err != nil {
			// The offending byte is part of a secret, so it isn't shown.
			return nil, fmt.Errorf("%s holds something else than hexadecimal digits: for a key as it is, say key_format: raw", name)
		}
	}
	switch {
	case len(key) < minKey:
		return nil, fmt.Errorf("%s holds a key of %d bytes: at least %d are needed, 20 are good (openssl rand -hex 20)", name, len(key), minKey)
	case len(key) > maxKey:
		return nil, fmt.Errorf("%s holds more than %d bytes: that is probably not a key", name, maxKey)
	}
	return key, nil
}
