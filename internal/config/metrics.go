package config

import (
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"
)

// listener reads where to listen: an address with its port, or a Unix socket's path.
// No names: they may mean another address tomorrow, and need a resolver.
func (d *decoder) listener(dst *string) reader {
	return func(path string, n *yaml.Node) {
		var s string
		d.text(&s, "an address with its port, or a socket's path")(path, n)
		switch {
		case s == "":
			return
		case strings.HasPrefix(s, "/"):
			if len(s) > maxSocketPath {
				d.wrongf(path, "is a path of %d bytes, and a Unix socket's has at most %d: choose a shorter one", len(s), maxSocketPath)
				return
			}
		default:
			a, err := netip.ParseAddrPort(s)
			if err != nil {
				d.wrongf(path, "%q is no address with its port, such as 127.0.0.1:9462 or \"[::1]:9462\", nor a socket's path that begins with /", s)
				return
			}
			if a.Port() == 0 {
				d.wrongf(path, "%q has no port that anybody could know: give one, such as 9462", s)
				return
			}
		}
		*dst = s
	}
}
