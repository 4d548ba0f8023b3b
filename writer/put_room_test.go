package writer

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Attempts that last until they time out, again and again, leave room for those that
// would not.
func TestPutterKeepsRoomForFirstAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 8
		p, _, _ := newTestPutter(limit, func(ctx context.Context, key string, _ Body) error {
			if strings.HasPrefix(key, "silent") {
				wait(ctx, 30*time.Second)
				return errStalled
			}
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		var puts sync.WaitGroup
		for n := range 3 * limit {
			puts.Go(func() { _ = p.Put(ctx, fmt.Sprint("silent-", n), strings.NewReader("x")) })
		}
		time.Sleep(5 * time.Minute) // every one of them has had its first attempt
		for range 100 {
			start := time.Now()
			if err := p.Put(t.Context(), "sound", strings.NewReader("x")); err != nil || time.Since(start) > 0 {
				t.Errorf("Put = %v after %v", err, time.Since(start))
			}
			time.Sleep(time.Second)
		}
		cancel()
		puts.Wait()
	})
}
