package datapath

import (
	"errors"
	"slices"
	"testing"

	"mip6d/internal/role"
)

// noting notes how many effects came in each call, and refuses the last.
type noting struct {
	name  string
	calls *[]string
	err   error
}

func (n noting) Apply(effects []role.Effect) []error {
	*n.calls = append(*n.calls, n.name+string(rune('0'+len(effects))))
	if n.err == nil {
		return nil
	}
	errs := make([]error, len(effects))
	errs[len(errs)-1] = n.err
	return errs
}

func TestEachEffectFindsItsApplier(t *testing.T) {
	var calls []string
	refused := errors.New("refused")
	k := Kernel{Main: noting{"main", &calls, nil}, Direct: noting{"direct", &calls, refused}, Listeners: noting{"listeners", &calls, nil}}
	errs := k.Apply([]role.Effect{
		role.AddCareOf{}, role.SetHomePath{}, role.SetDirect{}, role.ClearDirect{}, role.AskTraffic{}, role.SetBinding{}, role.SetDirect{},
		role.SetListener{}, role.ClearListener{}, role.ClearBinding{},
	})
	if want := []string{"main2", "direct3", "main1", "direct1", "listeners2", "main1"}; !slices.Equal(calls, want) {
		t.Errorf("calls %v, want %v", calls, want)
	}
	for i, err := range errs {
		if want := i == 4 || i == 6; (err != nil) != want {
			t.Errorf("effect %d: %v", i, err)
		}
	}
}

func TestAnEffectWithoutApplierIsRefused(t *testing.T) {
	var calls []string
	errs := Kernel{Direct: noting{"direct", &calls, nil}}.Apply([]role.Effect{role.SetBinding{}, role.ClearBinding{}, role.SetDirect{}, role.SetListener{}})
	if errs[0] == nil || errs[1] == nil || errs[2] != nil || errs[3] == nil {
		t.Errorf("%v", errs)
	}
}
