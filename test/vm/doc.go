// Package vm runs programs on a real kernel that has what Mobile IPv6 needs,
// whatever the host's kernel lacks: it boots a distribution's kernel package
// in QEMU (with KVM where usable, else in software), with an initramfs that
// holds the programs, and hands back their output, exit status and files. The
// host needs no privileges and nothing is installed.
//
// The files: vm.go the API, boot.go one run, qemu.go the command line,
// kernel.go where the kernel comes from, initramfs.go what is put into the
// guest, tools.go the host's ip, ping and tcpdump, fetch.go files that come
// back. frame is the language spoken with cmd/vminit, the guest's init;
// modindex knows the kernel modules. cmd/vmrun runs one program, cmd/kerneltests
// every package's TestKernel… tests in one boot.
package vm
