package writer

import (
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowBody takes its time for each read.
type slowBody struct {
	*strings.Reader
	each time.Duration
}

func (b slowBody) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(b.each)
	return b.Reader.ReadAt(p, off)
}

// A body that is hashed as a whole beats with each part of it: no stall, however long
// all of it takes, unless a part takes too long.
func TestHashedBodyBeats(t *testing.T) {
	text := strings.Repeat("x", 5*copyBytes+1)
	for each, stalls := range map[time.Duration]bool{9 * time.Second: false, 11 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, pulse := startPulse(t.Context(), 10*time.Second)
			defer pulse.stop()
			h := crc32.NewIEEE()
			body := &beatingReader{section: bodyReader(slowBody{strings.NewReader(text), each}), pulse: pulse}
			n, err := io.Copy(h, body)
			if n != int64(len(text)) || err != nil || h.Sum32() != crc32.ChecksumIEEE([]byte(text)) {
				t.Errorf("hashed %d of %d bytes, %v", n, len(text), err)
			}
			if got := ctx.Err() != nil; got != stalls {
				t.Errorf("%v for each part: stalled = %v", each, got)
			}
		})
	}
}
