package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-go/troupe/idempotency"
)

// Store is an idempotency.Store in Redis or Valkey. Its methods block until the server has answered, with the
// client's retries, or the context ends.
type Store struct {
	client redis.Scripter
	prefix string
}

var _ idempotency.Store = (*Store)(nil)

// Option changes what New does.
type Option func(*Store) error

// WithPrefix sets text that is put before every key, for servers that hold other keys too. Default: none.
func WithPrefix(prefix string) Option {
	return func(s *Store) error { s.prefix = prefix; return nil }
}

// New returns a store in the server or cluster of a go-redis client: a *redis.Client, *redis.ClusterClient, *redis.Ring
// or redis.UniversalClient. It makes no request yet. The client's options must have ContextTimeoutEnabled set: without
// it the client ignores deadlines, and a server that hangs would keep a record beyond the end of its invocation. New
// panics if it is not set, client is nil, or an option is invalid.
func New(client redis.Scripter, options ...Option) *Store {
	if client == nil {
		panic(errors.New("troupe: redisstore: the client is nil; one of go-redis is needed"))
	}
	if obeys, known := obeysDeadlines(client); known && !obeys {
		panic(errors.New("troupe: redisstore: ContextTimeoutEnabled is not set in the client's options, so that it would ignore deadlines; set it to true"))
	}
	s := &Store{client: client}
	for _, o := range options {
		if o == nil {
			panic(errors.New("troupe: redisstore: an option is nil"))
		}
		if err := o(s); err != nil {
			panic(fmt.Errorf("troupe: redisstore: %w", err))
		}
	}
	return s
}

func obeysDeadlines(client redis.Scripter) (obeys, known bool) {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled, true
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled, true
	case *redis.Ring:
		return c.Options().ContextTimeoutEnabled, true
	}
	return false, false
}

// A value is a header and, of a completion, what follows: a claim is "p", the token as a netstring; a completion
// is "c", the token, the hash of the payload as a netstring, and "v" and the value if there is one. So a header of one
// token is never the start of another's.
var (
	// claim: KEYS[1], what it is to hold, milliseconds. It returns nothing if the value has been set or was there, and
	// otherwise the existing value and its remaining milliseconds.
	claimScript = redis.NewScript(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return {} end
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then return {} end
return {held, redis.call('PTTL', KEYS[1])}`)

	// set: KEYS[1], new value, milliseconds, the claim and the start of a completion that may be replaced. 0 if
	// there is another.
	setScript = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[3] and not (ARGV[4] and string.sub(held, 1, #ARGV[4]) == ARGV[4]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

	// release: KEYS[1], the claim. 0 if there is another, or a completion.
	releaseScript = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1`)
)

// Claim implements idempotency.Store.
func (s *Store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
	reply, err := s.run(ctx, "claim", claimScript, c.Key, claimed(c.Token), left(c.Lease))
	if err != nil {
		return nil, err
	}
	held, ok := reply.([]any)
	if !ok || len(held) != 0 && len(held) != 2 {
		return nil, fmt.Errorf("troupe: redisstore: claim: the server's reply is a %T", reply)
	}
	if len(held) == 0 {
		return nil, nil
	}
	value, _ := held[0].(string)
	var until time.Time
	if ms, _ := held[1].(int64); ms >= 0 {
		until = time.Now().Add(time.Duration(ms) * time.Millisecond)
	}
	return read(value, until)
}

// read interprets the existing value that prevents a claim.
func read(value string, until time.Time) (*idempotency.Completion, error) {
	foreign := errors.New("troupe: redisstore: the key holds something that is not of an idempotency store; give the store a prefix of its own")
	kind, rest := value, ""
	if value != "" {
		kind, rest = value[:1], value[1:]
	}
	_, rest, ok := cut(rest)
	switch {
	case !ok:
		return nil, foreign
	case kind == "p" && rest == "":
		return nil, &idempotency.InProgressError{Lease: until}
	case kind != "c":
		return nil, foreign
	}
	payload, rest, ok := cut(rest)
	if !ok {
		return nil, foreign
	}
	done := &idempotency.Completion{Payload: payload, Expires: until}
	if value, ok := strings.CutPrefix(rest, "v"); ok {
		done.Value = []byte(value)
	}
	return done, nil
}

// Renew implements idempotency.Store.
func (s *Store) Renew(ctx context.Context, c idempotency.Claim) error {
	return s.set(ctx, "renewal", c.Key, claimed(c.Token), c.Lease, claimed(c.Token))
}

// maxValue bounds a value: the size of a string in Redis, with room for the header.
const maxValue = 512<<20 - 64<<10

// Complete implements idempotency.Store.
func (s *Store) Complete(ctx context.Context, key, token string, done idempotency.Completion) error {
	if len(done.Value) > maxValue {
		return idempotency.ValueErrorf("%d bytes; Redis allows 512 MB", len(done.Value))
	}
	var b strings.Builder
	b.WriteString(completedBy(token))
	b.WriteString(netstring(done.Payload))
	if done.Value != nil {
		b.WriteByte('v')
		b.Write(done.Value)
	}
	return s.set(ctx, "completion", key, b.String(), done.Expires, claimed(token), completedBy(token))
}

func (s *Store) set(ctx context.Context, what, key, value string, until time.Time, replacing ...any) error {
	return s.change(ctx, what, setScript, key, append([]any{value, left(until)}, replacing...)...)
}

// Release implements idempotency.Store.
func (s *Store) Release(ctx context.Context, key, token string) error {
	return s.change(ctx, "release", releaseScript, key, claimed(token))
}

func (s *Store) change(ctx context.Context, what string, script *redis.Script, key string, args ...any) error {
	reply, err := s.run(ctx, what, script, key, args...)
	switch {
	case err != nil:
		return err
	case reply == int64(1):
		return nil
	}
	return idempotency.ErrLeaseLost
}

// run runs a script; go-redis sends it whole if the server does not have it.
func (s *Store) run(ctx context.Context, what string, script *redis.Script, key string, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if key == "" {
		return nil, idempotency.KeyErrorf("it is empty")
	}
	value, err := script.Run(ctx, s.client, []string{s.prefix + key}, args...).Result()
	switch {
	case err == nil:
		return value, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("troupe: redisstore: %s: %w", what, errors.Join(ctx.Err(), err))
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return nil, fmt.Errorf("troupe: redisstore: %s: the key holds no string; give the store a prefix of its own: %w", what, err)
	}
	return nil, fmt.Errorf("troupe: redisstore: %s: %w", what, err)
}

func claimed(token string) string     { return "p" + netstring(token) }
func completedBy(token string) string { return "c" + netstring(token) }

func netstring(s string) string { return strconv.Itoa(len(s)) + ":" + s }

// cut returns the netstring that s starts with, and the rest.
func cut(s string) (first, rest string, ok bool) {
	digits, rest, ok := strings.Cut(s, ":")
	if !ok {
		return "", "", false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}

// left is the milliseconds until t, which the server counts by its own clock; at least one.
func left(t time.Time) int64 {
	d := time.Until(t)
	return max(1, int64((d+time.Millisecond-1)/time.Millisecond))
}
