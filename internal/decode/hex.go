package decode

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// offset is what tcpdump -x writes before each line's octets.
var offset = regexp.MustCompile(`^\s*0x[0-9a-f]{4,}:`)

// Hex reads octets from text: hexadecimal digits, with spaces, line ends, colons,
// dashes or commas between them as one likes and 0x before. The offsets of tcpdump
// -x are left out.
func Hex(text string) ([]byte, error) {
	var b []byte
	var high byte
	half := false
	for n, line := range strings.Split(text, "\n") {
		if at := offset.FindString(line); at != "" {
			line = strings.Repeat(" ", len(at)) + line[len(at):]
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
