package mixed

import (
	"example.org/netlink/nl"
	"example.org/netlinkx"
	"os"
	"time"
)

var _, _, _, _ = nl.Dial, netlinkx.Dial, os.Args, time.Now
