package directspeed

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// profile samples all CPUs' stacks with perf, if DIRECTSPEED_PERF names the
// program, and leaves them as `perf script` prints them among the artifacts
// (docs/speed.md says how).
func profile(name string) (stop func()) {
	perf, dir := os.Getenv("DIRECTSPEED_PERF"), os.Getenv("MIP6D_ARTIFACTS")
	if perf == "" || dir == "" {
		return func() {}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	data := filepath.Join(dir, name+".perf")
	record := exec.Command(perf, "record", "-a", "-g", "-e", "cpu-clock", "-F", "499", "-o", data)
	var said bytes.Buffer
	record.Stderr = &said
	if err := record.Start(); err != nil {
		panic(err)
	}
	time.Sleep(time.Second) // until it samples
	return func() {
		if err := record.Process.Signal(unix.SIGINT); err != nil {
			panic(err)
		}
		record.Wait() // ends by the signal, which counts as an error
		script, err := exec.Command(perf, "script", "-i", data, "-F", "comm,cpu,ip,sym").Output()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".stacks"), script, 0o644)
		}
		os.Remove(data)
		if err != nil {
			panic(err.Error() + "\n" + said.String())
		}
	}
}
