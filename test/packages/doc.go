// Package packages tests what "make packages" builds, and the systemd unit.
//
//	go test ./test/packages     the unit's exposure (systemd-analyze), the programs' version; the rest is skipped
//	make test-packages          all of it: two builds have the same bytes; on Debian machines with systemd in the
//	                            test VM the deb is installed, registers a mobile node, is upgraded and purged, beside
//	                            systemd-networkd, too; the rpm is installed, upgraded and removed in a Debian tree
//
// A Debian machine is a node of the test bed (test/netns) whose root is a Debian tree and whose process 1 is that
// tree's systemd: namespaces of the VM, but the VM's kernel is the real one and all of a unit's sandbox is in force.
//
// The files: unit_test.go the unit, reproducible_test.go the builds, version_test.go their version, machine_test.go a Debian machine,
// life_test.go its life, networkd_test.go with systemd-networkd, rpm_test.go the rpm's.
package packages
