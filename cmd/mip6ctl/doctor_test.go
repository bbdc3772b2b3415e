package main

import (
	"path/filepath"
	"testing"
)

// Where there is no configuration and nobody names one, no role is wanted: all are
// told of.
func TestDoctorWithoutConfiguration(t *testing.T) {
	cmd := newDoctorCommand(&options{})
	none := filepath.Join(t.TempDir(), "mip6d.yaml")
	roles, _, err := wantedRoles(cmd, none, nil)
	if err != nil || len(roles) != 0 {
		t.Errorf("wanted are %v, error %v", roles, err)
	}
	if err := cmd.Flags().Set("config", none); err != nil {
		t.Fatal(err)
	}
	if _, _, err := wantedRoles(cmd, none, nil); err == nil {
		t.Error("a configuration that was named and is not there is no error")
	}
}
