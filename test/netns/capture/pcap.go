package capture

import (
	"encoding/binary"
	"io"
)

// WritePcap writes what was recorded in the format that tcpdump and Wireshark
// read, with nanoseconds.
func (c *Capture) WritePcap(w io.Writer) error {
	const (
		magicNanoseconds = 0xa1b23c4d
		snapshot         = 262144
		linkEthernet     = 1
		linkRaw          = 101
	)
	link := uint32(linkRaw)
	if c.ethernet {
		link = linkEthernet
	}
	h := binary.LittleEndian.AppendUint32(nil, magicNanoseconds)
	h = append(h, 2, 0, 4, 0) // version 2.4
	h = append(h, 0, 0, 0, 0, 0, 0, 0, 0)
	h = binary.LittleEndian.AppendUint32(h, snapshot)
	h = binary.LittleEndian.AppendUint32(h, link)
	if _, err := w.Write(h); err != nil {
		return err
	}
	for _, p := range c.Packets() {
		h := binary.LittleEndian.AppendUint32(nil, uint32(p.Time.Unix()))
		h = binary.LittleEndian.AppendUint32(h, uint32(p.Time.Nanosecond()))
		h = binary.LittleEndian.AppendUint32(h, uint32(len(p.Frame)))
		h = binary.LittleEndian.AppendUint32(h, uint32(len(p.Frame)))
		if _, err := w.Write(append(h, p.Frame...)); err != nil {
			return err
		}
	}
	return nil
}
