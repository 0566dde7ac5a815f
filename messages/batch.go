package messages

import (
	"context"

	"github.com/troupe-go/troupe/batch"
)

// Batch is the input of a batch supervisor: records by key, and a function to call.
type Batch struct {
	Source   batch.Source
	Handling batch.Handling
	// Results has one entry per record in batch order. ID is set, and Group where the batch is ordered, which may refer
	// to the event. The supervisor copies the groups and fills in the rest; nothing else may read Results until it
	// returns.
	Results []batch.Result
	// Ordered: records with the same Group are handled one at a time in batch order.
	Ordered bool
	// Barrier is the index of the first record whose group cannot be read; nothing after it may run (SPEC
	// D6). It is len(Results) if there is none.
	Barrier int
	// Policy determines how the failure of a record affects the others, unless a decider overrides it. It
	// is not Derive.
	Policy batch.Policy
	// Times are the instants of the batch.
	Times batch.Times
	// Handle hands the record of an attempt to the handler. The attempt is the handler's context. Called
	// by several goroutines at once.
	Handle func(*Attempt) error
	// Start, if not nil, is called before each attempt at record i. After an error the handler is not called, and
	// nothing more of the record's group starts. Called by several goroutines at once.
	Start func(i int) error
	// LastResort, if not nil, is called for a record that has failed for good, on the goroutine of its last
	// attempt; its result is the record's error, and nil drops the record. ctx is the handlers' context, which
	// answers for the attempt.
	LastResort func(ctx context.Context, rec batch.Record, err error) error
	// Message decodes the source's record i; any goroutine, any number of times.
	Message func(i int) (any, error)
	// Raw returns the payload of record i as it arrived, or the JSON of the whole record; like Message.
	Raw func(i int) (raw []byte, whole bool)
	// FailedBefore reports whether a record before record i has failed for good by now. The supervisor sets it.
	FailedBefore func(i int) bool
	// Failed, if not nil, is called once for each failed record. It must not block.
	Failed func(batch.Record, error)
	// Warn writes a line to the log, with alternating keys and values. It must not block.
	Warn func(text string, args ...any)
}

// Record returns the metadata of record index at the given attempt.
func (b *Batch) Record(index, attempt int) batch.Record {
	r := &b.Results[index]
	return batch.Record{ID: r.ID, Group: r.Group, Source: b.Source, Index: index, Attempt: attempt}
}

// Attempt asks a record or group actor to hand one record to the handler once, and is the context that the handler
// receives. Once it has been sent, only Keep and Mark change it.
//
// A batch has one for each record, so it is small: its rarely used parts are behind a pointer.
type Attempt struct {
	*Shared
	// Index is the record's, Number counts its attempts from 1.
	Index, Number int32

	left *left // the handler's goroutine's; nil if the handler has left nothing
}

// Shared is the part that the attempts of one goroutine share, unless they have contexts of their own.
type Shared struct {
	context.Context
	Batch *Batch
	// Owner makes the attempt: the actor handles its messages on the owner's goroutine.
	Owner Owner
}

// left is what a handler has left in its attempt.
type left struct {
	value any
	marks batch.Marks
}

// Owner is the slot for which an attempt is made. All methods are called on the goroutine that makes
// the attempt.
type Owner interface {
	// Handle calls the handler, unless the handlers' context has ended or Batch.Start refuses the attempt, and returns
	// its error as batch.Tell does.
	Handle(*Attempt) error
	// Failed is called before End with the error, panic or Goexit of an attempt that has failed. It decides which error the
	// attempt ends with, and whether it was the record's last. It may end the goroutine.
	Failed(*Attempt, error)
	// End records how the attempt ended. It returns the actor's failure, or nil if the actor has not failed: without a
	// call of Failed, if the record is dropped, if the handler was not called, and if the record was given up before.
	End(*Attempt) *AttemptFailed
}

var _ batch.Turn = (*Attempt)(nil)

// Record returns the metadata of the attempt's record.
func (a *Attempt) Record() batch.Record { return a.Batch.Record(int(a.Index), int(a.Number)) }

// Handling returns the unit for which the handler is called.
func (a *Attempt) Handling() batch.Handling { return a.Batch.Handling }

// Times returns the instants of the batch.
func (a *Attempt) Times() batch.Times { return a.Batch.Times }

// Message decodes the source's record.
func (a *Attempt) Message() (any, error) { return a.Batch.Message(int(a.Index)) }

// Raw returns the payload of the source's record, or its JSON.
func (a *Attempt) Raw() (raw []byte, whole bool) { return a.Batch.Raw(int(a.Index)) }

// FailedBefore reports whether an earlier record of the batch has failed for good by now.
func (a *Attempt) FailedBefore() bool { return a.Batch.FailedBefore(int(a.Index)) }

// Keep stores the value that the handler returned.
func (a *Attempt) Keep(value any) { a.leave().value = value }

// Mark adds marks to the record.
func (a *Attempt) Mark(m batch.Marks) { a.leave().marks |= m }

func (a *Attempt) leave() *left {
	if a.left == nil {
		a.left = new(left)
	}
	return a.left
}

// Left returns the value and the marks that the handler has stored.
func (a *Attempt) Left() (value any, marks batch.Marks) {
	if a.left == nil {
		return nil, 0
	}
	return a.left.value, a.left.marks
}

// Value returns the attempt to batch.TurnFrom, also from derived contexts.
func (a *Attempt) Value(key any) any {
	if key == (batch.TurnKey{}) {
		return a
	}
	return a.Context.Value(key)
}
