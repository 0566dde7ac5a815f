package batch

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errHandler = errors.New("the handler's own error")

var reasons = []Reason{
	ErrEvent, ErrPanic, ErrGoexit, ErrUndecodable, ErrRecordTimeout, ErrDeadline, ErrCancelled, ErrAbandoned, ErrNotStarted, ErrStopped, ErrGroupStopped, ErrDeadLettered,
}

// SPEC S1: every reason is an error of its own, with a text of its own.
func TestEveryReasonIsAnErrorOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range reasons {
		assert.Regexp(t, "^troupe: [a-z]", r.Error())
		assert.False(t, seen[r.Error()], r.Error())
		seen[r.Error()] = true
		for _, other := range reasons {
			assert.Equal(t, r == other, errors.Is(r, other))
			assert.Equal(t, r == other, errors.Is(fmt.Errorf("wrapped: %w", r), other))
		}
	}
	assert.Len(t, reasonTexts, len(reasons)+1, "the list above is the whole list")
	assert.Equal(t, "troupe: reason 0", Reason(0).Error())
	assert.Equal(t, "troupe: reason 200", Reason(200).Error())
	last := ErrDeadLettered
	assert.Equal(t, fmt.Sprint("troupe: reason ", int(last)+1), (last + 1).Error(), "one more than there are")
	assert.Empty(t, (last + 1).Word())
}

// SPEC S1: a reason with a cause is found by either.
func TestBecauseMatchesReasonAndCause(t *testing.T) {
	for _, c := range []struct {
		err   error
		text  string
		is    []error
		isNot []error
	}{
		{Because(ErrDeadline, errHandler), "troupe: invocation deadline is near: the handler's own error", []error{ErrDeadline, errHandler}, []error{ErrCancelled}},
		{Because(ErrNotStarted, ErrStopped), "troupe: not started: the batch was stopped by an earlier failure", []error{ErrNotStarted, ErrStopped}, []error{ErrGroupStopped}},
		{Because(ErrAbandoned, ErrRecordTimeout), "troupe: handler did not return in time and was abandoned: record timeout", []error{ErrAbandoned, ErrRecordTimeout}, []error{ErrDeadline}},
		{Because(ErrDeadline, &PanicError{Value: errHandler}), "troupe: invocation deadline is near: handler panicked: the handler's own error", []error{ErrDeadline, ErrPanic, errHandler}, []error{ErrGoexit}},
		{Because(ErrEvent, nil), "troupe: event cannot be processed", []error{ErrEvent}, nil},
		{Because(ErrEvent, errHandler), "troupe: event cannot be processed: the handler's own error", []error{ErrEvent, errHandler}, []error{ErrStopped}},
	} {
		assert.EqualError(t, c.err, c.text)
		for _, target := range c.is {
			assert.ErrorIs(t, c.err, target, c.text)
		}
		for _, target := range c.isNot {
			assert.NotErrorIs(t, c.err, target, c.text)
		}
	}
	var p *PanicError
	require.ErrorAs(t, Because(ErrDeadline, &PanicError{Value: 7}), &p)
	assert.Equal(t, 7, p.Value)
}

// SPEC S1: a panic keeps its value and is found by it if it is an error.
func TestAPanicErrorIsItsValue(t *testing.T) {
	assert.EqualError(t, &PanicError{Value: 7}, "troupe: handler panicked: 7")
	assert.ErrorIs(t, &PanicError{Value: 7}, ErrPanic)
	assert.NotErrorIs(t, &PanicError{Value: 7}, ErrGoexit)
	assert.NoError(t, errors.Unwrap(&PanicError{Value: 7}))
	assert.ErrorIs(t, &PanicError{Value: errHandler}, errHandler)
}

// SPEC S9: a decode error tells the place, as far as it is known.
func TestADecodeErrorTellsThePlace(t *testing.T) {
	for want, e := range map[string]*DecodeError{
		"troupe: record cannot be decoded":                                                                     {Offset: -1},
		"troupe: record cannot be decoded: kinesis.data":                                                       {Field: "kinesis.data", Offset: -1},
		"troupe: record cannot be decoded: not base64":                                                         {Problem: "not base64", Offset: -1},
		"troupe: record cannot be decoded: kinesis.data: not base64 (at byte 17 of the record)":                {Field: "kinesis.data", Problem: "not base64", Offset: 17},
		"troupe: record cannot be decoded: body: number where a string was expected (at byte 0 of the record)": {Field: "body", Problem: "number where a string was expected"},
	} {
		assert.EqualError(t, e, want)
		assert.ErrorIs(t, e, ErrUndecodable)
		assert.NotErrorIs(t, e, ErrEvent)
	}
}

// SPEC P6: Permanent marks an error, which is still itself.
func TestPermanentMarksAnError(t *testing.T) {
	assert.NoError(t, Permanent(nil))
	marked := Permanent(errHandler)
	assert.EqualError(t, marked, errHandler.Error())
	assert.ErrorIs(t, marked, errHandler)
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errHandler, false},
		{marked, true},
		{fmt.Errorf("outer: %w", marked), true},
		{errors.Join(errHandler, marked), false},
		{errors.Join(marked, &DecodeError{}), true},
		{Permanent(marked), true},
		{&DecodeError{}, true},
		{&PanicError{Value: marked}, true},
		{ErrUndecodable, false},
	} {
		assert.Equal(t, c.want, IsPermanent(c.err), "%v", c.err)
	}
}

// SPEC S2: until something says otherwise a record has failed.
func TestTheZeroOutcomeIsFailed(t *testing.T) {
	var r Result
	assert.Equal(t, Failed, r.Outcome)
	assert.Equal(t, []string{"failed", "succeeded", "dropped", "failed"}, []string{Failed.String(), Succeeded.String(), Dropped.String(), Outcome(9).String()})
	assert.Equal(t, []string{"derive", "continue", "stop-group", "stop-batch", "policy 4"}, []string{Derive.String(), Continue.String(), StopGroup.String(), StopBatch.String(), Policy(4).String()})
}
