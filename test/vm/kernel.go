package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kernel is an unpacked kernel package.
type kernel struct {
	release string // 6.1.0-56-cloud-amd64
	image   string // …/boot/vmlinuz-RELEASE
	modules string // …/lib/modules/RELEASE
}

// findKernel returns an unpacked kernel: that of MIP6D_KERNEL_DIR (a directory
// with boot/vmlinuz-* and lib/modules/*), or the one that scripts/fetch-kernel
// keeps in the cache.
func findKernel(ctx context.Context, version string) (kernel, error) {
	if dir := os.Getenv("MIP6D_KERNEL_DIR"); dir != "" {
		return openKernel(dir)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return kernel{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "fetch-kernel"))
	if version != "" {
		cmd.Args = append(cmd.Args, version)
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return kernel{}, fmt.Errorf("scripts/fetch-kernel: %w (or set MIP6D_KERNEL_DIR to an unpacked kernel package)", err)
	}
	return openKernel(strings.TrimSpace(string(out)))
}

func openKernel(dir string) (kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return kernel{}, err
	}
	if len(images) != 1 {
		return kernel{}, fmt.Errorf("%s/boot holds %d kernels, want one: remove the directory to have it fetched again", dir, len(images))
	}
	k := kernel{image: images[0], release: strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")}
	for _, lib := range []string{"lib", "usr/lib"} {
		k.modules = filepath.Join(dir, lib, "modules", k.release)
		if _, err := os.Stat(k.modules); err == nil {
			return k, nil
		}
	}
	return kernel{}, fmt.Errorf("%s: kernel %s has no modules directory", dir, k.release)
}

// moduleRoot is the directory of our go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", fmt.Errorf("run this inside the mip6d source tree")
	}
	return filepath.Dir(mod), nil
}
