package proxynd

import (
	"os"
	"strings"
	"testing"

	"mip6d/test/nslab"
)

// joinedGroups counts the solicited-node groups of a node's lan interface.
func joinedGroups(t *testing.T, n *nslab.Node) int {
	t.Helper()
	var b []byte
	var err error
	// /proc/net is the namespace's of the thread's group leader; thread-self is
	// the thread's own.
	n.Do(func() { b, err = os.ReadFile("/proc/thread-self/net/igmp6") })
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 2 && f[1] == "lan" && strings.HasPrefix(f[2], "ff0200000000000000000001ff") {
			count++
		}
	}
	return count
}
