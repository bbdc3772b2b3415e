package nested

import "os"
