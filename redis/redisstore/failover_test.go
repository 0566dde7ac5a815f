package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
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

// A server that stops answering in mid-batch: records without a claim fail and are not handled, and when the server answers
// again they are. Work that is done a second time was reported before, as an unrecorded completion, a lost lease or an abandoned handler.
func TestAServerThatGoesInMidBatch(t *testing.T) {
	server(t)
	n := startNode(t, "")
	store := redisstore.New(n.client)
	const records, before = 20, 8
	var mu sync.Mutex
	done, excused := map[string]int{}, map[string]int{}
	charge := func(_ context.Context, m events.SQSMessage) error {
		mu.Lock()
		defer mu.Unlock()
		if done[m.Body]++; len(done) == before {
			return n.cmd.Process.Signal(syscall.SIGSTOP)
		}
		return nil
	}
	p := troupe.SQS(idempotency.Wrap("charge", store, func(_ context.Context, m events.SQSMessage) string { return m.Body }, charge,
		idempotency.WithFunction("f-"+n.port), idempotency.WithSkew(0), idempotency.WithLogger(slog.New(slog.DiscardHandler))),
		troupe.WithConcurrency(4), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	var event events.SQSEvent
	for i := range records {
		event.Records = append(event.Records, events.SQSMessage{MessageId: strconv.Itoa(i), Body: fmt.Sprint("o-", i)})
	}
	invoke := func() *troupe.Report {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		_, report, err := p.ProcessReport(ctx, event)
		require.NoError(t, err)
		for i, r := range report.Records {
			if r.Unrecorded || errors.Is(r.Err, idempotency.ErrLeaseLost) || errors.Is(r.Err, troupe.ErrAbandoned) {
				excused[event.Records[i].Body]++
			}
		}
		return report
	}
	first := invoke()
	assert.Positive(t, first.Failed)
	assert.Positive(t, first.Unrecorded, "a record was at work")
	for i, r := range first.Records {
		if r.Outcome == troupe.Failed && !errors.Is(r.Err, troupe.ErrAbandoned) {
			assert.Zero(t, done[event.Records[i].Body], "record %d: %v", i, r.Err)
		}
	}

	require.NoError(t, n.cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return invoke().Succeeded == records }, time.Minute, 200*time.Millisecond)
	assert.Len(t, done, records)
	for body, times := range done {
		assert.LessOrEqual(t, times, 1+excused[body], body)
	}
}
