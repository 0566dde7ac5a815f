package messages

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe/batch"
)

var errHandler = errors.New("the handler's own error")

// An attempt is the handler's context, and knows its record from any context that derives from it.
func TestAnAttemptIsAContextThatKnowsItsRecord(t *testing.T) {
	type key struct{}
	b := &Batch{Source: batch.Kinesis, Results: []batch.Result{{ID: "a", Group: "g"}, {ID: "b", Group: "h"}}}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "value"))
	a := &Attempt{Context: ctx, Batch: b, Index: 1, Number: 2}
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
