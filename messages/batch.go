package messages

import "context"

// Batch is what a batch supervisor is given: records by key, and a function to call.
type Batch struct {
	Source Source
	// Results has one entry per record in batch order. ID is set, and Group where the batch is ordered.
	// The supervisor fills in the rest; until it returns nobody else may look at it.
	Results []Result
	// Ordered: records with the same Group are handled one at a time in batch order.
	Ordered bool
	// Barrier is the index of the first record whose group cannot be read; nothing after it may run (SPEC
	// D6). It is len(Results) if there is none.
	Barrier int
	// Policy is what the failure of a record means for the others, if no decider says otherwise.
	Policy Directive
	// Handle hands the record of an attempt to the handler. The attempt is the handler's context. Called
	// by several goroutines at once.
	Handle func(*Attempt) error
	// Failed, if not nil, is told of each failed record once. It must not block.
	Failed func(Record, error)
	// Warn is for what is worth telling: a line for the log, with alternating keys and values. It must not
	// block.
	Warn func(text string, args ...any)
}

// Record returns what is known of record index at the given attempt.
func (b *Batch) Record(index, attempt int) Record {
	r := &b.Results[index]
	return Record{ID: r.ID, Group: r.Group, Source: b.Source, Index: index, Attempt: attempt}
}

// Ended is what an attempt came to, as far as the goroutine that made it is concerned.
type Ended uint8

const (
	// NotBegun: the handlers' context ended before the handler was called.
	NotBegun Ended = iota
	// Done: the handler returned nil in time.
	Done
	// Broken: the attempt failed, and the supervisor has been told.
	Broken
	// Late: the record had been reported by the time the handler ended.
	Late
)

// Attempt asks a record or group actor to hand one record to the handler once, and is the context that
// the handler gets. An attempt is made by one goroutine.
type Attempt struct {
	context.Context
	Batch *Batch
	// Index is the record's, Number counts its attempts from 1.
	Index, Number int32
	// Ended and Final belong to the goroutine that makes the attempt, until it has failed; then to the
	// supervisor. Final: this error must not be retried in place.
	Ended Ended
	Final bool
	// Drop, like Final: the handler's error says to leave the record out.
	Drop bool
	// More: as this attempt begins, another slot is to be put to work.
	More bool
	// Next is the record that the slot goes on with, if it was taken as this attempt was booked. It is 0 if
	// that has not been tried, and negative if there was none.
	Next int32
}

// Record returns what is known of the attempt's record.
func (a *Attempt) Record() Record { return a.Batch.Record(int(a.Index), int(a.Number)) }

type attemptKey struct{}

// Value gives RecordFrom its way to the attempt, also from contexts derived from it.
func (a *Attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// RecordFrom returns the record whose handler, or middleware, ctx was given to; ok is false for any other
// context.
func RecordFrom(ctx context.Context) (rec Record, ok bool) {
	a, ok := ctx.Value(attemptKey{}).(*Attempt)
	if !ok {
		return Record{}, false
	}
	return a.Record(), true
}
