package batch

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

// yes is an error that is everything that it is asked for.
type yes struct{}

func (yes) Error() string   { return "yes" }
func (yes) Is(error) bool   { return true }
func (yes) As(any) bool     { return true }
func (yes) Timeout() bool   { return true }
func (yes) Temporary() bool { return true }

// wrapper is an error type of the user's.
type wrapper struct{ next error }

func (w *wrapper) Error() string { return "wrapper" }
func (w *wrapper) Unwrap() error { return w.next }

// several is an error type of the user's with branches.
type several []error

func (s several) Error() string   { return "several" }
func (s several) Unwrap() []error { return s }

// endless is a chain without an end.
type endless int

func (endless) Error() string   { return "endless" }
func (e endless) Unwrap() error { return e + 1 }

// bush has more branches than there is time for.
type bush int

func (bush) Error() string     { return "bush" }
func (b bush) Unwrap() []error { return []error{b + 1, b + 1} }

type falling struct{}

func (falling) Error() string { return "falling" }
func (falling) Unwrap() error { panic("Unwrap panics") }

// SPEC S1, S2: a mark in one branch of an error says nothing of the other branches.
func TestAMarkInOneBranchSaysNothingOfTheOthers(t *testing.T) {
	failure := errors.New("charge failed")
	circle := &wrapper{}
	circle.next = circle
	long := error(Drop(failure))
	for range 2 * maxLinks {
		long = &wrapper{long}
	}
	var typedNil *wrapper
	for _, mark := range []struct {
		name string
		put  func(error) error
		is   func(error) bool
	}{{"Drop", Drop, IsDrop}, {"Permanent", Permanent, IsPermanent}} {
		m := mark.put(errors.New("audit"))
		for name, c := range map[string]struct {
			err  error
			want bool
		}{
			"nil":                           {nil, false},
			"another error":                 {failure, false},
			"marked":                        {m, true},
			"wrapped":                       {fmt.Errorf("outer: %w", m), true},
			"wrapped by a type":             {&wrapper{&wrapper{m}}, true},
			"around a join":                 {mark.put(errors.Join(failure, failure)), true},
			"joined with a failure":         {errors.Join(m, failure), false},
			"a failure joined with it":      {errors.Join(failure, m), false},
			"two %w":                        {fmt.Errorf("%w, and %w", m, failure), false},
			"two %w, the other way":         {fmt.Errorf("%w, and %w", failure, m), false},
			"wrapped join with a failure":   {fmt.Errorf("outer: %w", errors.Join(m, failure)), false},
			"a join within a join":          {errors.Join(m, errors.Join(m, failure)), false},
			"joined with what it marks":     {errors.Join(m, m), true},
			"joined alone":                  {errors.Join(m), true},
			"joined with nothing":           {several{nil, m, nil}, true},
			"a join of nothing":             {several{}, false},
			"a join of nils":                {several{nil}, false},
			"two %w, each marked":           {fmt.Errorf("%w, and %w", m, mark.put(failure)), true},
			"a chain with a join":           {&wrapper{several{m, &wrapper{m}}}, true},
			"is everything":                 {yes{}, false},
			"joined with what is all":       {errors.Join(m, yes{}), false},
			"a circle":                      {circle, false},
			"around a circle":               {mark.put(circle), true},
			"joined with a circle":          {errors.Join(m, circle), false},
			"a chain without an end":        {endless(0), false},
			"branches without an end":       {bush(0), false},
			"joined with one without end":   {errors.Join(m, bush(0)), false},
			"Unwrap panics":                 {falling{}, false},
			"joined with one that panics":   {errors.Join(m, falling{}), false},
			"a typed nil":                   {typedNil, false},
			"joined with a typed nil":       {errors.Join(m, typedNil), false},
			"a typed nil panic":             {(*PanicError)(nil), false},
			"behind a reason of troupe's":   {Because(ErrDeadline, m), true},
			"a reason":                      {ErrDeadline, false},
			"joined with the reason of it":  {errors.Join(ErrDeadline, m), false},
			"behind more than is looked at": {long, false},
		} {
			assert.Equal(t, c.want, mark.is(c.err), "%s: %s", mark.name, name)
		}
	}
	assert.False(t, IsDrop(&PanicError{Value: Drop(failure)}), "a panic is a failure")
}

// The same for reasons: they are used in reports, metrics and logs.
func TestAReasonInOneBranchSaysNothingOfTheOthers(t *testing.T) {
	undecodable := &DecodeError{Offset: -1}
	for _, c := range []struct {
		err  error
		want []string
	}{
		{errors.Join(undecodable, errors.New("x")), []string{"error"}},
		{errors.Join(undecodable, fmt.Errorf("y: %w", undecodable)), []string{"undecodable"}},
		{errors.Join(Because(ErrDeadline, undecodable), undecodable), []string{"undecodable"}},
		{yes{}, []string{"error"}},
		{&PanicError{Value: ErrNotStarted}, []string{"panic"}},
		{&PanicError{Value: yes{}}, []string{"panic"}},
		{Because(ErrDeadline, fmt.Errorf("z: %w", ErrRecordTimeout)), []string{"record_timeout", "deadline"}},
		{Because(ErrEvent, ErrNotStarted), []string{"event"}},
		{bush(0), []string{"error"}},
		{Reason(200), []string{"error"}},
	} {
		assert.Equal(t, c.want, Words(c.err), "%v", c.err)
	}
}

// Cause takes off what troupe put in front, and nothing else.
func TestTheCauseIsWhatTroupeDidNotPutThere(t *testing.T) {
	for _, c := range []struct {
		err     error
		reasons []Reason
		cause   error
	}{
		{nil, nil, nil},
		{errHandler, nil, errHandler},
		{ErrDeadline, []Reason{ErrDeadline}, nil},
		{Because(ErrDeadline, errHandler), []Reason{ErrDeadline}, errHandler},
		{Because(ErrDeadline, Because(ErrRecordTimeout, errHandler)), []Reason{ErrDeadline, ErrRecordTimeout}, errHandler},
		{Because(ErrNotStarted, ErrStopped), []Reason{ErrNotStarted, ErrStopped}, nil},
		{&wrapper{ErrDeadline}, nil, &wrapper{ErrDeadline}},
	} {
		reasons, cause := Cause(c.err)
		assert.Equal(t, c.reasons, reasons, "%v", c.err)
		assert.Equal(t, c.cause, cause, "%v", c.err)
	}
}

// An Unwrap that ends the goroutine ends it: that is for the caller to contain, as of any call of the user's.
type leaving struct{}

func (leaving) Error() string { return "leaving" }
func (leaving) Unwrap() error { runtime.Goexit(); return nil }

func TestAnUnwrapThatEndsTheGoroutineIsNoMark(t *testing.T) {
	marked, ended := false, make(chan struct{})
	go func() {
		defer close(ended)
		marked = IsDrop(errors.Join(Drop(errHandler), leaving{}))
	}()
	<-ended
	assert.False(t, marked)
}

// A nil pointer as an error is an error. It can be found by comparison, and nothing calls its methods.
func TestANilPointerAsAnErrorIsNamed(t *testing.T) {
	var pointer *wrapper
	err := Tell(pointer)
	assert.EqualError(t, err, "troupe: the handler returned a nil *batch.wrapper as its error, which is an error and not nil")
	assert.ErrorIs(t, err, pointer)
	assert.NotErrorIs(t, err, several{}, "which cannot be compared")
	assert.NotErrorIs(t, err, (*PanicError)(nil))
	assert.False(t, IsDrop(err))
	assert.EqualError(t, Tell(several(nil)), "several", "a nil slice or map may serve as an error")
}
