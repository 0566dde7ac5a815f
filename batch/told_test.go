package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counting is an error that counts the calls of its methods.
type counting struct{ calls *int }

func (c counting) Error() string    { *c.calls++; return "counted" }
func (c counting) Unwrap() error    { *c.calls++; return Drop(errHandler) }
func (c counting) Is(error) bool    { *c.calls++; return false }
func (c counting) As(any) bool      { *c.calls++; return false }
func (c counting) String() string   { *c.calls++; return "" }
func (c counting) GoString() string { *c.calls++; return "" }

// What a handler's error says is read once. After that none of its methods is called, whoever reads the error.
func TestTheMethodsOfAnErrorAreCalledOnce(t *testing.T) {
	calls := 0
	err := Tell(counting{&calls})
	assert.Equal(t, 2, calls, "Error and Unwrap")
	results := []Result{{ID: "a", Err: err}, {ID: "b", Err: Because(ErrDeadline, err)}}
	batch := BatchErrorOf(results)
	for _, text := range []string{err.Error(), Text(err), batch.Error(), fmt.Sprint(batch.Failed[1]), fmt.Sprintf("%v", batch), results[1].Err.Error(), TypeName(err), fmt.Sprint(Words(err))} {
		assert.NotEmpty(t, text)
	}
	assert.True(t, IsDrop(err))
	_, failure := json.Marshal(Report{Records: results})
	require.NoError(t, failure)
	assert.Same(t, err, Tell(err), "again")
	assert.Equal(t, 2, calls)
	assert.Equal(t, "batch.counting", TypeName(err))
	assert.ErrorIs(t, err, errHandler, "it is in reach, by its own methods")
}

// Errors whose methods are known stay as they are: they can be compared with ==.
func TestErrorsOfTheStandardLibraryStayAsTheyAre(t *testing.T) {
	panicked := error(nil)
	Try(func() error { panic(errHandler) }, func(err error) { panicked = err })
	for _, err := range []error{
		nil, errHandler, io.EOF, context.Canceled, context.DeadlineExceeded, ErrGoexit, &DecodeError{},
		fmt.Errorf("a: %w", io.EOF), fmt.Errorf("%w, %w", io.EOF, errHandler), errors.Join(io.EOF, errHandler),
		Permanent(io.EOF), Drop(fmt.Errorf("b: %w", io.EOF)), Because(ErrDeadline, io.EOF), panicked,
		&RecordError{Err: io.EOF}, &EventError{io.EOF},
	} {
		assert.Equal(t, err, Tell(err))
		if _, told := Tell(err).(*told); told {
			t.Errorf("%T is reported", err)
		}
	}
	for _, err := range []error{
		&wrapper{}, fmt.Errorf("a: %w", &wrapper{}), errors.Join(io.EOF, &wrapper{}), Drop(&wrapper{}), Because(ErrDeadline, &wrapper{}),
		&PanicError{Value: yes{}}, endless(0), bush(0),
	} {
		assert.IsType(t, (*told)(nil), Tell(err), "%T", err)
	}
	long := strings.Repeat("x", 1<<20)
	assert.Less(t, len(Tell(&wrapped{long}).Error()), 5000)
}

type wrapped struct{ text string }

func (w *wrapped) Error() string { return w.text }

// leaver is an error whose text ends the goroutine.
type leaver struct{}

func (leaver) Error() string { runtime.Goexit(); return "" }

// However a function ends, and whatever its error or its panic is like, its end is reported once.
func TestTryTellsEveryEnd(t *testing.T) {
	for name, c := range map[string]struct {
		f    func() error
		is   error
		text string
	}{
		"nil":                       {func() error { return nil }, nil, ""},
		"an error":                  {func() error { return errHandler }, errHandler, errHandler.Error()},
		"an error that panics":      {func() error { return falling{} }, nil, "falling"},
		"an error that leaves":      {func() error { return leaver{} }, ErrGoexit, ErrGoexit.Error()},
		"a panic":                   {func() error { panic("p") }, ErrPanic, "troupe: handler panicked: p"},
		"a panic with an error":     {func() error { panic(errHandler) }, errHandler, "troupe: handler panicked: " + errHandler.Error()},
		"a panic with what leaves":  {func() error { panic(leaver{}) }, ErrPanic, "troupe: handler panicked: a batch.leaver that cannot be printed"},
		"a panic with nil pointer":  {func() error { panic((*wrapper)(nil)) }, ErrPanic, "troupe: handler panicked: a nil *batch.wrapper as an error"},
		"Goexit":                    {func() error { runtime.Goexit(); return nil }, ErrGoexit, ErrGoexit.Error()},
		"a nil pointer as an error": {func() error { return (*wrapper)(nil) }, (*wrapper)(nil), "troupe: the handler returned a nil *batch.wrapper as its error, which is an error and not nil"},
	} {
		t.Run(name, func(t *testing.T) {
			var told []error
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				Try(c.f, func(err error) { told = append(told, err) })
			}()
			<-ended
			require.Len(t, told, 1)
			for _, err := range append(told, TryWithin(nil, c.f)) {
				if c.text == "" {
					require.NoError(t, err)
					continue
				}
				require.EqualError(t, err, c.text)
				if c.is != nil {
					assert.ErrorIs(t, err, c.is)
				}
			}
		})
	}
	done := make(chan struct{})
	close(done)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		assert.Equal(t, ErrAbandoned, TryWithin(done, func() error { <-release; return nil }))
		close(release)
	})
}

// hanging is an error whose text does not come.
type hanging struct{ release chan struct{} }

func (h hanging) Error() string { <-h.release; return "at last" }

// Text waits for a moment. After some that never came it does not ask any more, until they have.
func TestTextDoesNotWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging{make(chan struct{})}
		began := time.Now()
		for range maxAbandonedTexts + 100 {
			assert.Equal(t, "a batch.hanging whose Error method does not return", Text(h))
		}
		assert.Equal(t, maxAbandonedTexts*textMoment, time.Since(began))
		assert.Equal(t, "a batch.leaver whose Error method does not return", Text(leaver{}))
		close(h.release)
		synctest.Wait()
		assert.Zero(t, abandonedTexts.Load())
		assert.Equal(t, "at last", Text(h))
	})
}

// A value that holds itself: a text, and a process that lives.
func TestAPanicWithAValueThatHoldsItselfHasAText(t *testing.T) {
	m := map[string]any{}
	m["self"] = m
	for _, err := range []error{&PanicError{Value: m}, TryWithin(nil, func() error { panic(m) })} {
		assert.Contains(t, err.Error(), "troupe: handler panicked: map[self:map[self:")
		assert.Less(t, len(err.Error()), 1200)
	}
}
