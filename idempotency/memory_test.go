package idempotency_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/idempotency/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	clock := func() time.Time { return now }
	storetest.Run(t, storetest.Setup{
		New:    func(*testing.T) idempotency.Store { return idempotency.NewMemoryAt(clock) },
		Now:    clock,
		Sleep:  func(d time.Duration) { now = now.Add(d) },
		Lease:  time.Minute,
		Expiry: time.Hour,
	})
}

func TestMemoryGoesByVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := idempotency.NewMemory()
		claim := func(token string) error {
			_, err := store.Claim(t.Context(), idempotency.Claim{Key: "k", Token: token, Lease: time.Now().Add(time.Hour)})
			return err
		}
		require.NoError(t, claim("a"))
		time.Sleep(time.Hour - 1)
		require.ErrorIs(t, claim("b"), idempotency.ErrInProgress)
		time.Sleep(time.Nanosecond)
		require.NoError(t, claim("b"))
	})
}

// What a store is given and returns is its own: a caller that changes the bytes changes nothing in it.
func TestMemoryKeepsItsOwnBytes(t *testing.T) {
	store, value := idempotency.NewMemory(), []byte(`"value"`)
	require.NoError(t, store.Complete(t.Context(), "k", "a", idempotency.Completion{Value: value, Expires: time.Now().Add(time.Hour)}))
	copy(value, "xxxx")
	for range 2 {
		done, err := store.Claim(t.Context(), idempotency.Claim{Key: "k", Token: "b"})
		require.NoError(t, err)
		assert.Equal(t, `"value"`, string(done.Value))
		copy(done.Value, "xxxx")
	}
}

func TestErrorsOfStores(t *testing.T) {
	busy := &idempotency.InProgressError{Lease: time.Unix(1_700_000_000, 5e6)}
	assert.EqualError(t, busy, "troupe: idempotency: the key is in progress elsewhere until 2023-11-14T22:13:20.005Z")
	assert.EqualError(t, &idempotency.InProgressError{}, "troupe: idempotency: the key is in progress elsewhere")
	assert.ErrorIs(t, busy, idempotency.ErrInProgress)
	assert.NotErrorIs(t, busy, idempotency.ErrLeaseLost)
	key := idempotency.KeyErrorf("%d bytes; at most %d are allowed", 2049, 2048)
	assert.EqualError(t, key, "troupe: idempotency: bad key: 2049 bytes; at most 2048 are allowed")
	assert.ErrorIs(t, key, idempotency.ErrKey)
	assert.NotErrorIs(t, key, idempotency.ErrValue)
	assert.ErrorIs(t, idempotency.ValueErrorf("too long"), idempotency.ErrValue)
}

func BenchmarkMemory(b *testing.B) { storetest.Benchmark(b, idempotency.NewMemory()) }

// Whether another token has claimed a key counts, and not the time, until a completion expires: nobody holds the key then.
func TestMemoryGoesByTokensUntilACompletionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, m := t.Context(), idempotency.NewMemory()
		claim := func(key, token string) error {
			_, err := m.Claim(ctx, idempotency.Claim{Key: key, Token: token, Lease: time.Now().Add(time.Minute)})
			return err
		}
		done := idempotency.Completion{Expires: time.Now().Add(time.Hour)}
		require.NoError(t, claim("k", "a"))
		time.Sleep(2 * time.Minute)
		require.NoError(t, claim("k", "b"))
		time.Sleep(2 * time.Minute) // the lease of b has ended, too
		require.ErrorIs(t, m.Complete(ctx, "k", "a", done), idempotency.ErrLeaseLost)
		require.ErrorIs(t, m.Release(ctx, "k", "a"), idempotency.ErrLeaseLost)
		require.NoError(t, m.Complete(ctx, "k", "b", done))
		require.ErrorIs(t, m.Complete(ctx, "k", "a", done), idempotency.ErrLeaseLost)

		time.Sleep(time.Hour)
		require.NoError(t, m.Complete(ctx, "k", "a", idempotency.Completion{Value: []byte(`1`), Expires: time.Now().Add(time.Hour)}))
		found, err := m.Claim(ctx, idempotency.Claim{Key: "k", Token: "c", Lease: time.Now().Add(time.Minute)})
		require.NoError(t, err)
		require.NotNil(t, found)
		assert.Equal(t, `1`, string(found.Value))
	})
}
