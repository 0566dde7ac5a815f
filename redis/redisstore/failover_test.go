package redisstore_test

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/redis/redisstore"
)

// node is a redis-server of a test's own.
type node struct {
	port   string
	cmd    *exec.Cmd
	client *redis.Client
}

func (n *node) addr() string { return "127.0.0.1:" + n.port }

// startNode starts a server on a free port, or on that of one that was killed.
func startNode(t *testing.T, port string) *node {
	if port == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		require.NoError(t, l.Close())
	}
	n := &node{port: port}
	n.cmd = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir(), "--repl-diskless-sync-delay", "0")
	require.NoError(t, n.cmd.Start())
	t.Cleanup(n.kill)
	n.client = clientOf(t, n.addr())
	require.Eventually(t, func() bool { return n.client.Ping(t.Context()).Err() == nil }, 30*time.Second, 20*time.Millisecond)
	return n
}

func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// following is a client of whichever server is the primary.
func following(t *testing.T, primary *atomic.Pointer[node]) *redis.Client {
	client := redis.NewClient(&redis.Options{
		ContextTimeoutEnabled: true,
		Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, primary.Load().addr())
		},
	})
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return client
}

func claimFor(ctx context.Context, store idempotency.Store, key, token string) (*idempotency.Completion, error) {
	return store.Claim(ctx, idempotency.Claim{Key: key, Token: token, Lease: time.Now().Add(time.Minute)})
}

// What had reached the replica holds after a failover. A claim that had not is lost, which its holder notices if the
// key was claimed by another in the meantime.
func TestAFailover(t *testing.T) {
	server(t)
	var current atomic.Pointer[node]
	primary, replica := startNode(t, ""), startNode(t, "")
	current.Store(primary)
	store := redisstore.New(following(t, &current))
	require.NoError(t, replica.client.Do(t.Context(), "REPLICAOF", "127.0.0.1", primary.port).Err())

	for _, key := range []string{"claimed", "completed"} {
		_, err := claimFor(t.Context(), store, key, "a")
		require.NoError(t, err)
	}
	require.NoError(t, store.Complete(t.Context(), "completed", "a", idempotency.Completion{Value: []byte(`1`), Expires: time.Now().Add(time.Hour)}))
	require.Eventually(t, func() bool {
		return replica.client.DBSize(t.Context()).Val() == 2 && primary.client.Wait(t.Context(), 1, time.Second).Val() == 1
	}, 30*time.Second, 20*time.Millisecond)

	require.NoError(t, replica.client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
	for _, key := range []string{"lost", "lost and claimed"} {
		_, err := claimFor(t.Context(), store, key, "a") // confirmed by a primary that nobody follows
		require.NoError(t, err)
	}
	primary.kill()
	_, err := claimFor(t.Context(), store, "new", "a")
	require.ErrorContains(t, err, "troupe: redisstore: claim: ", "nobody is there")
	current.Store(replica)

	_, err = claimFor(t.Context(), store, "claimed", "b")
	require.ErrorIs(t, err, idempotency.ErrInProgress)
	done, err := claimFor(t.Context(), store, "completed", "b")
	require.NoError(t, err)
	require.NotNil(t, done)
	assert.Equal(t, `1`, string(done.Value))

	require.NoError(t, store.Complete(t.Context(), "lost", "a", idempotency.Completion{Expires: time.Now().Add(time.Hour)}), "nobody has claimed it since")
	_, err = claimFor(t.Context(), store, "lost and claimed", "b")
	require.NoError(t, err)
	require.ErrorIs(t, store.Complete(t.Context(), "lost and claimed", "a", idempotency.Completion{Expires: time.Now().Add(time.Hour)}), idempotency.ErrLeaseLost)
	require.NoError(t, store.Complete(t.Context(), "lost and claimed", "b", idempotency.Completion{Expires: time.Now().Add(time.Hour)}))
}

// A server that is gone for a while, and comes back without its scripts and keys, needs no new store.
func TestAServerThatComesBack(t *testing.T) {
	server(t)
	n := startNode(t, "")
	store := redisstore.New(n.client)
	_, err := claimFor(t.Context(), store, "k", "a")
	require.NoError(t, err)
	n.kill()
	_, err = claimFor(t.Context(), store, "l", "a")
	require.Error(t, err)
	startNode(t, n.port)
	require.NoError(t, store.Complete(t.Context(), "k", "a", idempotency.Completion{Expires: time.Now().Add(time.Hour)}), "the claim is gone with the server, and nobody has claimed it since")
	done, err := claimFor(t.Context(), store, "k", "b")
	require.NoError(t, err)
	assert.NotNil(t, done)
}
