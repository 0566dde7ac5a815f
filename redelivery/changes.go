package redelivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-go/troupe/batch"
)

const (
	maxEntries = 10 // of a call (SPEC V3)
	maxCalls   = 16 // under way at once (SPEC V3)
	callLimit  = 10 * time.Second
)

// changes makes the calls of a batch and counts what becomes of them.
type changes struct {
	client Visibility

	mu     sync.Mutex
	totals Totals
}

// call is the entries of one call.
type call struct {
	queue   string
	changes []Change
	groups  []int // of each entry; those of a group get a timeout together
}

// callsOf packs groups into calls. Groups that do not fit into one have several, one after the other in batch order: if
// one fails, those behind it in the group keep the timeout of the queue, which holds them back behind the earlier ones.
func callsOf(groups []*group) (sequences [][]call) {
	open := make(map[string]int) // by queue: the sequence whose one call has room
	for k, g := range groups {
		size := len(g.changes)
		if size > maxEntries {
			var sequence []call
			for from := 0; from < size; from += maxEntries {
				part := call{queue: g.queue}
				part.add(k, g.changes[from:min(from+maxEntries, size)])
				sequence = append(sequence, part)
			}
			sequences = append(sequences, sequence)
			continue
		}
		at, ok := open[g.queue]
		if !ok || len(sequences[at][0].changes)+size > maxEntries {
			at = len(sequences)
			open[g.queue] = at
			sequences = append(sequences, []call{{queue: g.queue}})
		}
		sequences[at][0].add(k, g.changes)
	}
	return sequences
}

func (c *call) add(group int, changes []Change) {
	for _, change := range changes {
		c.changes, c.groups = append(c.changes, change), append(c.groups, group)
	}
}

// run makes the calls for groups and returns when all have returned.
func (c *changes) run(ctx context.Context, groups []*group) {
	var (
		wait sync.WaitGroup
		free = make(chan struct{}, maxCalls)
	)
	for _, sequence := range callsOf(groups) {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			c.inSequence(ctx, sequence)
		})
	}
	wait.Wait()
}

// inSequence makes calls one after the other, up to the first that fails.
func (c *changes) inSequence(ctx context.Context, sequence []call) {
	halved := false
	for i := range sequence {
		next := &sequence[i]
		if halved {
			next.halve()
		}
		failed, err := c.make(ctx, next)
		if again := next.rejected(failed); again != nil && !halved {
			c.count(next.without(again, failed))
			again.halve()
			halved, next = true, again
			failed, err = c.make(ctx, next)
		}
		if err == nil {
			c.count(failed)
			err = errors.Join(failed...)
		} else {
			c.lost(ctx, len(next.changes), err)
		}
		if err != nil {
			for _, later := range sequence[i+1:] {
				c.lost(ctx, len(later.changes), err)
			}
			return
		}
	}
}

// make makes a call. failed has an error or nil for each entry.
func (c *changes) make(ctx context.Context, next *call) (failed []error, err error) {
	if ctx.Err() != nil {
		return nil, errNoTime
	}
	once, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	results := make(chan []error, 1)
	if err := batch.TryWithin(once.Done(), func() error {
		failed, err := c.client.ChangeVisibility(once, next.queue, next.changes)
		results <- failed
		return err
	}); err != nil {
		return nil, err
	}
	n := len(next.changes)
	switch failed := <-results; len(failed) {
	case 0:
		return make([]error, n), nil
	case n:
		return failed, nil
	default:
		return nil, fmt.Errorf("troupe: redelivery: a %T returned %d results for %d changes", c.client, len(failed), n)
	}
}

var errNoTime = errors.New("troupe: redelivery: there was no time left")

// halve halves the timeouts, in whole seconds.
func (c *call) halve() {
	for i := range c.changes {
		c.changes[i].Timeout = (c.changes[i].Timeout / 2).Truncate(time.Second)
	}
}

// rejected returns a call for the groups of which a timeout was rejected; nil if there are none.
func (c *call) rejected(failed []error) *call {
	groups := make(map[int]bool)
	for i, err := range failed {
		if errors.Is(err, ErrTimeout) {
			groups[c.groups[i]] = true
		}
	}
	if len(groups) == 0 {
		return nil
	}
	again := &call{queue: c.queue}
	for i, change := range c.changes {
		if groups[c.groups[i]] {
			again.add(c.groups[i], []Change{change})
		}
	}
	return again
}

// without returns the results of the entries whose groups are not called again.
func (c *call) without(again *call, failed []error) (rest []error) {
	groups := make(map[int]bool)
	for _, group := range again.groups {
		groups[group] = true
	}
	for i, err := range failed {
		if !groups[c.groups[i]] {
			rest = append(rest, err)
		}
	}
	return rest
}

// count counts the results of entries.
func (c *changes) count(failed []error) {
	for _, err := range failed {
		if err != nil {
			c.refused(1, err)
			continue
		}
		c.mu.Lock()
		c.totals.Changed++
		c.mu.Unlock()
	}
}

// lost counts entries of a call that failed as a whole, or was not made.
func (c *changes) lost(ctx context.Context, n int, err error) {
	if ctx.Err() != nil {
		c.late(n, err)
	} else {
		c.refused(n, err)
	}
}

func (c *changes) refused(n int, err error) { c.add(&c.totals.Refused, n, err) }
func (c *changes) late(n int, err error)    { c.add(&c.totals.Late, n, err) }

func (c *changes) add(to *int, n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*to += n
	if c.totals.Err == nil && n > 0 {
		c.totals.Err = err
	}
}

// How long calls continue after the invocation has been cancelled, and how long they take where there is no deadline.
const (
	observerGrace = 100 * time.Millisecond
	resortGrace   = 400 * time.Millisecond
	noDeadline    = 30 * time.Second
)

// bounded returns a context for calls until end, or soon after ctx has been cancelled; the cutoff does not end it.
func bounded(ctx context.Context, end time.Time, grace time.Duration) (context.Context, context.CancelFunc) {
	if end.IsZero() {
		end = time.Now().Add(noDeadline)
	}
	calls, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	stop := context.AfterFunc(ctx, func() {
		if context.Cause(ctx) != batch.ErrDeadline {
			time.AfterFunc(grace, cancel)
		}
	})
	return calls, func() { stop(); cancel() }
}

// leaveOf is when the calls of an observer end: shortly before the response leaves.
func leaveOf(ctx context.Context) (end time.Time) {
	if view, ok := batch.ViewFrom(ctx); ok && !view.Times.Leave.IsZero() {
		end = view.Times.Leave.Add(-view.Times.Deadline.Sub(view.Times.Leave) / 8)
	}
	return end
}
