package supervisor

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

var (
	errNotBegun = errors.New("not begun")
	// errTooLate is the failure of an attempt whose record timeout passed before its handler was called.
	errTooLate = errors.New("troupe: no CPU was free to call the handler in that time")
	// errNoActor is the failure of a record that its actor did not take. No handler can cause it.
	errNoActor = errors.New("troupe: the record's actor has died")
)

// A slot is the messages.Owner of its attempts: their actors call it back, on its own goroutine.
var _ messages.Owner = (*slot)(nil)

// Handle calls the handler, unless its time has passed since the record was taken: a goroutine may wait for a CPU
// anywhere, even until the response has been returned. It does not check for a stop again: a record that was taken
// counts as started, since a later one may have started by now.
//
// Slots start one after the other, each when the handler of the previous one is called. If all slots started
// together, handlers would be called in any order, not in batch order.
func (t *slot) Handle(a *messages.Attempt) error {
	if a.Err() != nil {
		if t.ledger.in.handlersCtx.Err() != nil {
			return errNotBegun
		}
		return errTooLate // its record timeout has passed; its record may have been abandoned
	}
	if start := a.Batch.Start; start != nil {
		if t.handoff.refused = start(int(a.Index)); t.handoff.refused != nil {
			return errNotBegun
		}
	}
	t.startReserved()
	err := a.Batch.Handle(a)
	if err != nil {
		// Tell reads the handler's error. Its methods are user code, so a panic or a hang in them must be the
		// handler's.
		err = batch.Tell(err)
		t.handoff.final, t.handoff.drop = batch.IsPermanent(err), batch.IsDrop(err)
	}
	return err
}

// startReserved starts the slot that was reserved when the record was taken.
func (t *slot) startReserved() {
	if t.handoff.job.startSlot {
		t.handoff.job.startSlot = false
		t.ledger.startSlot()
	}
}

// Failed decides whether a failed attempt was the record's last, and if so calls the last resort (SPEC R4). The handoff
// has the error of the attempt from the start, since the last resort may end the goroutine.
func (t *slot) Failed(a *messages.Attempt, err error) {
	h := &t.handoff
	h.err = err
	if h.drop || err == errNotBegun {
		return
	}
	switch retries := t.ledger.cfg.Retry; {
	case context.Cause(a.Context) == batch.ErrRecordTimeout:
		h.err, h.final = batch.Because(batch.ErrRecordTimeout, err), true
	case h.final || err == batch.ErrGoexit || !wanted(retries, a, err):
		h.final = true
	default:
		h.backoff = backoffOf(retries, int(a.Number))
		h.final = !t.ledger.mayRetry(h.backoff)
	}
	if h.final && a.Batch.LastResort != nil && t.ledger.mayResort(a) {
		t.callLastResort(a)
	}
}

// callLastResort calls the last resort. If the last resort panics, the record fails with both errors. If it ends the
// goroutine, the record fails with the error that it had.
func (t *slot) callLastResort(a *messages.Attempt) {
	h, returned := &t.handoff, false
	batch.Try(func() error {
		result := a.Batch.LastResort(resortContext{t.ledger.in.handlersCtx, a}, a.Record(), h.err)
		returned = true
		return result
	}, func(result error) {
		switch {
		case result == batch.ErrGoexit && !returned: // the record fails with the error that it had
		case !returned:
			h.err = errors.Join(h.err, result)
		case result == nil:
			h.drop = true
		default:
			h.drop, h.err = batch.IsDrop(result), result
		}
	})
}

// resortContext is the handlers' context with the attempt as its turn, and without the attempt's record timeout: its
// cause is that of the handlers' context.
type resortContext struct {
	context.Context
	attempt *messages.Attempt
}

func (c resortContext) Value(key any) any {
	if key == (batch.TurnKey{}) {
		return c.attempt
	}
	return c.Context.Value(key)
}

// End records how the attempt ended. It returns its failure for the supervisor, or nil if it has not failed.
func (t *slot) End(a *messages.Attempt) *messages.AttemptFailed {
	h := &t.handoff
	if !t.ledger.attemptEnded(h) {
		return nil
	}
	return &messages.AttemptFailed{Attempt: a, Err: h.err, Final: h.final, Backoff: h.backoff}
}
