package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// protoFiles are where iproute2 looks for the names of route protocols.
var protoFiles = []string{
	"/etc/iproute2/rt_protos", "/etc/iproute2/rt_protos.d/*.conf",
	"/usr/share/iproute2/rt_protos", "/usr/share/iproute2/rt_protos.d/*.conf",
	"/usr/lib/iproute2/rt_protos", "/usr/lib/iproute2/rt_protos.d/*.conf",
}

func protocolName(s *scratch) error {
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	return named(t.Marks().RouteProtocol, protoFiles)
}

// named is nil when one of the files has a name for a protocol.
func named(protocol uint8, patterns []string) error {
	for _, pattern := range patterns {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				continue // what ip can't read has no names for it either
			}
			for line := range strings.Lines(string(text)) {
				line, _, _ = strings.Cut(line, "#")
				if fields := strings.Fields(line); len(fields) == 2 && isNumber(fields[0], protocol) {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("no rt_protos of iproute2 has a name for %d", protocol)
}

// isNumber compares with a number in decimal or, behind 0x, hexadecimal.
func isNumber(text string, n uint8) bool {
	v, err := strconv.ParseUint(text, 0, 8)
	return err == nil && uint8(v) == n
}
