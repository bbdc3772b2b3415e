package off

import "os"
