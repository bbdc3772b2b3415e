package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
	"golang.org/x/sys/unix"

	"mip6d/test/vm/frame"
	"mip6d/test/vm/modindex"
)

// moduleDirs and moduleNames choose the modules that go into the guest, which
// loads them when asked: all of IPv6, IPsec, traffic control, netfilter and
// crypto, and the virtual devices.
var (
	moduleDirs = []string{
		"kernel/net/ipv6", "kernel/net/ipv4", "kernel/net/xfrm", "kernel/net/key", "kernel/net/sched",
		"kernel/net/bridge", "kernel/net/802", "kernel/net/llc", "kernel/net/8021q", "kernel/net/netfilter",
		"kernel/net/packet", "kernel/net/netlink", "kernel/net/unix", "kernel/crypto", "kernel/arch/x86/crypto",
		"kernel/lib", "kernel/drivers/virtio", "kernel/drivers/net/wireguard",
	}
	moduleNames = []string{
		"virtio_console", "virtio-rng", "veth", "dummy", "ifb", "tun", "macvlan", "vrf", "nlmon",
	}
)

func wantModule(file string) bool {
	for _, d := range moduleDirs {
		if strings.HasPrefix(file, d+"/") {
			return true
		}
	}
	base := strings.TrimSuffix(path.Base(file), ".ko")
	for _, n := range moduleNames {
		if base == n {
			return true
		}
	}
	return false
}

// archive gathers what goes into the initramfs. A path that is added twice
// keeps its first content.
type archive struct {
	records []cpio.Record
	have    map[string]bool
}

func (a *archive) add(r cpio.Record) {
	r.Name = strings.TrimPrefix(path.Clean("/"+r.Name), "/")
	if r.Name == "" || a.have[r.Name] {
		return
	}
	if dir := path.Dir(r.Name); dir != "." {
		a.add(cpio.Directory(dir, 0o755))
	}
	a.have[r.Name] = true
	a.records = append(a.records, r)
}

func (a *archive) addFile(host, guest string, mode uint32) error {
	info, err := os.Stat(host)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return filepath.WalkDir(host, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(host, p)
			if err != nil {
				return err
			}
			return a.addFile(p, path.Join(guest, rel), mode)
		})
	}
	b, err := os.ReadFile(host)
	if err != nil {
		return err
	}
	if mode == 0 {
		mode = uint32(info.Mode().Perm())
	}
	a.addBytes(b, guest, mode)
	return nil
}

func (a *archive) addBytes(b []byte, guest string, mode uint32) {
	a.add(cpio.StaticRecord(b, cpio.Info{Name: guest, Mode: cpio.S_IFREG | uint64(mode)}))
}

// writeInitramfs writes the guest's root file system.
func writeInitramfs(ctx context.Context, w io.Writer, cfg Config, k kernel) error {
	a := &archive{have: map[string]bool{}}
	init, err := buildInit(ctx)
	if err != nil {
		return err
	}
	a.addBytes(init, "/init", 0o755)
	a.add(cpio.Symlink("sbin/modprobe", "/init"))
	for _, d := range []string{"proc", "sys", "dev", "run", "tmp", "root", "etc", "bin"} {
		a.add(cpio.Directory(d, 0o755))
	}
	a.add(cpio.CharDev("dev/console", 0o600, 5, 1))
	a.add(cpio.CharDev("dev/null", 0o666, 1, 3))
	job, err := json.Marshal(cfg.job())
	if err != nil {
		return err
	}
	a.addBytes(job, frame.JobPath, 0o644)
	for _, f := range cfg.Files {
		if f.Host == "" {
			mode := f.Mode
			if mode == 0 {
				mode = 0o755
			}
			a.addBytes(f.Data, f.Guest, mode)
			continue
		}
		if err := a.addFile(f.Host, f.Guest, f.Mode); err != nil {
			return err
		}
	}
	if err := a.addModules(k); err != nil {
		return err
	}
	if !cfg.NoTools {
		a.addTools()
	}
	a.addBytes([]byte("root:x:0:0:root:/root:/bin/sh\n"), "etc/passwd", 0o644)
	a.addBytes([]byte("root:x:0:\n"), "etc/group", 0o644)
	out := cpio.Newc.Writer(w)
	for i, r := range a.records {
		r.Ino = uint64(i + 1)
		r.NLink = 1
		if err := out.WriteRecord(r); err != nil {
			return fmt.Errorf("initramfs: %s: %w", r.Name, err)
		}
	}
	return cpio.WriteTrailer(out)
}

func (a *archive) addModules(k kernel) error {
	index, err := modindex.Read(k.modules, wantModule)
	if err != nil {
		return err
	}
	if index.Len() == 0 {
		return fmt.Errorf("%s: no usable kernel module (compressed modules are not supported)", k.modules)
	}
	all := index.Modules()
	for _, m := range all {
		if err := a.addFile(filepath.Join(k.modules, m.File), "/lib/modules/"+m.File, 0o644); err != nil {
			return err
		}
	}
	a.addBytes(modindex.Marshal(all), frame.ModuleIndexPath, 0o644)
	return nil
}

// buildInit builds the guest's init and returns it. The file is kept, so that
// the go command has nothing to do next time, and locked, because several
// packages' tests may start VMs together.
func buildInit(ctx context.Context) ([]byte, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(root, "build"), 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(root, "build", "vminit")
	lock, err := os.Create(file + ".lock")
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./test/vm/cmd/vminit")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	var msg bytes.Buffer
	cmd.Stderr = &msg
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build the guest's init: %w\n%s", err, msg.Bytes())
	}
	return os.ReadFile(file)
}

func (a *archive) addLink(name, target string) { a.add(cpio.Symlink(name, target)) }
