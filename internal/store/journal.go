package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"golang.org/x/sys/unix"
)

// A journal is a file to which commits are appended, one frame each (frame.go), after a header in
// a sector of its own, which the device writes whole or not at all: journalMagic, the identity of
// the store, the journal's number, and a checksum (CRC-32C).
const (
	journalMagic = "mip6d journal 1\n"
	headerLen    = len(journalMagic) + len(identity{}) + 8 + 4
	headerSector = 512

	// journalStep is by how much a journal grows. There are zeros in it before anything else
	// is: a commit that has room changes nothing that the file system notes down, so it costs one
	// write and one flush.
	journalStep = 256 << 10
)

// journal is one such file, open.
type journal struct {
	path   string
	file   *os.File
	id     identity
	number uint64 // greater than that of any earlier one of the store
	end    int64  // where the next frame begins
	size   int64  // of the file

	frame []byte // scratch
}

// createJournal makes an empty journal, under another name at first, so that one that is there
// has a header. The directory is synced by the caller.
func createJournal(path string, id identity, number uint64) (*journal, error) {
	unfinished := path + ".new"
	file, err := os.OpenFile(unfinished, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{path: path, file: file, id: id}
	err = j.begin(number)
	if err == nil {
		err = j.grow(headerSector)
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(unfinished))
	}
	return j, nil
}

// openJournal opens a journal, to be gone on with, and returns what was committed to it if it is later than
// folded, in the order in which it was. The error is ErrDamaged where that can't be told. What was cut off
// at the end was being written: nobody has been promised anything.
func openJournal(path string, id identity, folded uint64) (*journal, []Change, error) {
	octets, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{path: path, id: id, end: headerSector, size: int64(len(octets))}
	if j.number, err = parseHeader(octets, id); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	var changes []Change
	if j.number > folded {
		if changes, err = j.changes(octets); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	j.file, err = os.OpenFile(path, os.O_RDWR, 0)
	return j, changes, err
}

func appendHeader(b []byte, id identity, number uint64) []byte {
	b = append(append(b, journalMagic...), id[:]...)
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseHeader(octets []byte, id identity) (number uint64, err error) {
	if len(octets) < headerSector || !bytes.HasPrefix(octets, []byte(journalMagic)) {
		return 0, fmt.Errorf("%w: no journal of mip6d's, or of a format that this version does not know", ErrDamaged)
	}
	sum := headerLen - 4
	if binary.BigEndian.Uint32(octets[sum:]) != crc32.Checksum(octets[:sum], castagnoli) {
		return 0, fmt.Errorf("%w: the checksum of its header is wrong", ErrDamaged)
	}
	if !bytes.Equal(octets[len(journalMagic):][:len(id)], id[:]) {
		return 0, fmt.Errorf("%w: it belongs to another store", ErrDamaged)
	}
	return binary.BigEndian.Uint64(octets[sum-8:]), nil
}

// changes reads all frames of the file's octets, and notes where they end.
func (j *journal) changes(octets []byte) (all []Change, err error) {
	for {
		held, next, ok := frameAt(octets, j.number, j.end)
		if !ok {
			break
		}
		changes, err := parseChanges(held)
		if err != nil {
			return nil, err
		}
		all = append(all, changes...)
		j.end = next
	}
	// A frame is written when the one before it is on the disk. So one that comes after something
	// else shows that this was a frame, too.
	for at := j.end + frameAlign; at < int64(len(octets)); at += frameAlign {
		if _, _, ok := frameAt(octets, j.number, at); ok {
			return nil, fmt.Errorf("%w: octets %d to %d are not what was written there", ErrDamaged, j.end, at)
		}
	}
	return all, nil
}

// begin makes an empty journal of one whose changes are in the tree. It lasts from the next commit on.
func (j *journal) begin(number uint64) error {
	header := append(appendHeader(nil, j.id, number), make([]byte, headerSector-headerLen)...)
	if _, err := j.file.WriteAt(header, 0); err != nil {
		return err
	}
	j.number, j.end = number, headerSector
	j.size = max(j.size, headerSector)
	return nil
}

// append makes a commit durable. After an error it may be so or not, and the next one takes its place.
func (j *journal) append(changes []Change) error {
	j.frame = appendFrame(j.frame[:0], j.number, j.end, changes)
	end := j.end + int64(len(j.frame))
	if err := j.grow(end); err != nil {
		return err
	}
	if _, err := j.file.WriteAt(j.frame, j.end); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(j.file.Fd())); err != nil {
		return &os.PathError{Op: "fdatasync", Path: j.path, Err: err}
	}
	j.end = end
	return nil
}

// grow makes the file so long, and on to the next step if there is room.
func (j *journal) grow(size int64) error {
	if size <= j.size {
		return nil
	}
	want := (size + journalStep - 1) / journalStep * journalStep
	_, err := j.file.WriteAt(make([]byte, want-j.size), j.size)
	if err == nil {
		j.size = want
		return nil
	}
	if info, serr := j.file.Stat(); serr == nil {
		j.size = info.Size() // WriteAt does not say how much
	}
	if size <= j.size {
		return nil
	}
	return err
}

// read is what was committed since begin.
func (j *journal) read() ([]Change, error) {
	octets := make([]byte, j.end)
	if _, err := j.file.ReadAt(octets, 0); err != nil {
		return nil, err
	}
	again := journal{number: j.number, end: headerSector}
	changes, err := again.changes(octets)
	if err == nil && again.end != j.end {
		err = fmt.Errorf("%w: octets %d to %d are not what was written there", ErrDamaged, again.end, j.end)
	}
	return changes, err
}
