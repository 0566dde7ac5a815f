package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/idempotency"
)

// Benchmark measures what a store adds to a record: one that is handled for the first time, a duplicate, and one
// whose key is in progress elsewhere. It reports the calls of the store per record.
func Benchmark(b *testing.B, store idempotency.Store) {
	prefix := fmt.Sprint("bench-", time.Now().UnixNano(), "-")
	counted := &counting{Store: store}
	key := func(_ context.Context, key string) string { return key }
	handle := idempotency.Returning(prefix, counted, key, func(context.Context, string) (string, error) { return "a receipt of some forty bytes, no more", nil },
		idempotency.WithRawKey(), idempotency.WithLease(time.Hour))
	run := func(name string, key func(i int) string, want error) {
		b.Run(name, func(b *testing.B) {
			counted.calls = 0
			for i := 0; b.Loop(); i++ {
				if err := handle(b.Context(), key(i)); (err == nil) != (want == nil) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(counted.calls)/float64(b.N), "calls/op")
		})
	}
	done, busy := prefix+"done", prefix+"busy"
	if err := handle(b.Context(), done); err != nil {
		b.Fatal(err)
	}
	if _, err := store.Claim(b.Context(), idempotency.Claim{Key: busy, Token: "other", Lease: time.Now().Add(time.Hour)}); err != nil {
		b.Fatal(err)
	}
	n := 0
	run("first", func(int) string { n++; return fmt.Sprint(prefix, n) }, nil)
	run("duplicate", func(int) string { return done }, nil)
	run("in progress", func(int) string { return busy }, idempotency.ErrInProgress)
}

// counting counts calls. It is for one goroutine.
type counting struct {
	idempotency.Store
	calls int
}

func (c *counting) Claim(ctx context.Context, claim idempotency.Claim) (*idempotency.Completion, error) {
	c.calls++
	return c.Store.Claim(ctx, claim)
}

func (c *counting) Complete(ctx context.Context, key, token string, done idempotency.Completion) error {
	c.calls++
	return c.Store.Complete(ctx, key, token, done)
}
