package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/idempotency/storetest"
	"github.com/troupe-go/troupe/redis/redisstore"
)

// server returns a client of the server of make integration, or skips the test.
func server(t *testing.T) *redis.Client {
	addr := os.Getenv("TROUPE_REDIS")
	if addr == "" {
		t.Skip("needs a server: make integration")
	}
	return clientOf(t, addr)
}

func clientOf(t *testing.T, addr string) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return client
}

// prefix is one that no run before had.
func prefix(t *testing.T) string { return fmt.Sprintf("%s-%d:", t.Name(), time.Now().UnixNano()) }

func TestRedisIsAStore(t *testing.T) {
	client := server(t)
	storetest.Run(t, storetest.Setup{
		New: func(t *testing.T) idempotency.Store { return redisstore.New(client, redisstore.WithPrefix(prefix(t))) },
	})
}

// A server that was restarted, or had its scripts flushed, gets them again.
func TestScriptsThatTheServerHasLostAreSentAgain(t *testing.T) {
	client := server(t)
	store, key := redisstore.New(client), prefix(t)
	for range 3 {
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		_, err := store.Claim(t.Context(), idempotency.Claim{Key: key, Token: "a", Lease: time.Now().Add(time.Minute)})
		require.NoError(t, err)
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		require.NoError(t, store.Release(t.Context(), key, "a"))
	}
}

// What others keep in the server is left alone.
func TestKeysOfOthersAreRefused(t *testing.T) {
	client := server(t)
	store, key := redisstore.New(client), prefix(t)
	claim := func(key string) error {
		_, err := store.Claim(t.Context(), idempotency.Claim{Key: key, Token: "a", Lease: time.Now().Add(time.Minute)})
		return err
	}
	require.NoError(t, client.HSet(t.Context(), key+"hash", "f", "v").Err())
	require.ErrorContains(t, claim(key+"hash"), "troupe: redisstore: claim: the key holds no string; give the store a prefix of its own: WRONGTYPE ")
	for i, foreign := range []string{"", "p", "x", "text", "p1:ab", "p9:a", "c1:b", "c1:b-1:", "q1:a"} {
		name := fmt.Sprint(key, i)
		require.NoError(t, client.Set(t.Context(), name, foreign, time.Minute).Err())
		require.EqualError(t, claim(name), "troupe: redisstore: the key holds something that is not of an idempotency store; give the store a prefix of its own", foreign)
		require.ErrorIs(t, store.Complete(t.Context(), name, "a", idempotency.Completion{}), idempotency.ErrLeaseLost)
		require.ErrorIs(t, store.Release(t.Context(), name, "a"), idempotency.ErrLeaseLost)
		assert.Equal(t, foreign, client.Get(t.Context(), name).Val())
	}
}

func TestATokenIsNotThePrefixOfAnother(t *testing.T) {
	store, key := redisstore.New(server(t)), prefix(t)
	_, err := store.Claim(t.Context(), idempotency.Claim{Key: key, Token: "ab", Lease: time.Now().Add(time.Minute)})
	require.NoError(t, err)
	for _, token := range []string{"", "a", "abc"} {
		require.ErrorIs(t, store.Complete(t.Context(), key, token, idempotency.Completion{}), idempotency.ErrLeaseLost)
		require.ErrorIs(t, store.Release(t.Context(), key, token), idempotency.ErrLeaseLost)
	}
}

// A server that is not there, or does not answer, is an error by the end of the context, and nothing else.
func TestAServerThatDoesNotAnswer(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	defer func() { assert.NoError(t, deaf.Close()) }()
	for _, addr := range []string{deaf.Addr().String(), closed.Addr().String()} {
		store := redisstore.New(clientOf(t, addr))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := store.Claim(ctx, idempotency.Claim{Key: "k", Token: "a"})
		require.ErrorContains(t, err, "troupe: redisstore: claim: ")
		require.ErrorContains(t, store.Complete(ctx, "k", "a", idempotency.Completion{}), "")
		require.Error(t, store.Renew(ctx, idempotency.Claim{Key: "k", Token: "a"}))
		require.Error(t, store.Release(ctx, "k", "a"))
	}
}

func TestBadOptionsPanic(t *testing.T) {
	for text, make := range map[string]func(){
		"troupe: redisstore: the client is nil; one of go-redis is needed": func() { redisstore.New(nil) },
		"troupe: redisstore: an option is nil":                             func() { redisstore.New(redis.NewClient(&redis.Options{ContextTimeoutEnabled: true}), nil) },
	} {
		assert.PanicsWithError(t, text, make)
	}
	ignores := "troupe: redisstore: ContextTimeoutEnabled is not set in the client's options, so that it would ignore deadlines; set it to true"
	for _, client := range []redis.UniversalClient{
		redis.NewClient(&redis.Options{}), redis.NewRing(&redis.RingOptions{}), redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}}),
	} {
		assert.PanicsWithError(t, ignores, func() { redisstore.New(client) })
		assert.NoError(t, client.Close())
	}
	for _, client := range []redis.UniversalClient{
		redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true}), redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ContextTimeoutEnabled: true}),
	} {
		assert.NotPanics(t, func() { redisstore.New(client) })
		assert.NoError(t, client.Close())
	}
	_, err := redisstore.New(redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})).Claim(t.Context(), idempotency.Claim{})
	assert.EqualError(t, err, "troupe: idempotency: bad key: it is empty")
}
