package rr

import (
	"testing"
	"time"
)

var start = time.Unix(1_700_000_000, 0)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// busy makes a token at each time wanted and returns the indices used.
func busy(t *testing.T, n *Nonces, times ...float64) []Nonce {
	t.Helper()
	var used []Nonce
	for i, s := range times {
		if n.Due(at(s)) {
			r := random
			r[0], r[20] = byte(i), byte(i)
			n.Renew(r)
		}
		cur, ok := n.Current(at(s))
		if !ok {
			t.Fatalf("no nonce at %v s", s)
		}
		used = append(used, cur)
	}
	return used
}

// Requirements: 6275-5.2.7-2
func TestRFC6275_5_2_7_NewNonceEvery30Seconds(t *testing.T) {
	var n Nonces
	used := busy(t, &n, 0, 10, 29.9, 30, 59.9, 60)
	for i, want := range []uint16{0x0102, 0x0102, 0x0102, 0x0103, 0x0103, 0x0104} {
		if used[i].Index != want {
			t.Errorf("token %d: index %04x, want %04x", i, used[i].Index, want)
		}
	}
	if used[0].kcn == used[3].kcn || used[0].value == used[3].value {
		t.Error("Kcn or nonce did not change with the index")
	}
}

// Requirements: 6275-5.2.2-1, 6275-5.2.7-1, 6275-12-1
func TestRFC6275_5_2_7_NotAcceptedBeyondMaxNonceLifetime(t *testing.T) {
	var n Nonces
	first := busy(t, &n, 0)[0]
	for _, c := range []struct {
		at   float64
		want bool
	}{{0, true}, {205, true}, {240, true}, {240.1, false}, {1000, false}} {
		if _, ok := n.Find(at(c.at), first.Index); ok != c.want {
			t.Errorf("after %v s: %v, want %v", c.at, ok, c.want)
		}
	}
}

// A token made in the last moment of a nonce is still good for
// MAX_TOKEN_LIFETIME on a node that is busy all the time.
//
// Requirements: 6275-5.2.7-4, 6275-12-1
func TestRFC6275_5_2_7_AcceptedForMaxTokenLifetime(t *testing.T) {
	var n Nonces
	last := busy(t, &n, 0, 29.9)[1]
	for s := 30.0; s < 29.9+210; s += 5 {
		busy(t, &n, s)
		got, ok := n.Find(at(s), last.Index)
		if !ok || got != last {
			t.Fatalf("the token of 29.9 s is not accepted at %v s", s)
		}
	}
}

// Requirements: 6275-5.2.2-1
func TestRFC6275_5_2_2_UnknownIndexRefused(t *testing.T) {
	var n Nonces
	if _, ok := n.Find(start, 0); ok {
		t.Error("an empty ring knows index 0")
	}
	used := busy(t, &n, 0)
	for _, i := range []uint16{0, used[0].Index - 1, used[0].Index + 1} {
		if _, ok := n.Find(start, i); ok {
			t.Errorf("index %04x is known", i)
		}
	}
}

func TestNonceNotYetUsedIsNotAccepted(t *testing.T) {
	var n Nonces
	n.Renew(random)
	for _, now := range []time.Time{start, time.Time{}.Add(time.Second)} {
		if _, ok := n.Find(now, 0x0102); ok {
			t.Errorf("%v: an index that nobody was told is accepted", now)
		}
	}
}

func TestCurrentWaitsForRenewal(t *testing.T) {
	var n Nonces
	if _, ok := n.Current(start); ok {
		t.Error("an empty ring has a current nonce")
	}
	busy(t, &n, 0)
	if _, ok := n.Current(at(30)); ok {
		t.Error("a nonce makes tokens after 30 s")
	}
}

// An idle node's clock does not run: the lifetime counts from the first use.
func TestRFC6275_5_2_7_LifetimeCountsFromFirstUse(t *testing.T) {
	var n Nonces
	n.Renew(random)
	if n.Due(at(500)) {
		t.Error("an unused nonce is replaced")
	}
	used := busy(t, &n, 500)
	if _, ok := n.Find(at(740), used[0].Index); !ok {
		t.Error("not accepted 240 s after its first use")
	}
}

func TestIndexWrapsAround(t *testing.T) {
	var n Nonces
	r := random
	r[28], r[29] = 0xff, 0xff
	n.Renew(r)
	n.Renew(r)
	if got, ok := n.Current(start); !ok || got.Index != 0 {
		t.Errorf("index %v, %v, want 0", got, ok)
	}
}

// Requirements: 6275-5.2.8-1
func TestRFC6275_5_2_8_AForgottenNonceIsNotAccepted(t *testing.T) {
	var n Nonces
	used := busy(t, &n, 0, 40, 80)
	n.Forget(used[1].Index)
	for i, want := range []bool{false, false, true} {
		if _, ok := n.Find(at(81), used[i].Index); ok != want {
			t.Errorf("nonce %d: accepted %v, want %v", i, ok, want)
		}
	}
	n.Forget(used[2].Index)
	if !n.Due(at(81)) {
		t.Error("the latest one goes on making tokens")
	}
	if again := busy(t, &n, 81); again[0].Index != used[2].Index+1 {
		t.Errorf("index %d again", again[0].Index)
	}
}

// Requirements: 6275-5.2.2-1
func TestListOfNonces(t *testing.T) {
	var n Nonces
	used := busy(t, &n, 0, 40)
	list := n.List(at(50))
	if len(list) != 2 || list[0].Index != used[1].Index || list[0].Age != 10*time.Second || list[1].Remaining != 190*time.Second {
		t.Errorf("%+v", list)
	}
	if list := n.List(at(400)); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
