//go:build never

package pure

import . "os"

var _ = Open
