package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mip6d/test/vm/frame"
)

const qemuBinary = "qemu-system-x86_64"

// useKVM reports whether KVM can be used here, by opening it, unless a guest
// was seen not to boot with it since this machine started.
func useKVM(cfg Config) bool {
	if cfg.NoKVM || os.Getenv("MIP6D_VM_ACCEL") == "tcg" {
		return false
	}
	if b, err := os.ReadFile(noKVMFile()); err == nil && strings.HasPrefix(string(b), bootID()) {
		return false
	}
	const kvmCreateVM = 0xAE01 // KVM_CREATE_VM, linux/kvm.h
	fd, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	vm, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), kvmCreateVM, 0)
	if errno != 0 {
		return false
	}
	unix.Close(int(vm))
	return true
}

// noKVMFile remembers that KVM does not work, with the boot ID of the machine
// for which that holds.
func noKVMFile() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "mip6d", "kvm-does-not-boot")
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "no boot ID"
	}
	return strings.TrimSpace(string(b))
}

// rememberNoKVM is best effort: without it the next run tries KVM again.
func rememberNoKVM(reason error) {
	fmt.Fprintf(os.Stderr, "vm: /dev/kvm is there but no guest boots with it; using software emulation (remembered in %s)\n", noKVMFile())
	if err := os.WriteFile(noKVMFile(), fmt.Appendf(nil, "%s\n%v\n", bootID(), reason), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
	}
}

// qemuCommand is the VM: q35 (microvm hangs in timer calibration in a tenth of
// the boots under software emulation), the kernel's console on QEMU's standard
// output, the frames on a virtio-serial port that connects to the socket. A guest whose
// kernel locks up ends after half a minute.
func qemuCommand(cfg Config, kvm bool, image, initrd, socket string) (*exec.Cmd, error) {
	binary, err := exec.LookPath(qemuBinary)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: run scripts/install-qemu, or install your distribution's qemu-system-x86", qemuBinary)
	}
	accel, cpu := []string{"-accel", "tcg,thread=multi"}, "max"
	if kvm {
		accel, cpu = []string{"-accel", "kvm"}, "host,arch-capabilities=off"
	}
	args := append([]string{
		"-M", "q35", "-cpu", cpu,
		"-smp", fmt.Sprint(cfg.CPUs), "-m", fmt.Sprint(cfg.Memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "stdio",
		"-kernel", image, "-initrd", initrd,
		"-append", commandLine(kvm),
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=frames,path=" + socket,
		"-device", "virtserialport,chardev=frames,name=" + frame.PortName,
	}, accel...)
	if os.Geteuid() == 0 {
		// A machine that is short of memory, or whose own host is, takes QEMU's program from it; with a slow disk the
		// guest's CPUs then stand still for minutes.
		args = append(args, "-overcommit", "mem-lock=on")
	}
	return exec.Command(binary, args...), nil
}

// commandLine is the guest kernel's. Under software emulation the guest's TSC is this machine's, with one offset for all its
// CPUs; the guest can't know that and would take the HPET, whose every reading is a trip through QEMU's one lock (a sixth
// as many readings a second). Huge pages are for those who ask for them: twice an emulated CPU was
// stuck for more than half a minute where it made one.
func commandLine(kvm bool) string {
	line := "console=ttyS0 panic=-1 softlockup_panic=1 watchdog_thresh=15 quiet mitigations=off transparent_hugepage=madvise random.trust_cpu=on random.trust_bootloader=on rdinit=/init"
	if source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource"); !kvm && err == nil && strings.TrimSpace(string(source)) == "tsc" {
		line += " tsc=reliable"
	}
	return line
}
