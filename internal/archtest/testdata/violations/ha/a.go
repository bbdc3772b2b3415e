package ha

import (
	"fixture/homeless"
	"fixture/mixed"
	"fixture/mn"
	"fixture/pure"
)

var _, _, _, _ = homeless.X, mixed.X, mn.X, pure.Good
