package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tools are programs of the host that tests and people like to have in the
// guest. None is required. The shell is the host's because busybox's prefers
// its own ip.
var tools = []string{"sh", "ip", "tc", "bridge", "ss", "nft", "ping", "tcpdump", "ethtool", "strace", "setpriv"}

// addTools puts those of the tools that the host has into the guest, with the
// shared libraries they are linked with, and busybox for everything else.
func (a *archive) addTools() {
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin:/usr/bin:/bin"
	for _, name := range tools {
		for _, dir := range filepath.SplitList(path) {
			file := filepath.Join(dir, name)
			if info, err := os.Stat(file); err != nil || info.IsDir() {
				continue
			}
			if a.addProgram(file, "/bin/"+name) == nil {
				break
			}
		}
	}
	for _, busybox := range busyboxFiles() {
		if out, err := exec.Command(busybox, "--list").Output(); err == nil {
			if a.addFile(busybox, "/bin/busybox", 0o755) != nil {
				continue
			}
			for _, applet := range strings.Fields(string(out)) {
				a.addLink("/bin/"+applet, "/bin/busybox")
			}
			return
		}
	}
}

// busyboxFiles: an installed one, or the one that scripts/fetch-kernel keeps.
func busyboxFiles() []string {
	files := []string{"/bin/busybox", "/usr/bin/busybox"}
	if cache, err := os.UserCacheDir(); err == nil {
		files = append(files, filepath.Join(cache, "mip6d", "busybox-static", "bin", "busybox"))
	}
	return files
}

// addProgram adds a program with its shared libraries, as ldd finds them.
func (a *archive) addProgram(host, guest string) error {
	out, err := exec.Command("ldd", host).Output()
	if err != nil && len(out) == 0 { // static
		return a.addFile(host, guest, 0o755)
	}
	for line := range strings.Lines(string(out)) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") {
				if err := a.addFile(word, word, 0o755); err != nil {
					return err
				}
			}
		}
	}
	return a.addFile(host, guest, 0o755)
}
