package decode

import (
	"errors"
	"fmt"
	"strings"
)

// Hex reads octets from text: hexadecimal digits, with spaces, line ends, colons,
// dashes or commas between them as one likes and 0x before. The offsets of tcpdump
// -x are left out.
func Hex(text string) ([]byte, error) {
	var b []byte
	var high byte
	half := false
	for n, line := range strings.Split(text, "\n") {
		if at := offset(line); at > 0 {
			line = strings.Repeat(" ", at) + line[at:]
		}
		line = strings.NewReplacer("0x", "  ", "0X", "  ").Replace(line)
		for column, r := range line {
			var digit byte
			switch {
			case strings.ContainsRune(" \t\r:-,", r):
				continue
			case '0' <= r && r <= '9':
				digit = byte(r - '0')
			case 'a' <= r && r <= 'f':
				digit = byte(r-'a') + 10
			case 'A' <= r && r <= 'F':
				digit = byte(r-'A') + 10
			default:
				return nil, fmt.Errorf("line %d, character %d: %q is no hexadecimal digit", n+1, column+1, r)
			}
			if half {
				b = append(b, high<<4|digit)
			}
			high, half = digit, !half
		}
	}
	switch {
	case half:
		return nil, fmt.Errorf("an odd number of hexadecimal digits: the last octet, number %d, has only one", len(b)+1)
	case len(b) == 0:
		return nil, errors.New("no hexadecimal digits")
	}
	return b, nil
}

// offset is the length of what tcpdump -x writes before a line's octets, such as
// "\t0x0010:"; 0 where there is nothing of that kind.
func offset(line string) int {
	before, _, ok := strings.Cut(line, ": ")
	digits, hex := strings.CutPrefix(strings.TrimLeft(before, " \t"), "0x")
	if !ok || !hex || len(digits) < 4 || strings.Trim(digits, "0123456789abcdef") != "" {
		return 0
	}
	return len(before) + 1
}
