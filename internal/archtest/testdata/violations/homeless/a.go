package homeless

import "os"

var X = os.Args
