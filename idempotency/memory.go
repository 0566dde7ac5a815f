package idempotency

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// Memory is a Store in memory, for tests. Its content is lost when the process ends, and not shared with other
// processes.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]entry
}

// entry is a claim, or a completion.
type entry struct {
	token string
	until time.Time // the end of the lease, or the expiry of the completion
	done  *Completion
}

// NewMemory returns an empty store that uses time.Now, which is virtual time within testing/synctest.
func NewMemory() *Memory { return NewMemoryAt(time.Now) }

// NewMemoryAt is like NewMemory, with the caller's clock, for tests of clocks that differ.
func NewMemoryAt(now func() time.Time) *Memory {
	return &Memory{now: now, entries: map[string]entry{}}
}

// Claim implements Store.
func (m *Memory) Claim(ctx context.Context, c Claim) (*Completion, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	held, ok := m.live(c.Key)
	switch {
	case ok && held.done != nil:
		done := *held.done
		done.Value = bytes.Clone(done.Value)
		return &done, nil
	case ok && held.token != c.Token:
		return nil, &InProgressError{Lease: held.until}
	}
	m.entries[c.Key] = entry{token: c.Token, until: c.Lease}
	return nil, nil
}

// Renew implements Store.
func (m *Memory) Renew(ctx context.Context, c Claim) error {
	return m.change(ctx, c.Key, c.Token, func(held entry) error {
		if held.done != nil {
			return ErrLeaseLost
		}
		m.entries[c.Key] = entry{token: c.Token, until: c.Lease}
		return nil
	})
}

// Complete implements Store.
func (m *Memory) Complete(ctx context.Context, key, token string, done Completion) error {
	return m.change(ctx, key, token, func(entry) error {
		done.Value = bytes.Clone(done.Value)
		m.entries[key] = entry{token: token, until: done.Expires, done: &done}
		return nil
	})
}

// Release implements Store.
func (m *Memory) Release(ctx context.Context, key, token string) error {
	return m.change(ctx, key, token, func(held entry) error {
		if held.done != nil {
			return ErrLeaseLost
		}
		delete(m.entries, key)
		return nil
	})
}

// change calls do with the entry of a key, or a zero one, unless it is another token's.
func (m *Memory) change(ctx context.Context, key, token string, do func(entry) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	held, ok := m.entries[key]
	if ok && held.done != nil && !held.until.After(m.now()) {
		held, ok = entry{}, false // expired
	}
	if ok && held.token != token {
		return ErrLeaseLost
	}
	return do(held)
}

// live returns the entry of a key unless its time is over.
func (m *Memory) live(key string) (entry, bool) {
	held, ok := m.entries[key]
	return held, ok && held.until.After(m.now())
}
