package xfrmmig

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const (
	hexHoA = "20010db8000100000000000000000100"
	hexHA  = "20010db8000100000000000000000001"
	hexCoA = "20010db800f100000000000000000001"
	hexKey = "000102030405060708090a0b0c0d0e0f"

	algoGCM    = "72666334313036" + "2867636d2861657329" + "29" // rfc4106(gcm(aes))
	algoCBC    = "6362632861657329"                             // cbc(aes)
	algoSHA256 = "686d61632873686132353629"                     // hmac(sha256)
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func addrOf(t testing.TB, s string) netip.Addr {
	t.Helper()
	return netip.AddrFrom16([16]byte(unhex(t, s)))
}

// The captures are what iproute2 6.1 writes, as in encode_test.go; iproute2
// leaves the policy's type out where it is the main one, which ours says.
func TestESPEncodersWriteWhatIproute2Writes(t *testing.T) {
	hoa, ha, coa := addrOf(t, hexHoA), addrOf(t, hexHA), addrOf(t, hexCoA)
	gcm := SA{
		Src: hoa, Dst: ha, SPI: 0x1001, Mode: Transport, Reqid: 0x62750001, Mark: 0x62750001,
		Algorithm: Algorithm{Name: "rfc4106(gcm(aes))", Key: unhex(t, hexKey+"10111213"), ICV: 128},
	}
	cbc := SA{
		Src: coa, Dst: ha, SPI: 0x1002, Mode: Tunnel, Reqid: 0x62750002,
		Algorithm: Algorithm{Name: "cbc(aes)", Key: unhex(t, hexKey), Auth: "hmac(sha256)", AuthKey: unhex(t, hexKey+hexKey), ICV: 128},
	}
	update := Policy{
		Selector: Selector{Src: host(hoa), Dst: host(ha), Proto: unix.IPPROTO_MH, MHType: 5, HasType: true},
		Dir:      In, Priority: 100, Main: true, Templates: []Template{template(gcm)},
	}
	forward := Policy{
		Selector: Selector{Src: host(hoa), Proto: unix.IPPROTO_MH},
		Dir:      Forward, Priority: 120, Main: true, Templates: []Template{template(cbc)},
	}
	solicit := Policy{
		Selector: Selector{Src: host(hoa), Dst: host(ha), Proto: unix.IPPROTO_ICMPV6, MHType: 146, HasType: true},
		Dir:      Out, Priority: 100, Main: true,
	}
	const mainType = "0a00100000000000" + "00000000"
	sa := func(dst, spi, src, reqid, mode, flags string) string {
		return zeros(56) + dst + spi + "32000000" + src + ones(32) + zeros(80) + reqid + "0a00" + mode + "00" + flags + zeros(7)
	}
	policy := func(sel, priority, dir, rest string) string {
		return sel + ones(32) + zeros(64) + priority + zeros(4) + dir + zeros(7) + mainType + rest
	}
	tmpl := func(dst, src, reqid, mode string) string {
		return "44000500" + dst + zeros(4) + "32000000" + "0a000000" + src + reqid + mode + "000000" + ones(12)
	}
	for _, c := range []struct {
		command string
		got     []byte
		want    string
	}{
		{
			"ip xfrm state add src HOA dst HA proto esp spi 0x1001 reqid 1651834881 mode transport" +
				" output-mark 0x62750001 mask 0xffffffff aead 'rfc4106(gcm(aes))' 0x" + hexKey + "10111213 128",
			gcm.encode(),
			sa(hexHA, "00001001", hexHoA, "01007562", "00", "00") +
				"60001200" + algoGCM + zeros(64-17) + "a0000000" + "80000000" + hexKey + "10111213" +
				"08001d0001007562" + "08001e00ffffffff",
		},
		{
			"ip xfrm state add src COA dst HA proto esp spi 0x1002 reqid 1651834882 mode tunnel flag af-unspec" +
				" enc 'cbc(aes)' 0x" + hexKey + " auth-trunc 'hmac(sha256)' 0x" + hexKey + hexKey + " 128",
			cbc.encode(),
			sa(hexHA, "00001002", hexCoA, "02007562", "01", "20") +
				"58000200" + algoCBC + zeros(64-8) + "80000000" + hexKey +
				"6c001400" + algoSHA256 + zeros(64-12) + "00010000" + "80000000" + hexKey + hexKey,
		},
		{
			"ip xfrm state delete src HOA dst HA proto esp spi 0x1001",
			gcm.encodeID(), hexHA + "00001001" + "0a003200" + "14000d00" + hexHoA,
		},
		{
			"ip xfrm state allocspi src HOA dst HA proto esp reqid 1651834881 mode transport min 0x100 max 0x7fffffff",
			gcm.encodeAllocSPI(),
			zeros(56) + hexHA + zeros(4) + "32000000" + hexHoA + zeros(112) + "01007562" + "0a00" + "00" + zeros(9) + "00010000" + "ffffff7f",
		},
		{
			"ip xfrm policy add src HOA/128 dst HA/128 proto 135 type 5 dir in priority 100" +
				" tmpl src HOA dst HA proto esp reqid 1651834881 mode transport",
			update.encode(),
			policy(hexHA+hexHoA+"00000000"+"0005ffff"+"0a008080"+"87"+zeros(11), "64000000", "00", tmpl(hexHA, hexHoA, "01007562", "00")),
		},
		{
			"ip xfrm policy add src HOA/128 dst ::/0 proto 135 dir fwd priority 120" +
				" tmpl src COA dst HA proto esp reqid 1651834882 mode tunnel",
			forward.encode(),
			policy(zeros(16)+hexHoA+zeros(8)+"0a000080"+"87"+zeros(11), "78000000", "02", tmpl(hexHA, hexCoA, "02007562", "01")),
		},
		{
			"ip xfrm policy add src HOA/128 dst HA/128 proto 58 type 146 dir out priority 100",
			solicit.encode(),
			policy(hexHA+hexHoA+"00000000"+"0092ffff"+"0a008080"+"3a"+zeros(11), "64000000", "01", ""),
		},
		{
			"ip xfrm policy delete src HOA/128 dst HA/128 proto 135 type 5 dir in",
			update.encodeDelete(), hexHA + hexHoA + "00000000" + "0005ffff" + "0a008080" + "87" + zeros(19) + mainType,
		},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.command, got, c.want)
		}
	}
}

func TestAssociationsComeBackFromTheirBytes(t *testing.T) {
	for _, want := range []SA{
		{Src: hoa, Dst: ha, SPI: 256, Mode: Transport, Reqid: 0x62750001, Mark: 0x62750001, Algorithm: Algorithm{Name: "rfc4106(gcm(aes))", Key: make([]byte, 20), ICV: 128}},
		{Src: coa, Dst: ha, SPI: 257, Mode: Tunnel, Reqid: 0x62750002, Algorithm: Algorithm{Name: "cbc(aes)", Key: make([]byte, 16), Auth: "hmac(sha256)", AuthKey: make([]byte, 32), ICV: 128}},
	} {
		got, _, ok := decodeSA(want.encode())
		if diff := cmp.Diff(want, got, same); !ok || diff != "" {
			t.Errorf("%t\n%s", ok, diff)
		}
		if !got.same(want) {
			t.Error("not the same")
		}
		other := got
		other.Algorithm.Key = []byte{1}
		if other.same(want) {
			t.Error("another key is the same")
		}
	}
	if _, _, ok := decodeSA(State{Proto: ProtoRouting, Src: ha, Dst: hoa}.encode()); ok {
		t.Error("a routing header's state was taken for ESP")
	}
}

func FuzzDecodeSA(f *testing.F) {
	f.Add(SA{Src: hoa, Dst: ha, SPI: 256, Mode: Transport, Algorithm: Algorithm{Name: "rfc4106(gcm(aes))", Key: make([]byte, 20), ICV: 128}}.encode())
	f.Add(SA{Src: hoa, Dst: ha, SPI: 256, Mode: Tunnel, Algorithm: Algorithm{Name: "cbc(aes)", Key: make([]byte, 16), Auth: "hmac(sha256)", AuthKey: make([]byte, 32), ICV: 128}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _, ok := decodeSA(b)
		if ok && !s.same(s) {
			t.Errorf("%+v is not itself", s)
		}
	})
}
