package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// A frame is one commit in a journal: frameMagic, the length of what it holds, a checksum
// (CRC-32C) over the journal's number, where in the file the frame begins, and what it holds;
// then that, and zeros up to a multiple of frameAlign. Integers are in network byte order.
//
// By number and place a frame is none where it was left by an earlier use of the file.
const (
	frameMagic = 0x6d697036
	frameHead  = 12 // octets before what it holds
	frameAlign = 8

	// takenOut is the length of no value: the record is taken out.
	takenOut = 1<<32 - 1
)

// appendFrame appends the frame of a commit that begins at an offset of journal number.
func appendFrame(b []byte, number uint64, offset int64, changes []Change) []byte {
	start := len(b)
	b = append(b, make([]byte, frameHead)...)
	b = appendChanges(b, changes)
	frame := b[start:]
	binary.BigEndian.PutUint32(frame, frameMagic)
	binary.BigEndian.PutUint32(frame[4:], uint32(len(frame)-frameHead))
	binary.BigEndian.PutUint32(frame[8:], frameSum(number, offset, frame[frameHead:]))
	for (len(b)-start)%frameAlign != 0 {
		b = append(b, 0)
	}
	return b
}

// frameAt returns what the frame at an offset of a journal's octets holds, and where the next one
// begins. There is none where ok is false.
func frameAt(file []byte, number uint64, offset int64) (held []byte, next int64, ok bool) {
	b := file[min(offset, int64(len(file))):]
	if len(b) < frameHead || binary.BigEndian.Uint32(b) != frameMagic {
		return nil, 0, false
	}
	length := int64(binary.BigEndian.Uint32(b[4:]))
	if length > int64(len(b))-frameHead {
		return nil, 0, false
	}
	held = b[frameHead : frameHead+length]
	if binary.BigEndian.Uint32(b[8:]) != frameSum(number, offset, held) {
		return nil, 0, false
	}
	next = offset + frameHead + length
	return held, (next + frameAlign - 1) / frameAlign * frameAlign, true
}

func frameSum(number uint64, offset int64, held []byte) uint32 {
	var at [16]byte
	binary.BigEndian.PutUint64(at[:], number)
	binary.BigEndian.PutUint64(at[8:], uint64(offset))
	return crc32.Update(crc32.Checksum(at[:], castagnoli), castagnoli, held)
}

// appendChanges appends what a frame holds: of each change the table's name with its length in an
// octet, the key with its length in two, the value with its length in four.
func appendChanges(b []byte, changes []Change) []byte {
	for _, c := range changes {
		b = append(append(b, byte(len(c.Table))), c.Table...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(c.Key))), c.Key...)
		if c.Value == nil {
			b = binary.BigEndian.AppendUint32(b, takenOut)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(c.Value))), c.Value...)
	}
	return b
}

// parseChanges is the reverse. Keys and values are parts of b.
func parseChanges(b []byte) ([]Change, error) {
	var changes []Change
	take := func(n uint32) (part []byte, ok bool) {
		if uint64(len(b)) < uint64(n) {
			return nil, false
		}
		part, b = b[:n:n], b[n:]
		return part, true
	}
	field := func(lengthOctets uint32) (part []byte, length uint32, ok bool) {
		l, ok := take(lengthOctets)
		if !ok {
			return nil, 0, false
		}
		for _, x := range l {
			length = length<<8 | uint32(x)
		}
		if lengthOctets == 4 && length == takenOut {
			return nil, length, true
		}
		part, ok = take(length)
		return part, length, ok
	}
	for len(b) > 0 {
		table, _, ok1 := field(1)
		key, _, ok2 := field(2)
		value, _, ok3 := field(4)
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("%w: a commit ends within change %d", ErrDamaged, len(changes)+1)
		}
		changes = append(changes, Change{Table(table), Item{key, value}})
	}
	return changes, nil
}

// latest leaves of changes to the same record the last one, in the order of tables and keys: the
// one in which a tree is written at the least cost.
func latest(changes []Change) []Change {
	slices.SortStableFunc(changes, compareRecords)
	kept := changes[:0]
	for i, c := range changes {
		if i+1 == len(changes) || compareRecords(c, changes[i+1]) != 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

func compareRecords(a, b Change) int {
	return cmp.Or(cmp.Compare(a.Table, b.Table), bytes.Compare(a.Key, b.Key))
}
