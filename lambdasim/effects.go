package lambdasim

import (
	"context"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// Work notes that the work with that key has just been done for the record with that identifier: the message was sent,
// the row was written. It is for handlers that WatchKey watches, and is called where the effect happens and not for a
// duplicate that is skipped. Unlike the end of a handler it counts whenever it happens, after a timeout too.
func Work(ctx context.Context, id, key string) {
	note(ctx, history.Event{Kind: history.Worked, Record: id, Detail: key})
}

// LeaseLost notes that the claim on the work with that key was lost before the work was completed, so that it may be
// done again.
func LeaseLost(ctx context.Context, key string) {
	note(ctx, history.Event{Kind: history.LeaseLost, Detail: key})
}

// Unrecorded notes that the work with that key has been done and could not be recorded as such, so that it may be done
// again.
func Unrecorded(ctx context.Context, key string) {
	note(ctx, history.Event{Kind: history.Unrecorded, Detail: key})
}

// Lapsed notes that what was recorded of the work with that key has expired, so that it may be done again.
func Lapsed(ctx context.Context, key string) {
	note(ctx, history.Event{Kind: history.Lapsed, Detail: key})
}

// note adds an event, whatever has become of its invocation.
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
