package model

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

// batch is an ordered batch of records written as "group:act,act", with nothing to stop it.
func batch(records ...string) Batch {
	b := Batch{Ordered: true, Concurrency: 1, Left: Never, Cancel: Never}
	b.Directive = func(int, Why) Directive { return Continue }
	b.Backoff = func(attempt int) time.Duration { return time.Duration(attempt) * 100 * ms }
	for _, text := range records {
		group, acts, _ := strings.Cut(text, ":")
		record := Record{Group: group}
		for _, name := range strings.Split(acts, ",") {
			act := Act{For: 10 * ms}
			name, act.Deaf = strings.CutPrefix(name, "deaf-")
			switch name {
			case "ok":
			case "slow":
				act.For = 1000 * ms
			case "fail":
				act.Do = Fail
			case "permanent":
				act.Do = FailForGood
			case "panic":
				act.Do = Panic
			case "exit":
				act.Do = Goexit
			case "hang":
				act.Do = Hang
			case "undecodable":
				act.Do = Undecodable
			case "drop":
				act.Do = Drop
			default:
				panic(name)
			}
			record.Acts = append(record.Acts, act)
		}
		b.Records = append(b.Records, record)
	}
	return b
}

func (b Batch) with(change func(*Batch)) Batch {
	change(&b)
	return b
}

// ungrouped has the group of record i be unknown.
func ungrouped(i int) func(*Batch) { return func(b *Batch) { b.Records[i].Ungrouped = true } }

func always(d Directive) func(int, Why) Directive { return func(int, Why) Directive { return d } }

func one(t *testing.T, b Batch) Answer {
	t.Helper()
	answers := slices.Collect(Answers(b))
	if len(answers) != 1 {
		t.Fatalf("%d answers, want 1", len(answers))
	}
	return answers[0]
}

// told writes an answer as "attempts as record@start-end in milliseconds | results".
func told(a Answer) string {
	var attempts, results []string
	for _, at := range a.Attempts {
		attempts = append(attempts, fmt.Sprintf("%d@%d-%d", at.Record, at.Start/ms, at.End/ms))
	}
	for _, result := range a.Results {
		results = append(results, result.Why.String())
	}
	return strings.Join(attempts, " ") + " | " + strings.Join(results, " ")
}

// The cases were worked out by hand from the SPEC, rule by rule.
func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    Batch
		want string
	}{
		{"P1: everything else goes on", batch("a:fail", "a:ok", "b:ok"),
			"0@0-10 1@10-20 2@20-30 | error ok ok"},
		{"P2: nothing new starts", batch("a:ok", "b:fail", "a:ok").with(func(b *Batch) { b.Directive = always(Stop) }),
			"0@0-10 1@10-20 | ok error not started+stopped"},
		{"P2: what runs may finish and counts", batch("a:fail", "b:deaf-slow", "c:slow", "d:ok").with(func(b *Batch) {
			b.Directive, b.Concurrency = always(Stop), 3
			b.Records[2].Acts[0].Do = Fail
			b.Records[2].Acts[0].For = 500 * ms
		}),
			"0@0-10 1@0-1000 2@0-500 | error ok error not started+stopped"},
		{"P3: the group stops, others go on", batch("a:fail", "b:ok", "a:ok", "b:ok").with(func(b *Batch) { b.Directive = always(StopGroup) }),
			"0@0-10 1@10-20 3@20-30 | error ok not started+group stopped ok"},
		{"P3 without groups is P1", batch("a:fail", "a:ok").with(func(b *Batch) { b.Directive, b.Ordered = always(StopGroup), false }),
			"0@0-10 1@10-20 | error ok"},
		{"P5: a decider sees record and reason", batch("a:fail", "a:panic", "a:ok", "b:ok").with(func(b *Batch) {
			b.Directive = func(record int, why Why) Directive {
				if record == 1 && why == Panicked {
					return StopGroup
				}
				return Continue
			}
		}),
			"0@0-10 1@10-20 3@20-30 | error panic not started+group stopped ok"},
		{"S1: a panic and Goexit are failures", batch("a:panic", "a:exit", "a:permanent"),
			"0@0-10 1@10-20 2@20-30 | panic goexit permanent error"},
		{"O1: the earliest record whose group is idle", batch("a:slow", "a:ok", "b:ok", "b:fail", "c:ok").with(func(b *Batch) { b.Concurrency = 2 }),
			"0@0-1000 2@0-10 3@10-20 4@20-30 1@1000-1010 | ok ok ok error ok"},
		{"O3: without order a record is its own group", batch("a:slow", "a:ok", "a:ok").with(func(b *Batch) { b.Concurrency, b.Ordered = 2, false }),
			"0@0-1000 1@0-10 2@10-20 | ok ok ok"},
		{"P6: only the final failure counts", batch("a:fail,fail,ok", "b:fail").with(func(b *Batch) { b.Retries, b.Directive = 2, always(Stop) }),
			"0@0-10 0@110-120 0@320-330 1@330-340 1@440-450 1@650-660 | ok error"},
		{"P6: back-off holds no slot, the group waits", batch("a:fail,ok", "a:ok", "b:slow", "c:ok").with(func(b *Batch) { b.Retries, b.Concurrency = 1, 2 }),
			"0@0-10 2@0-1000 3@10-20 0@110-120 1@120-130 | ok ok ok ok"},
		{"P6: a record whose back-off is over waits for a slot, and is earliest", batch("a:fail,ok", "b:slow", "c:slow", "d:ok").with(func(b *Batch) {
			b.Retries, b.Concurrency = 1, 2
			b.Records[2].Acts[0].For = 500 * ms
		}),
			"0@0-10 1@0-1000 2@10-510 0@510-520 3@520-530 | ok ok ok ok"},
		{"P6: permanent, Goexit and panics are final", batch("a:permanent", "a:exit", "a:panic").with(func(b *Batch) { b.Retries = 1 }),
			"0@0-10 1@10-20 2@20-30 | permanent error goexit panic"},
		{"P6: panics if asked for", batch("a:panic,ok").with(func(b *Batch) { b.Retries, b.RetryPanics = 1, true }),
			"0@0-10 0@110-120 | ok"},
		{"P6: no back-off past the cutoff", batch("a:fail,ok", "b:ok").with(func(b *Batch) { b.Retries, b.Left = 1, 120*ms; b.Reserve = 20 * ms }),
			"0@0-10 1@10-20 | error ok"},
		{"P6: a stop ends waiting", batch("a:fail,ok", "b:fail", "c:ok").with(func(b *Batch) {
			b.Concurrency, b.Retries = 2, 1
			b.Records[1].Acts[0] = Act{Do: FailForGood, For: 50 * ms}
			b.Records[2].Acts[0].For = 1000 * ms
			b.Directive = always(Stop)
		}),
			"0@0-10 1@0-50 2@10-1010 | error permanent error ok"},
		{"D1: default reserve, contexts end at the cutoff", batch("a:slow", "b:ok").with(func(b *Batch) { b.Left = 500 * ms }),
			"0@0-400 | error+deadline not started+deadline"},
		{"D1: default reserve is 500 ms at most", batch("a:slow", "b:slow").with(func(b *Batch) { b.Left, b.Concurrency = 10000*ms, 1; b.Records[1].Acts[0].For = 60000 * ms }),
			"0@0-1000 1@1000-9500 | ok error+deadline"},
		{"D1: a success between cutoff and last call counts", batch("a:deaf-slow").with(func(b *Batch) { b.Left, b.Reserve = 1050*ms, 100*ms }),
			"0@0-1000 | ok"},
		{"D1: past the last call it does not", batch("a:deaf-slow").with(func(b *Batch) { b.Left, b.Reserve = 1010*ms, 100*ms }),
			"0@0-985 | deadline+abandoned"},
		{"D1: a reserve over half is cut to half", batch("a:hang").with(func(b *Batch) { b.Left, b.Reserve = 400*ms, 399*ms }),
			"0@0-350 | deadline+abandoned"},
		{"D5: already expired", batch("a:ok").with(func(b *Batch) { b.Left = -1 }),
			" | not started+deadline"},
		{"D5: already cancelled", batch("a:ok").with(func(b *Batch) { b.Left, b.Cancel = 1000*ms, 0 }),
			" | not started+cancelled"},
		{"D5: cancelled, last call 500 ms later", batch("a:hang", "b:slow", "c:ok").with(func(b *Batch) { b.Cancel, b.Concurrency = 20*ms, 2 }),
			"0@0-520 1@0-20 | cancelled+abandoned error+cancelled not started+cancelled"},
		{"D5, P6: cancelled in back-off", batch("a:fail,ok").with(func(b *Batch) { b.Cancel, b.Retries = 20*ms, 1 }),
			"0@0-10 | error"},
		{"D4: abandoned after the grace, group stops, slot is free", batch("a:hang", "a:ok", "b:ok").with(func(b *Batch) { b.RecordTimeout, b.Retries = 50*ms, 1 }),
			"0@0-150 2@150-160 | record timeout+abandoned not started+group stopped ok"},
		{"D4: then the policy applies", batch("a:hang", "a:ok", "b:ok").with(func(b *Batch) { b.RecordTimeout, b.Directive = 50*ms, always(Stop) }),
			"0@0-150 | record timeout+abandoned not started+group stopped not started+stopped"},
		{"D4: an error within the grace is final, the group goes on", batch("a:slow", "a:ok").with(func(b *Batch) { b.RecordTimeout, b.Retries = 50*ms, 1 }),
			"0@0-50 1@50-60 | error+record timeout ok"},
		{"D4: a success within the grace is one", batch("a:deaf-slow", "a:ok").with(func(b *Batch) { b.RecordTimeout = 950 * ms }),
			"0@0-1000 1@1000-1010 | ok ok"},
		{"D6: undecodable fails in its turn, without a call, for good", batch("a:ok", "a:undecodable", "a:ok", "b:ok").with(func(b *Batch) { b.Directive, b.Retries = always(StopGroup), 2 }),
			"0@0-10 3@10-20 | ok undecodable not started+group stopped ok"},
		{"S1: dropped is no failure", batch("a:drop", "b:ok", "a:ok").with(func(b *Batch) { b.Directive = always(Stop) }),
			"1@0-10 2@10-20 | undecodable ok ok"},
		{"D6: nothing is started behind an unknown group", batch("a:ok", "a:undecodable", "b:ok", "a:ok").with(ungrouped(1)),
			"0@0-10 | ok undecodable not started+group stopped not started+group stopped"},
		{"D6: an unknown group is one of its own", batch("a:slow", "a:undecodable").with(ungrouped(1)).with(func(b *Batch) {
			b.Concurrency, b.Directive = 2, always(Stop)
			b.Records[0].Acts = []Act{{Do: Hang}}
			b.Left, b.Reserve = 140*ms, 40*ms
		}),
			"0@0-130 | deadline+abandoned undecodable"},
		{"D6: without order it stops nothing", batch("a:ok", "a:undecodable", "b:ok").with(ungrouped(1)).with(func(b *Batch) { b.Ordered = false }),
			"0@0-10 2@10-20 | ok undecodable ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := told(one(t, tt.b)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestTimesOfARecord(t *testing.T) {
	a := one(t, batch("a:fail,ok", "b:fail", "c:ok").with(func(b *Batch) {
		b.Retries, b.Left, b.Reserve = 1, 140*ms, 20*ms
	}))
	want := []Result{
		{Attempts: 2, Duration: 120 * ms, Settled: 120 * ms},
		{Why: NotStarted | Deadline, Queued: 120 * ms, Settled: 120 * ms},
		{Why: NotStarted | Deadline, Queued: 120 * ms, Settled: 120 * ms},
	}
	// 110+10 is the cutoff: it comes first.
	if !reflect.DeepEqual(a.Results, want) {
		t.Errorf("got %+v, want %+v", a.Results, want)
	}
	if limit := a.Attempts[0].Limit; limit != 120*ms {
		t.Errorf("the handler's context had the deadline %v, want the cutoff", limit)
	}
}

// A handler that does not care passes one limit after the other. What must be told is what ended the attempt
// or its context; whether the other limit is reported is left open.
func TestLimitsPassed(t *testing.T) {
	for _, tt := range []struct {
		name       string
		timeout    time.Duration
		act        Act
		why, maybe Why
		end        time.Duration
	}{
		{name: "an error after timeout and cutoff", timeout: 50 * ms, act: Act{Do: Fail, For: 120 * ms, Deaf: true}, why: Erred | TimedOut | Deadline, end: 120 * ms},
		{name: "an error after cutoff and timeout", timeout: 105 * ms, act: Act{Do: Fail, For: 120 * ms, Deaf: true}, why: Erred | Deadline, maybe: TimedOut, end: 120 * ms},
		{name: "an error between timeout and cutoff", timeout: 50 * ms, act: Act{Do: Panic, For: 60 * ms, Deaf: true}, why: Panicked | TimedOut, end: 60 * ms},
		{name: "abandoned for the timeout, after the cutoff", timeout: 20 * ms, act: Act{Do: Hang}, why: Abandoned | TimedOut, maybe: Deadline, end: 120 * ms},
		{name: "abandoned at the last call, after the timeout", timeout: 50 * ms, act: Act{Do: Hang}, why: Abandoned | Deadline, maybe: TimedOut, end: 130 * ms},
		{name: "abandoned at the last call, before the timeout", timeout: 150 * ms, act: Act{Do: Hang}, why: Abandoned | Deadline, end: 130 * ms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The cutoff is at 100 ms, the last call at 130 ms.
			got := one(t, Batch{
				Records: []Record{{Acts: []Act{tt.act}}}, Concurrency: 1, Directive: always(Continue),
				RecordTimeout: tt.timeout, Left: 140 * ms, Reserve: 40 * ms, Cancel: Never,
			}).Results[0]
			if got.Why != tt.why || got.Maybe != tt.maybe || got.Settled != tt.end {
				t.Errorf("got %v, maybe %v, at %v; want %v, maybe %v, at %v", got.Why, got.Maybe, got.Settled, tt.why, tt.maybe, tt.end)
			}
		})
	}
}

// Two handlers end at the same instant: the record that a slot takes first depends on which comes first.
func TestAnswersOfATie(t *testing.T) {
	b := batch("a:fail", "b:permanent", "c:ok", "d:ok").with(func(b *Batch) {
		b.Concurrency = 2
		b.Directive = func(record int, _ Why) Directive { return []Directive{Continue, Stop}[record] }
	})
	seen := map[string]bool{}
	for a := range Answers(b) {
		seen[told(a)] = true
	}
	want := map[string]bool{
		"0@0-10 1@0-10 2@10-20 | error permanent error ok not started+stopped":          true,
		"0@0-10 1@0-10 | error permanent error not started+stopped not started+stopped": true,
	}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
}

func TestReported(t *testing.T) {
	failed := func(places ...int) Answer {
		a := Answer{Results: make([]Result, 4)}
		for _, i := range places {
			a.Results[i].Why = Erred
		}
		return a
	}
	for _, tt := range []struct {
		name   string
		answer Answer
		ids    []string
		lowest bool
		want   []string
	}{
		{"S1: not what was dropped", func() Answer { a := failed(0, 1); a.Results[0].Dropped = true; return a }(), []string{"d", "c", "b", "a"}, false, []string{"c"}},
		{"S3: batch order", failed(2, 0), []string{"d", "c", "b", "a"}, false, []string{"d", "b"}},
		{"S3: none is an empty list", failed(), []string{"d", "c", "b", "a"}, true, []string{}},
		{"S3: an identifier once, if any copy failed", failed(1, 2, 3), []string{"a", "b", "a", "b"}, false, []string{"b", "a"}},
		{"S8: the lowest as an integer", failed(1, 2), []string{"8", "10", "9", "11"}, true, []string{"9"}},
		{"S4: the first if one is no integer", failed(1, 2), []string{"8", "10", "x", "1"}, true, []string{"10"}},
		{"S8: one", failed(2), []string{"8", "10", "x", "1"}, true, []string{"x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.answer.Reported(tt.ids, tt.lowest); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// SPEC 9: the state covers what is before the first record reported, and the end comes when nothing is.
func TestWindows(t *testing.T) {
	for _, tt := range []struct {
		name    string
		records []string
		end     Act
		covered int
		want    string // of the end; "" if it does not come
	}{
		{"the end comes after the records", []string{"a:ok", "a:ok"}, Act{For: 5 * ms}, 2, "0@0-5 | ok"},
		{"also without records", nil, Act{Do: Fail, For: 5 * ms}, 0, "0@0-5 | error"},
		{"it has what is left of the time", []string{"a:ok"}, Act{Do: Hang}, 1, "0@0-85 | deadline+abandoned"}, // of 90 ms the reserve is 18, a quarter of that behind the last call
		{"not after a failure", []string{"a:ok", "a:fail", "a:ok"}, Act{}, 1, ""},
		{"not if nothing was covered", []string{"a:fail"}, Act{}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := batch(tt.records...).with(func(b *Batch) { b.Directive, b.Left = always(Stop), 100*ms })
			if len(tt.records) == 0 {
				b.Records = nil
			}
			a := one(t, b)
			if covered := a.Covered(); covered != tt.covered {
				t.Errorf("%d records are covered, want %d", covered, tt.covered)
			}
			got := ""
			if closing, ok := Close(b, a, tt.end); ok {
				got = told(closing)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The documentation of package bulk, case by case.
func TestWhole(t *testing.T) {
	mixed := []string{"a:ok", "b:fail", "a:ok", "b:ok", "a:ok"}
	undecodable := []string{"a:ok", "b:undecodable", "a:fail", "b:ok", "a:ok"}
	for _, tt := range []struct {
		name      string
		records   []string
		directive Directive
		act       Act
		want      string
	}{
		{"continue: what failed", mixed, Continue, Act{For: 5 * ms}, "0@0-5 | ok error ok ok ok"},
		{"stop group: and what is behind it in its group", mixed, StopGroup, Act{For: 5 * ms}, "0@0-5 | ok error ok group stopped ok"},
		{"stop: and everything behind it", mixed, Stop, Act{For: 5 * ms}, "0@0-5 | ok error stopped stopped stopped"},
		{"an error is of all", mixed, Continue, Act{Do: Panic}, "0@0-0 | panic panic panic panic panic"},
		{"it does not return", mixed[:2], Continue, Act{Do: Hang}, "0@0-95 | deadline+abandoned deadline+abandoned"},
		{"it fails late", mixed[:2], Continue, Act{For: 85 * ms, Deaf: true}, "0@0-85 | ok error+deadline"},
		{"D6: not in the slice", undecodable, Continue, Act{}, "0@0-0 | ok undecodable error ok ok"},
		{"D6: nor what is stopped behind it", undecodable, StopGroup, Act{}, "0@0-0 | ok undecodable error not started+group stopped group stopped"},
		{"D6: nor anything", undecodable, Stop, Act{Do: Fail}, "0@0-0 | error undecodable not started+stopped not started+stopped not started+stopped"},
		{"D6: nothing to hand over", []string{"a:undecodable"}, Stop, Act{Do: Hang}, " | undecodable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := told(Whole(batch(tt.records...).with(func(b *Batch) { b.Directive, b.Left = always(tt.directive), 100*ms }), tt.act))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	expired := Whole(batch("a:undecodable", "a:ok").with(func(b *Batch) { b.Left = -1 }), Act{})
	if got, want := told(expired), " | not started+deadline not started+deadline"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
