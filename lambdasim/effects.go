package lambdasim

import (
	"context"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// Work records that the work of a key has just been done for a record: the message was sent, the row was written.
// Handlers watched by WatchKey call it where the effect happens, and not for a skipped duplicate. Unlike the end
// of a handler, it counts at any time, even after a timeout.
func Work(ctx context.Context, id, key string) {
	note(ctx, history.Event{Kind: history.Worked, Record: id, Detail: key})
}

// LeaseLost records that the claim on the work of a key was lost before the work was completed, so that it may be done
// again.
func LeaseLost(ctx context.Context, key string) {
	note(ctx, history.Event{Kind: history.LeaseLost, Detail: key})
}

// Unrecorded records that the work of a key was done but its completion could not be stored, so that it may be done
// again.
func Unrecorded(ctx context.Context, key string) {
	note(ctx, history.Event{Kind: history.Unrecorded, Detail: key})
}

// Lapsed records that the stored completion of the work of a key has expired, so that it may be done again.
func Lapsed(ctx context.Context, key string) {
	note(ctx, history.Event{Kind: history.Lapsed, Detail: key})
}

// note adds an event, even if its invocation has ended.
func note(ctx context.Context, e history.Event) {
	if inv := invocationOf(ctx); inv != nil && e.Detail != "" {
		e.Invocation = inv.number
		inv.log.mu.Lock()
		defer inv.log.mu.Unlock()
		if e.Record != "" {
			e.Record = inv.known(e.Record)
		}
		inv.log.put(e)
	}
}
