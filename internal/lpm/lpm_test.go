package lpm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// linear is what a table is to be the same as.
type linear map[netip.Prefix]int

func (l linear) longest(a netip.Addr) (value int, ok bool) {
	bits := -1
	for p, v := range l {
		if p.Contains(a) && p.Bits() > bits {
			value, bits = v, p.Bits()
		}
	}
	return value, bits >= 0
}

// few makes addresses that share many of their leading bits, of both families, some with a zone.
func few(r *rand.Rand) netip.Addr {
	if r.IntN(4) == 0 {
		return netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), 0, byte(r.IntN(4))})
	}
	a := netip.AddrFrom16([16]byte{0x20, 0x01, byte(r.IntN(2)), 6: byte(r.IntN(2)), 7: byte(r.IntN(4)), 15: byte(r.IntN(4))})
	if r.IntN(16) == 0 {
		return netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: 10, 15: byte(r.IntN(4))}) // an IPv4-mapped one
	}
	if r.IntN(16) == 0 {
		return a.WithZone("eth0")
	}
	return a
}

func TestSameAsALinearSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 200 {
		var table Table[int]
		list := make(linear)
		for i := 1; i <= 60; i++ {
			a := few(r).WithZone("")
			p, err := a.Prefix(r.IntN(a.BitLen() + 1))
			if err != nil {
				t.Fatal(err)
			}
			if r.IntN(3) == 0 {
				delete(list, p)
				table.Delete(netip.PrefixFrom(a, p.Bits()))
			} else {
				list[p] = i
				table.Set(netip.PrefixFrom(a, p.Bits()), i)
			}
			if v, ok := table.Get(p); ok != (list[p] != 0) || v != list[p] {
				t.Fatalf("%s has %d, %v", p, v, ok)
			}
		}
		if table.Len() != len(list) {
			t.Fatalf("%d prefixes, want %d", table.Len(), len(list))
		}
		for range 200 {
			a := few(r)
			got, ok := table.Longest(a)
			want, wanted := list.longest(a)
			if got != want || ok != wanted {
				t.Fatalf("%s: %d, %v; want %d, %v of %v", a, got, ok, want, wanted, list)
			}
			if ok {
				found++
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d of the addresses were in a prefix", found)
	}
}

func TestNothingIsInWhatIsNoPrefix(t *testing.T) {
	var table Table[int]
	table.Set(netip.Prefix{}, 1)
	table.Delete(netip.Prefix{})
	if table.Len() != 0 {
		t.Error("an invalid prefix was taken")
	}
	table.Set(netip.MustParsePrefix("::/0"), 2)
	if v, ok := table.Longest(netip.Addr{}); ok {
		t.Errorf("no address is in a prefix: %d", v)
	}
}

func TestLookUpAllocatesNothing(t *testing.T) {
	var table Table[int]
	for i := range 100 {
		table.Set(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, byte(i)}), 24+i), i)
	}
	a := netip.AddrFrom16([16]byte{0x20, 1, 7, 15: 1})
	if n := testing.AllocsPerRun(100, func() { table.Longest(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
