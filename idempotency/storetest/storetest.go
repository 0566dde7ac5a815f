// Package storetest tests implementations of idempotency.Store: every claim of its documentation, by name.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/idempotency"
)

// Setup is a store under test.
type Setup struct {
	// New returns the store; the tests use keys that start with prefix, and no other. It is called several
	// times, and may return the same store.
	New func(t *testing.T) idempotency.Store
	// Prefix starts all keys, so that runs against a server that lives on do not meet.
	Prefix string
	// Now and Sleep are the store's clock. Default: time.Now, time.Sleep.
	Now   func() time.Time
	Sleep func(time.Duration)
	// Lease is the length of leases that tests wait for. Default: 200 ms.
	Lease time.Duration
	// Expiry is how long completions are kept whose expiry tests wait for. Default: Lease.
	Expiry time.Duration
}

// Run runs all tests.
func Run(t *testing.T, s Setup) {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Sleep == nil {
		s.Sleep = time.Sleep
	}
	if s.Lease == 0 {
		s.Lease = 200 * time.Millisecond
	}
	if s.Expiry == 0 {
		s.Expiry = s.Lease
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.test(&harness{T: t, Setup: s, store: s.New(t), key: s.Prefix + strings.ReplaceAll(c.name, " ", "-")})
		})
	}
}

type harness struct {
	*testing.T
	Setup
	store idempotency.Store
	key   string
}

const long = time.Hour

func (h *harness) claimFor(token string, lease time.Duration) (*idempotency.Completion, error) {
	return h.store.Claim(h.Context(), h.claimOf(token, lease))
}

func (h *harness) claimOf(token string, lease time.Duration) idempotency.Claim {
	return idempotency.Claim{Key: h.key, Token: token, Lease: h.Now().Add(lease), Expiry: long, Payload: "hash"}
}

// mustClaim claims the key, which has to be free.
func (h *harness) mustClaim(token string, lease time.Duration) {
	h.Helper()
	if done, err := h.claimFor(token, lease); done != nil || err != nil {
		h.Fatalf("claim of %s: %v, %v", token, done, err)
	}
}

// held checks that the key is claimed by somebody else than a stranger.
func (h *harness) held() {
	h.Helper()
	if done, err := h.claimFor("stranger", long); done != nil || !errors.Is(err, idempotency.ErrInProgress) {
		h.Fatalf("the claim does not hold: %v, %v", done, err)
	}
}

func (h *harness) complete(token, value string, expiry time.Duration) error {
	done := idempotency.Completion{Payload: "hash", Expires: h.Now().Add(expiry)}
	if value != "" {
		done.Value = []byte(value)
	}
	return h.store.Complete(h.Context(), h.key, token, done)
}

func (h *harness) mustComplete(token, value string) {
	h.Helper()
	if err := h.complete(token, value, long); err != nil {
		h.Fatalf("completion of %s: %v", token, err)
	}
}

// completed checks that the key is completed with a value.
func (h *harness) completed(value string) {
	h.Helper()
	done, err := h.claimFor("stranger", long)
	if err != nil || done == nil {
		h.Fatalf("the key is not completed: %v, %v", done, err)
	}
	if string(done.Value) != value || value == "" && done.Value != nil {
		h.Fatalf("the value is %.100q, and not %.100q", done.Value, value)
	}
	if done.Payload != "hash" {
		h.Fatalf("the hash of the payload is %q", done.Payload)
	}
	if left := done.Expires.Sub(h.Now()); left < long-long/10 || left > long+2*time.Second {
		h.Fatalf("it expires in %v", left)
	}
}

func (h *harness) lost(err error) {
	h.Helper()
	if !errors.Is(err, idempotency.ErrLeaseLost) {
		h.Fatalf("%v, and not ErrLeaseLost", err)
	}
}

func (h *harness) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// supersede lets a claim's lease end and claims the key with another token.
func (h *harness) supersede(token, by string) {
	h.Helper()
	h.mustClaim(token, h.Lease)
	h.Sleep(h.Lease + h.Lease/4)
	h.mustClaim(by, long)
}

var cases = []struct {
	name string
	test func(h *harness)
}{
	{"a claimed key is in progress until the end of the lease", func(h *harness) {
		h.mustClaim("a", 2*long)
		want := h.Now().Add(2 * long)
		_, err := h.claimFor("b", long)
		var busy *idempotency.InProgressError
		if !errors.As(err, &busy) {
			h.Fatalf("%v", err)
		}
		if off := busy.Lease.Sub(want).Abs(); off > 2*time.Second {
			h.Fatalf("the lease ends at %v, and not at %v", busy.Lease, want)
		}
	}},
	{"a claim may be repeated with its own token", func(h *harness) {
		h.mustClaim("a", long)
		h.mustClaim("a", long)
		h.held()
	}},
	{"a key can be claimed when the lease has ended", func(h *harness) {
		h.supersede("a", "b")
		h.held()
	}},
	{"keys are independent", func(h *harness) {
		h.mustClaim("a", long)
		other := *h
		other.key += "'"
		other.mustClaim("a", long)
		h.ok(other.store.Release(h.Context(), other.key, "a"))
		h.held()
	}},
	{"keys hold any text", func(h *harness) {
		for _, odd := range []string{" ", "#", "ü€😀", "{a}:*?[b]", "\x00\n\x7f", "a/b\\c\"", strings.Repeat("k", 900)} {
			other := *h
			other.key += odd
			other.mustClaim("a", long)
			other.mustComplete("a", `"v"`)
			other.completed(`"v"`)
		}
	}},
	{"a completed key stays completed, with its value", func(h *harness) {
		h.mustClaim("a", h.Lease)
		h.mustComplete("a", `{"b":[1,2.50,null],"a":"ü\n"}`)
		h.Sleep(h.Lease + h.Lease/4)
		h.completed(`{"b":[1,2.50,null],"a":"ü\n"}`)
		h.completed(`{"b":[1,2.50,null],"a":"ü\n"}`)
	}},
	{"a key may be completed without a value", func(h *harness) {
		h.mustClaim("a", long)
		h.mustComplete("a", "")
		h.completed("")
	}},
	{"values are JSON of any kind", func(h *harness) {
		for i, value := range []string{`null`, `""`, `"text"`, `17`, `1e400`, `true`, `{}`, `[]`, `"` + strings.Repeat("v", 100_000) + `"`} {
			other := *h
			other.key += fmt.Sprint(i)
			other.mustClaim("a", long)
			other.mustComplete("a", value)
			other.completed(value)
		}
	}},
	{"a completion that has expired can be claimed", func(h *harness) {
		h.mustClaim("a", long)
		h.ok(h.complete("a", `1`, h.Expiry))
		h.Sleep(h.Expiry + h.Expiry/4)
		h.mustClaim("b", long)
		h.lost(h.complete("a", `2`, long))
		h.mustComplete("b", `3`)
		h.completed(`3`)
	}},
	{"a value does not outlive its completion", func(h *harness) {
		h.mustClaim("a", long)
		h.ok(h.complete("a", `1`, h.Expiry))
		h.Sleep(h.Expiry + h.Expiry/4)
		claim := h.claimOf("b", long)
		claim.Payload = ""
		_, err := h.store.Claim(h.Context(), claim)
		h.ok(err)
		h.ok(h.store.Complete(h.Context(), h.key, "b", idempotency.Completion{Expires: h.Now().Add(long)}))
		done, err := h.claimFor("c", long)
		if err != nil || done == nil || done.Value != nil || done.Payload != "" {
			h.Fatalf("%+v, %v", done, err)
		}
	}},
	{"a completion may be repeated with its own token", func(h *harness) {
		h.mustClaim("a", long)
		h.mustComplete("a", `1`)
		h.mustComplete("a", `1`)
		h.completed(`1`)
	}},
	{"a late completion counts if nobody has claimed the key since", func(h *harness) {
		h.mustClaim("a", h.Lease)
		h.Sleep(h.Lease + h.Lease/4)
		h.mustComplete("a", `1`)
		h.completed(`1`)
	}},
	{"a completion of a superseded claim changes nothing", func(h *harness) {
		h.supersede("a", "b")
		h.lost(h.complete("a", `1`, long))
		h.held()
		h.mustComplete("b", `2`)
		h.completed(`2`)
	}},
	{"a completion does not replace that of another token", func(h *harness) {
		h.supersede("a", "b")
		h.mustComplete("b", `2`)
		h.lost(h.complete("a", `1`, long))
		h.completed(`2`)
	}},
	{"a key that nobody holds is completed", func(h *harness) {
		h.mustComplete("a", `1`)
		h.completed(`1`)
	}},
	{"a released key can be claimed at once", func(h *harness) {
		h.mustClaim("a", long)
		h.ok(h.store.Release(h.Context(), h.key, "a"))
		h.mustClaim("b", long)
	}},
	{"a release may be repeated", func(h *harness) {
		h.mustClaim("a", long)
		h.ok(h.store.Release(h.Context(), h.key, "a"))
		h.ok(h.store.Release(h.Context(), h.key, "a"))
	}},
	{"a release of a superseded claim changes nothing", func(h *harness) {
		h.supersede("a", "b")
		h.lost(h.store.Release(h.Context(), h.key, "a"))
		h.held()
	}},
	{"a release does not remove a completion", func(h *harness) {
		h.mustClaim("a", long)
		h.mustComplete("a", `1`)
		h.lost(h.store.Release(h.Context(), h.key, "a"))
		h.lost(h.store.Release(h.Context(), h.key, "b"))
		h.completed(`1`)
	}},
	{"a renewed claim holds longer", func(h *harness) {
		h.mustClaim("a", h.Lease)
		h.ok(h.store.Renew(h.Context(), h.claimOf("a", long)))
		h.Sleep(h.Lease + h.Lease/4)
		h.held()
		h.mustComplete("a", `1`)
		h.completed(`1`)
	}},
	{"a late renewal counts if nobody has claimed the key since", func(h *harness) {
		h.mustClaim("a", h.Lease)
		h.Sleep(h.Lease + h.Lease/4)
		h.ok(h.store.Renew(h.Context(), h.claimOf("a", long)))
		h.held()
		h.mustComplete("a", `1`)
		h.completed(`1`)
	}},
	{"a renewal of a superseded claim changes nothing", func(h *harness) {
		h.mustClaim("a", h.Lease)
		h.Sleep(h.Lease + h.Lease/4)
		h.mustClaim("b", h.Lease)
		h.lost(h.store.Renew(h.Context(), h.claimOf("a", long)))
		h.Sleep(h.Lease + h.Lease/4)
		h.mustClaim("c", long)
	}},
	{"a renewal does not replace a completion", func(h *harness) {
		h.mustClaim("a", long)
		h.mustComplete("a", `1`)
		h.lost(h.store.Renew(h.Context(), h.claimOf("a", long)))
		h.lost(h.store.Renew(h.Context(), h.claimOf("b", long)))
		h.completed(`1`)
	}},
	{"nothing is done once the context has ended", func(h *harness) {
		ended, cancel := context.WithCancel(h.Context())
		cancel()
		if done, err := h.store.Claim(ended, h.claimOf("a", long)); done != nil || !errors.Is(err, context.Canceled) {
			h.Fatalf("%v, %v", done, err)
		}
		h.mustClaim("b", long)
		for _, err := range []error{
			h.store.Renew(ended, h.claimOf("b", long)),
			h.store.Complete(ended, h.key, "b", idempotency.Completion{Expires: h.Now().Add(long)}),
			h.store.Release(ended, h.key, "b"),
		} {
			if !errors.Is(err, context.Canceled) {
				h.Fatalf("%v", err)
			}
		}
		h.held()
	}},
	{"of many that claim a key one gets it", func(h *harness) {
		for round := range 10 {
			other := *h
			other.key += fmt.Sprint(round)
			var won atomic.Int32
			var all sync.WaitGroup
			for n := range 16 {
				all.Go(func() {
					done, err := other.claimFor(fmt.Sprint("token-", n), long)
					switch {
					case err == nil && done == nil:
						won.Add(1)
					case !errors.Is(err, idempotency.ErrInProgress):
						h.Errorf("%v, %v", done, err)
					}
				})
			}
			all.Wait()
			if won.Load() != 1 {
				h.Errorf("%d have got it", won.Load())
			}
		}
	}},
}
