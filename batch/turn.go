package batch

import (
	"context"
	"time"
)

// Turn is one attempt at a record for the packages that wrap handlers: they can read facts about the
// record and its batch, and add to its Result. Keep and Mark belong to the goroutine that called the
// handler; the other methods may be called from any goroutine.
//
// Functions use RecordFrom, MessageFrom, DeadlineFrom and Returning of package troupe; TurnFrom is for packages
// such as idempotency.
type Turn interface {
	// Record returns the record's identifier, group, source, index and attempt.
	Record() Record
	// Handling returns what the handler is called for.
	Handling() Handling
	// Times returns the instants of the batch.
	Times() Times
	// Message decodes the source's record, such as an events.SQSMessage, from the batch's own copy of it.
	Message() (any, error)
	// Raw returns the record's body, data or value as it arrived, as a copy, even of a record that cannot be decoded.
	// If that is empty or cannot be read, whole is true and raw is the JSON of the record, or nil if unknown.
	Raw() (raw []byte, whole bool)
	// FailedBefore reports whether an earlier record of the batch has finally failed by now, or will not start. A
	// stream is redelivered from there, including this record.
	FailedBefore() bool
	// Keep makes value the Value of the record's Result if this attempt is the one that counts and succeeds.
	Keep(value any)
	// Mark adds marks to the record's Result if this attempt is the one that counts.
	Mark(Marks)
}

// Handling is the unit for which a handler is called.
type Handling uint8

const (
	// EachRecord calls the handler once per attempt at a record.
	EachRecord Handling = iota
	// WholeBatch calls the handler once with all records of a batch, as package bulk does.
	WholeBatch
	// Fold calls the handler with a state that the batch carries, as package window does.
	Fold
)

// Times are the instants of a batch; each is zero if the invocation has no deadline (SPEC D1).
type Times struct {
	// Cutoff is when handlers' contexts end and nothing new starts.
	Cutoff time.Time
	// LastCall is when every record without an outcome is reported.
	LastCall time.Time
	// Leave is when the response is returned, even if observers and hooks are still running.
	Leave time.Time
	// Deadline is when Lambda ends the invocation.
	Deadline time.Time
}

// Marks are facts about how a record was handled, combined by |.
type Marks uint8

const (
	// Duplicate marks a record that succeeded because an earlier handling of it had completed.
	Duplicate Marks = 1 << iota
	// Unrecorded marks a record that succeeded although its completion could not be stored, so that a
	// redelivery repeats its work.
	Unrecorded
)

// TurnKey is the context key of the attempt. Only the contexts that troupe passes to handlers have a value for it.
type TurnKey struct{}

// TurnFrom returns the attempt that ctx belongs to: a context that troupe passed to a handler, to middleware or
// to a last resort, or one derived from it. ok is false for any other context.
func TurnFrom(ctx context.Context) (turn Turn, ok bool) {
	turn, ok = ctx.Value(TurnKey{}).(Turn)
	return turn, ok
}

// RecordFrom returns the record of a handler's or middleware's ctx; ok is false for any other context.
func RecordFrom(ctx context.Context) (rec Record, ok bool) {
	turn, ok := TurnFrom(ctx)
	if !ok {
		return Record{}, false
	}
	return turn.Record(), true
}

// View gives observers access to a batch beyond its report. A Report may be kept; the context of an observer, which
// contains the View, retains the records of the batch.
type View struct {
	// Times are the instants of the batch.
	Times Times
	// Message decodes record i of the batch.
	Message func(i int) (any, error)
}

type viewKey struct{}

// WithView returns a context for the observers of a batch.
func WithView(ctx context.Context, v *View) context.Context {
	return context.WithValue(ctx, viewKey{}, v)
}

// ViewFrom returns the View of an observer's context; ok is false for any other context.
func ViewFrom(ctx context.Context) (v *View, ok bool) {
	v, ok = ctx.Value(viewKey{}).(*View)
	return v, ok
}
