package messages

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe/batch"
)

var errHandler = errors.New("the handler's own error")

// An attempt is the handler's context, and knows its record from any context that derives from it.
func TestAnAttemptIsAContextThatKnowsItsRecord(t *testing.T) {
	type key struct{}
	b := &Batch{Source: batch.Kinesis, Results: []batch.Result{{ID: "a", Group: "g"}, {ID: "b", Group: "h"}}}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "value"))
	a := &Attempt{Shared: &Shared{Context: ctx, Batch: b}, Index: 1, Number: 2}
	want := batch.Record{ID: "b", Group: "h", Source: batch.Kinesis, Index: 1, Attempt: 2}
	assert.Equal(t, want, a.Record())
	child, stop := context.WithCancel(context.WithValue(a, key{}, "another"))
	defer stop()
	for _, c := range []context.Context{a, child} {
		rec, ok := batch.RecordFrom(c)
		assert.True(t, ok)
		assert.Equal(t, want, rec)
	}
	assert.Equal(t, "value", a.Value(key{}))
	assert.Nil(t, a.Value("unknown"))
	cancel(errHandler)
	assert.Equal(t, errHandler, context.Cause(a), "the cause comes through")
	assert.Equal(t, errHandler, context.Cause(child))
	_, ok := batch.RecordFrom(ctx)
	assert.False(t, ok)
}

// What packages around the handler add to an attempt is kept until it is booked.
func TestAnAttemptKeepsWhatIsAddedToIt(t *testing.T) {
	message := errors.New("no message")
	raw := func(i int) ([]byte, bool) { return []byte{byte(i)}, true }
	failed := func(i int) bool { return i == 0 }
	b := &Batch{Handling: batch.Fold, Times: batch.Times{Deadline: time.Unix(1, 0)}, Results: []batch.Result{{ID: "a"}},
		Message: func(i int) (any, error) { return i, message }, Raw: raw, FailedBefore: failed}
	var turn batch.Turn = &Attempt{Shared: &Shared{Context: t.Context(), Batch: b}}
	assert.Equal(t, batch.Fold, turn.Handling())
	assert.Equal(t, b.Times, turn.Times())
	value, err := turn.Message()
	assert.Equal(t, 0, value)
	assert.Equal(t, message, err)
	text, whole := turn.Raw()
	assert.Equal(t, []byte{0}, text)
	assert.True(t, whole)
	assert.True(t, turn.FailedBefore())
	turn.Keep("kept")
	turn.Mark(batch.Duplicate)
	turn.Mark(batch.Unrecorded)
	kept, marks := turn.(*Attempt).Left()
	assert.Equal(t, "kept", kept)
	assert.Equal(t, batch.Duplicate|batch.Unrecorded, marks)
}
