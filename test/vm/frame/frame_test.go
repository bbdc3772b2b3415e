package frame

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

func TestLongPayloadIsCutAndReadBack(t *testing.T) {
	var wire bytes.Buffer
	w := NewWriter(&wire)
	long := bytes.Repeat([]byte("mip6"), 20<<10)
	if _, err := w.Stream(Stdout).Write(long); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteJSON(End, StepStatus{Index: 2, Code: 3}); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for {
		k, p, err := Read(&wire)
		if err != nil {
			t.Fatal(err)
		}
		if k == Stdout {
			got = append(got, p...)
			continue
		}
		var s StepStatus
		if err := json.Unmarshal(p, &s); err != nil || k != End || s.Index != 2 || s.Code != 3 {
			t.Fatalf("frame %q %s, error %v", k, p, err)
		}
		break
	}
	if !bytes.Equal(got, long) {
		t.Errorf("read %d bytes back, wrote %d, or they differ", len(got), len(long))
	}
	if _, _, err := Read(&wire); err != io.EOF {
		t.Errorf("at the end: %v, want EOF", err)
	}
}

func TestReadRefusesImplausibleLength(t *testing.T) {
	if _, _, err := Read(bytes.NewReader([]byte{'o', 0xff, 0xff, 0xff, 0xff})); err == nil {
		t.Error("a frame of 4 GiB was accepted")
	}
}
