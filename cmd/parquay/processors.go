// How many goroutines run at a time.

package main

import (
	"os"
	"runtime"
)

// spareProcessor gives Go one processor more than the cores it may use. A sync of the
// journal holds one for as long as the disk takes, until the runtime notices, and on
// two cores that left one of them idle for a sixth of the time. It is for what runs
// beside syncs: encoders and decompressors, of which there are as many as cores, are
// counted before. Where nothing waits for a sync, more threads than cores would only
// be in each other's way; and who has set GOMAXPROCS is obeyed.
func spareProcessor(s Settings) {
	if s.Ack == "disk" && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
