package lambdasim_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// counting is a function that carries the number of records it has seen through a window. Of a batch with a
// failure it counts what comes before.
func counting(fail func(n int, e event) int) *function {
	return &function{answer: func(n int, e event) (string, error) {
		var seen int
		if _, err := fmt.Sscanf(string(e.State), `{"seen":%d}`, &seen); err != nil && string(e.State) != "{}" {
			return "", err
		}
		count := len(e.Records)
		if fail != nil {
			count = fail(n, e)
		}
		response := fmt.Sprintf(`{"state":{"seen":%d},"batchItemFailures":[]}`, seen+count)
		if count < len(e.Records) {
			response = fmt.Sprintf(`{"state":{"seen":%d},"batchItemFailures":[{"itemIdentifier":%q}]}`, seen+count, e.ids()[count])
		}
		return response, nil
	}}
}

func windowed(n int, every time.Duration) *lambdasim.KinesisStream {
	stream := &lambdasim.KinesisStream{}
	stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{
		Count:  n,
		Record: func(i int) lambdasim.KinesisRecord { return lambdasim.KinesisRecord{PartitionKey: "key"} },
		At:     func(i int) time.Duration { return time.Duration(i) * every },
	})
	return stream
}

// A window of a minute gets its records in several batches, the state goes from one to the next, and the
// end is delivered with no records.
func TestTumblingWindowsCarryState(t *testing.T) {
	f := counting(nil)
	o := simulate(t, lambdasim.Simulation{
		Source: windowed(25, 5*time.Second), Handler: f,
		Mapping: lambdasim.Mapping{TumblingWindowInSeconds: 60, MaximumBatchingWindowInSeconds: 20, FunctionResponseTypes: reporting},
	})
	var finals []string
	for _, e := range f.events {
		if e.Final {
			finals = append(finals, string(e.State))
			if len(e.Records) > 0 {
				t.Errorf("the end of a window has %d records", len(e.Records))
			}
		}
	}
	if !slices.Equal(finals, []string{`{"seen":12}`, `{"seen":12}`, `{"seen":1}`}) {
		t.Errorf("windows end with %v", finals)
	}
	if at := o.instants(history.Invoked); !slices.Equal(at, []int{20, 45, 60, 60, 80, 105, 120, 120, 140, 180}) {
		t.Errorf("invoked at the seconds %v", at)
	}
	if !o.OK() {
		t.Error(o)
	}
}

// The end of a tumbling window ends the wait for more records.
func TestBatchesDoNotWaitBeyondTheirTumblingWindow(t *testing.T) {
	o := simulate(t, lambdasim.Simulation{
		Source: windowed(3, 20*time.Second), Handler: counting(nil),
		Mapping: lambdasim.Mapping{TumblingWindowInSeconds: 60, MaximumBatchingWindowInSeconds: 100, FunctionResponseTypes: reporting},
	})
	if at := o.instants(history.Invoked); !slices.Equal(at, []int{60, 60}) || !slices.Equal(o.sizes(), []int{3, 0}) {
		t.Errorf("batches of %v at the seconds %v", o.sizes(), at)
	}
}

// A partial response beside a state: the state covers what comes before the lowest reported record.
func TestWindowsGoOnAfterAPartialResponse(t *testing.T) {
	f := counting(func(n int, e event) int {
		if n == 1 {
			return 2
		}
		return len(e.Records)
	})
	stream := kinesisOf(5)
	o := simulate(t, lambdasim.Simulation{
		Source: stream, Handler: f, Mapping: lambdasim.Mapping{TumblingWindowInSeconds: 60, FunctionResponseTypes: reporting},
	})
	if last := f.events[len(f.events)-1]; !last.Final || string(last.State) != `{"seen":5}` || !slices.Equal(o.sizes(), []int{5, 3, 0}) {
		t.Errorf("batches of %v; the window ends with %s", o.sizes(), last.State)
	}
}

// A response without a state is a failure of the whole batch, and so is an error; the state stays as it was.
func TestWindowsNeedAState(t *testing.T) {
	for name, answer := range map[string]func() (string, error){
		"no state": func() (string, error) { return `{"batchItemFailures":[]}`, nil },
		"an error": func() (string, error) { return "", errors.New("no") },
	} {
		count := counting(nil)
		f := &function{answer: func(n int, e event) (string, error) {
			if n == 1 || n == 3 {
				return answer()
			}
			return count.answer(n, e)
		}}
		o := simulate(t, lambdasim.Simulation{Source: kinesisOf(5), Handler: f, Mapping: lambdasim.Mapping{TumblingWindowInSeconds: 60}})
		want := []int{5, 5, 0, 0}
		if name == "no state" { // the end needs none
			want = []int{5, 5, 0}
		}
		if last := f.events[len(f.events)-1]; !slices.Equal(o.sizes(), want) || string(last.State) != `{"seen":5}` {
			t.Errorf("%s: batches of %v, the window ends with %s", name, o.sizes(), last.State)
		}
	}
}

// A state of more than a megabyte ends the window early, and it goes on with none.
func TestLargeStateEndsAWindowEarly(t *testing.T) {
	f := &function{answer: func(n int, e event) (string, error) {
		if n == 1 {
			return `{"state":"` + strings.Repeat("x", 1<<20) + `"}`, nil
		}
		return `{"state":{"n":` + fmt.Sprint(n) + `}}`, nil
	}}
	simulate(t, lambdasim.Simulation{
		Source: windowed(2, 10*time.Second), Handler: f, Mapping: lambdasim.Mapping{TumblingWindowInSeconds: 60, FunctionResponseTypes: reporting},
	})
	var told []string
	for _, e := range f.events {
		told = append(told, fmt.Sprintf("%d %v %v %.4s", len(e.Records), e.Final, e.Early, e.State))
	}
	if !slices.Equal(told, []string{"1 false false {}", `0 true true "xxx`, "1 false false {}", `0 true false {"n"`}) {
		t.Errorf("%v", told)
	}
}

// When the function never takes the end of a window, the retries run out and the window is given up.
func TestTheEndOfAWindowIsTriedAsOftenAsABatch(t *testing.T) {
	o := simulate(t, lambdasim.Simulation{
		Source: kinesisOf(1), Mapping: lambdasim.Mapping{TumblingWindowInSeconds: 60, MaximumRetryAttempts: new(2)},
		Handler: &function{answer: func(n int, e event) (string, error) {
			if e.Final {
				return "", errors.New("no")
			}
			return `{"state":{}}`, nil
		}},
	})
	if !slices.Equal(o.sizes(), []int{1, 0, 0, 0}) || !o.OK() {
		t.Errorf("batches of %v: %v", o.sizes(), o)
	}
}
