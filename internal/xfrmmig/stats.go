package xfrmmig

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"mip6d/internal/role"
)

// Counters reads what IPsec has dropped and could not do in the current network
// namespace, for whatever reason: /proc/net/xfrm_stat. XfrmInTmplMismatch becomes
// xfrm_in_tmpl_mismatch. A kernel that does not count has none.
func Counters() (map[role.Counter]uint64, error) {
	f, err := os.Open("/proc/self/net/xfrm_stat")
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read IPsec's counters: %w", err)
	}
	defer f.Close()
	return parseCounters(f)
}

func parseCounters(r io.Reader) (map[role.Counter]uint64, error) {
	out := make(map[role.Counter]uint64)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 2 {
			continue
		}
		n, err := strconv.ParseUint(fields[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("IPsec's counter %s: %w", fields[0], err)
		}
		out[role.Counter(snake(fields[0]))] = n
	}
	return out, nil
}

// snake makes a_b of AB.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
