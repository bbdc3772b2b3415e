package pure

import (
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"syscall"
	"unsafe"
)

var _ = []any{context.TODO, rand.Reader, slog.Info, mathrand.Int, net.Dial, os.Open, syscall.Open, unsafe.Sizeof(0)}
