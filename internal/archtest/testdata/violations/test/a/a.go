package a

import (
	_ "example.org/anything"
	_ "fixture/ha"
	_ "fixture/mixed"
	_ "fixture/test/b"
	_ "os"
)
