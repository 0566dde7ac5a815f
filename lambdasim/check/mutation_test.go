package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// goodHistories have every kind of event. The instants are ten times the numbers of the lines; "u=end" is the instant
// at which the invocation times out.
var goodHistories = map[string]string{
	"a FIFO queue": `
		began d="order=strict stops=group errors=all attempts=2 payloads overlap reports"
		sent r=a1 g=a p=1a
		sent r=a2 g=a p=2a
		sent r=b1 g=b p=1b
		sent r=c1 g=c p=1c
		sent r=d1 g=d p=1d
		sent r=e1 g=e p=1e
		sent r=f1 g=f p=1f
		sent r=h1 g=h p=1h
		sent r=k1 g=k p=1k
		sent r=k2 g=k p=2k
		sent r=k3 g=k p=3k
		filtered r=c1 g=c
		expired r=h1 g=h
		received i=1 r=a1 g=a n=1
		received i=1 r=a2 g=a n=1
		received i=1 r=b1 g=b n=1
		invoked i=1 n=3 u=900000
		started i=1 r=a1 g=a n=1 p=1a
		started i=1 r=b1 g=b n=1 p=1b
		ended i=1 r=a1 g=a n=1 d=fail
		started i=1 r=a1 g=a n=2 p=1a
		ended i=1 r=b1 g=b n=1 d=ok
		ended i=1 r=a1 g=a n=2 d=panic
		answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"},{"itemIdentifier":"a2"}]}
		returned i=1 r=a1 g=a
		returned i=1 r=a2 g=a
		deleted i=1 r=b1 g=b
		received i=2 r=a1 g=a n=2
		received i=2 r=a2 g=a n=2
		invoked i=2 n=2 u=900000
		started i=2 r=a1 g=a n=1 p=1a
		ended i=2 r=a1 g=a n=1 d=ok
		started i=2 r=a2 g=a n=1 p=2a
		crashed i=2 d="signal: killed"
		returned i=2 r=a1 g=a
		returned i=2 r=a2 g=a
		received i=3 r=a1 g=a n=3
		received i=3 r=a2 g=a n=3
		invoked i=3 n=2 u=900000
		started i=3 r=a1 g=a n=1 p=1a
		ended i=3 r=a1 g=a n=1 d=ok
		started i=3 r=a2 g=a n=1 p=2a
		ended i=3 r=a2 g=a n=1 d=ok
		answered i=3 d={"batchItemFailures":[]}
		deleted i=3 r=a1 g=a
		deleted i=3 r=a2 g=a
		received i=4 r=d1 g=d n=1
		invoked i=4 n=1 u=900000
		started i=4 r=d1 g=d n=1 p=1d
		ended i=4 r=d1 g=d n=1 d=exit
		failed i=4 d="all records failed"
		returned i=4 r=d1 g=d
		dead-lettered r=d1 g=d n=1
		received i=5 r=e1 g=e n=1
		received i=5 r=f1 g=f n=1
		invoked i=5 n=2 u=900000
		ended i=5 r=e1 g=e d=dropped
		started i=5 r=f1 g=f n=1 p=1f
		ended i=5 r=f1 g=f n=1 d=late
		answered i=5 d={"batchItemFailures":[{"itemIdentifier":"f1"}]}
		deleted i=5 r=e1 g=e
		returned i=5 r=f1 g=f
		received i=6 r=f1 g=f n=2
		invoked i=6 n=1 u=900000
		started i=6 r=f1 g=f n=1 p=1f
		answered i=6 d={"batchItemFailures":[{"itemIdentifier":"f1"}]}
		ended i=6 r=f1 g=f n=1 d=abandoned
		returned i=6 r=f1 g=f
		received i=7 r=f1 g=f n=3
		invoked i=7 n=1 u=900000
		started i=7 r=f1 g=f n=1 p=1f
		ended i=7 r=f1 g=f n=1 d=ok
		answered i=7 d=null
		stale i=7 r=f1 g=f
		received i=8 r=f1 g=f n=4
		invoked i=8 n=1 u=900000
		started i=8 r=f1 g=f n=1 p=1f
		ended i=8 r=f1 g=f n=1 d=ok
		answered i=8
		deleted i=8 r=f1 g=f
		received i=9 r=k1 g=k n=1
		received i=9 r=k2 g=k n=1
		received i=9 r=k3 g=k n=1
		invoked i=9 n=3 u=900000
		started i=9 r=k1 g=k n=1 p=1k
		ended i=9 r=k1 g=k n=1 d=fail
		forwarded i=9 r=k1 g=k p=1k d=dead.fifo
		started i=9 r=k2 g=k n=1 p=2k
		ended i=9 r=k2 g=k n=1 d=ok
		started i=9 r=k3 g=k n=1 p=3k
		ended i=9 r=k3 g=k n=1 d=fail
		changed i=9 r=k3 g=k u=2000
		answered i=9 d={"batchItemFailures":[{"itemIdentifier":"k3"}]}
		deleted i=9 r=k1 g=k
		deleted i=9 r=k2 g=k
		returned i=9 r=k3 g=k
		received i=10 r=k3 g=k n=2
		invoked i=10 n=1 u=900000
		started i=10 r=k3 g=k n=1 p=3k
		ended i=10 r=k3 g=k n=1 d=ok
		answered i=10
		deleted i=10 r=k3 g=k
		finished d=drained`,

	"a stream": `
		began d="order=strict stops=group payloads reports replays"
		sent r=1 g=a p=p1
		sent r=2 g=a p=p2
		sent r=3 g=b p=p3
		sent r=4 g=c p=p4
		received i=1 r=1 g=a n=1
		received i=1 r=2 g=a n=1
		received i=1 r=3 g=b n=1
		invoked i=1 n=3 u=900000
		started i=1 r=1 g=a n=1 p=p1
		ended i=1 r=1 g=a n=1 d=ok
		started i=1 r=2 g=a n=1 p=p2
		ended i=1 r=2 g=a n=1 d=fail
		started i=1 r=3 g=b n=1 p=p3
		ended i=1 r=3 g=b n=1 d=ok
		answered i=1 d={"batchItemFailures":[{"itemIdentifier":"2"}]}
		checkpointed i=1 r=1 g=a
		returned i=1 r=2 g=a
		returned i=1 r=3 g=b
		received i=2 r=2 g=a n=2
		received i=2 r=3 g=b n=2
		invoked i=2 n=2 u=900000
		started i=2 r=2 g=a n=1 p=p2
		ended i=2 r=2 g=a n=1 d=ok
		started i=2 r=3 g=b n=1 p=p3
		ended i=2 r=3 g=b n=1 d=ok
		answered i=2 d=""
		checkpointed i=2 r=2 g=a
		checkpointed i=2 r=3 g=b
		received i=3 r=4 g=c n=1
		invoked i=3 n=1 u=900000
		started i=3 r=4 g=c n=1 p=p4
		ended i=3 r=4 g=c n=1 d=fail
		failed i=3 d=no
		returned i=3 r=4 g=c
		discarded r=4 g=c d=RetryAttemptsExhausted
		finished d=drained`,

	"a pipe": `
		began d="order=strict stops=group payloads reports pipe"
		sent r=1 g=a p=p1
		sent r=2 g=a p=p2
		sent r=3 g=b p=p3
		sent r=4 g=a p=p4
		sent r=5 g=c p=p5
		received i=1 r=1 g=a n=1
		received i=1 r=2 g=a n=1
		received i=1 r=3 g=b n=1
		received i=1 r=4 g=a n=1
		invoked i=1 n=4 u=900000
		started i=1 r=1 g=a n=1 p=p1
		ended i=1 r=1 g=a n=1 d=ok
		started i=1 r=2 g=a n=1 p=p2
		ended i=1 r=2 g=a n=1 d=fail
		started i=1 r=3 g=b n=1 p=p3
		ended i=1 r=3 g=b n=1 d=ok
		answered i=1 d={"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"4"}]}
		checkpointed i=1 r=1 g=a
		returned i=1 r=2 g=a
		checkpointed i=1 r=3 g=b
		returned i=1 r=4 g=a
		received i=2 r=2 g=a n=2
		received i=2 r=4 g=a n=2
		invoked i=2 n=2 u=900000
		started i=2 r=2 g=a n=1 p=p2
		ended i=2 r=2 g=a n=1 d=ok
		started i=2 r=4 g=a n=1 p=p4
		ended i=2 r=4 g=a n=1 d=ok
		answered i=2 d=""
		checkpointed i=2 r=2 g=a
		checkpointed i=2 r=4 g=a
		received i=3 r=5 g=c n=1
		invoked i=3 n=1 u=900000
		started i=3 r=5 g=c n=1 p=p5
		ended i=3 r=5 g=c n=1 d=fail
		failed i=3 d=no
		returned i=3 r=5 g=c
		discarded r=5 g=c d=RetryAttemptsExhausted
		finished d=drained`,

	"a standard queue": `
		began d="order=none payloads overlap reports"
		sent r=1 p=p1
		sent r=2 p=p2
		received i=1 r=2 n=1
		duplicated r=2
		received i=1 r=1 n=1
		invoked i=1 n=2 u=900000
		received i=2 r=2 n=2
		invoked i=2 n=1 u=900000
		started i=1 r=2 n=1 p=p2
		started i=2 r=2 n=1 p=p2
		ended i=2 r=2 n=1 d=fail
		started i=1 r=1 n=1 p=p1
		ended i=1 r=2 n=1 d=ok
		ended i=1 r=1 n=1 d=ok
		answered i=1 d={}
		deleted i=1 r=2
		deleted i=1 r=1
		answered i=2 d={"batchItemFailures":[{"itemIdentifier":"2"}]}
		returned i=2 r=2
		expired r=2
		finished d=drained`,

	"work with keys": `
		began d="order=none payloads reports"
		sent r=1 p=p1
		sent r=2 p=p2
		sent r=3 p=p3
		received i=1 r=1 n=1
		received i=1 r=2 n=1
		invoked i=1 n=2 u=900000
		started i=1 r=1 n=1 p=p1 d=k1
		worked i=1 r=1 d=k1
		unrecorded i=1 d=k1
		ended i=1 r=1 n=1 d=ok
		started i=1 r=2 n=1 p=p2 d=k1
		worked i=1 r=2 d=k1
		ended i=1 r=2 n=1 d=ok
		answered i=1
		deleted i=1 r=1
		deleted i=1 r=2
		received i=2 r=3 n=1
		invoked i=2 n=1 u=900000
		started i=2 r=3 n=1 p=p3 d=k3
		worked i=2 r=3 d=k3
		crashed i=2
		returned i=2 r=3
		received i=3 r=3 n=2
		invoked i=3 n=1 u=900000
		started i=3 r=3 n=1 p=p3 d=k3
		worked i=3 r=3 d=k3
		lease-lost i=3 d=k3
		ended i=3 r=3 n=1 d=fail
		answered i=3 d={"batchItemFailures":[{"itemIdentifier":"3"}]}
		returned i=3 r=3
		received i=4 r=3 n=3
		invoked i=4 n=1 u=900000
		started i=4 r=3 n=1 p=p3 d=k3
		worked i=4 r=3 d=k3
		ended i=4 r=3 n=1 d=ok
		answered i=4
		deleted i=4 r=3
		finished d=drained`,

	"a topic": `
		began d="order=strict reports composite"
		sent r=t-0@0 g=t-0 p=p0
		sent r=t-0@1 g=t-0 p=p1
		received i=1 r=t-0@0 g=t-0 n=1
		received i=1 r=t-0@1 g=t-0 n=1
		invoked i=1 n=2 u=900000
		started i=1 r=t-0@0 g=t-0 n=1 p=p0
		ended i=1 r=t-0@0 g=t-0 n=1 d=ok
		started i=1 r=t-0@1 g=t-0 n=1 p=p1
		ended i=1 r=t-0@1 g=t-0 n=1 d=fail
		answered i=1 d={"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":1}}]}
		checkpointed i=1 r=t-0@0 g=t-0
		returned i=1 r=t-0@1 g=t-0
		finished d=stopped`,
}

// mutant is a history that was changed in one way.
type mutant struct {
	change string // of drop, repeat, swap, and the name of a field
	of     string // history
	events []history.Event
	at     int           // the event that was changed; of a swap the first of the two
	was    history.Event // that event before
	now    history.Event // and after; of a swap the other one
}

func (m mutant) String() string {
	return fmt.Sprintf("%s, %s, line %d: %q now %q", m.of, m.change, m.at+1, m.was, m.now)
}

// readGood reads a good history.
func readGood(t *testing.T, text string) (list []history.Event) {
	t.Helper()
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		var e history.Event
		if err := e.UnmarshalText(fmt.Appendf(nil, "%d %s", 10*len(list), line)); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// timed gives events the instants of their lines.
func timed(list []history.Event) []history.Event {
	for i := range list {
		list[i].At = time.Duration(10*i) * time.Microsecond
	}
	return list
}

// mutants returns what a good history can be turned into by one change.
func mutants(of string, good []history.Event) (list []mutant) {
	for i, was := range good {
		add := func(change string, now history.Event, events []history.Event) {
			list = append(list, mutant{change, of, events, i, was, now})
		}
		add("drop", history.Event{}, timed(slices.Delete(slices.Clone(good), i, i+1)))
		add("repeat", was, timed(slices.Insert(slices.Clone(good), i, was)))
		if i+1 < len(good) {
			swapped := slices.Clone(good)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			add("swap", good[i+1], timed(swapped))
		}
		for _, f := range altered(was, good) {
			events := slices.Clone(good)
			events[i] = f.now
			add(f.name, f.now, events)
		}
	}
	return list
}

type alteration struct {
	name string
	now  history.Event
}

// altered returns an event with each of its fields changed, and each field that it should not have.
func altered(e history.Event, good []history.Event) (list []alteration) {
	add := func(name string, set func(*history.Event)) {
		now := e
		set(&now)
		if now != e {
			list = append(list, alteration{name, now})
		}
	}
	for _, d := range []time.Duration{-15 * time.Microsecond, 15 * time.Microsecond, time.Hour} {
		add("time", func(e *history.Event) { e.At += d })
	}
	for k := history.Began; k <= history.Finished; k++ {
		add("kind", func(e *history.Event) { e.Kind = k })
	}
	for _, n := range []int{0, e.Invocation - 1, e.Invocation + 1, 99} {
		add("invocation", func(e *history.Event) { e.Invocation = max(n, 0) })
	}
	ids, groups := []string{"", "unknown"}, []string{"", "unknown"}
	for _, other := range good {
		if other.Kind == history.Sent {
			ids, groups = append(ids, other.Record), append(groups, other.Group)
		}
	}
	for _, id := range ids {
		add("record", func(e *history.Event) { e.Record = id })
	}
	slices.Sort(groups)
	for _, g := range slices.Compact(groups) {
		add("group", func(e *history.Event) { e.Group = g })
	}
	for _, n := range []int{0, e.Number - 1, e.Number + 1} {
		add("number", func(e *history.Event) { e.Number = max(n, 0) })
	}
	for _, d := range []time.Duration{0, 10 * time.Microsecond, time.Hour} {
		add("until", func(e *history.Event) { e.Until = d })
	}
	for _, text := range []string{"", "other"} {
		add("digest", func(e *history.Event) { e.Digest = text })
	}
	for _, text := range []string{
		"", "other", history.OK, history.Late, history.Fail, history.Panic, history.Exit, history.Abandoned, history.Dropped,
		history.Drained, history.Stopped, `{"batchItemFailures":[]}`, "RecordAgeExceeded", "order=none", "order=strict reports",
	} {
		add("detail", func(e *history.Event) { e.Detail = text })
	}
	for _, id := range ids[2:] {
		add("detail", func(e *history.Event) { e.Detail = fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":%q}]}`, id) })
	}
	return list
}

// exception is a change that a history does not show, and why.
type exception struct {
	why     string
	applies func(mutant) bool
}

func isOneOf(k history.Kind, kinds ...history.Kind) bool { return slices.Contains(kinds, k) }

var (
	handlers    = []history.Kind{history.Started, history.Ended}
	settlements = []history.Kind{history.Deleted, history.Checkpointed, history.Returned, history.Stale}
	outs        = []history.Kind{history.DeadLettered, history.Discarded, history.Expired, history.Filtered}
	failures    = []string{history.Fail, history.Panic, history.Exit, history.Abandoned}
)

// changes returns a predicate on what was changed and the kind of the event.
func changes(change string, kinds ...history.Kind) func(mutant) bool {
	return func(m mutant) bool { return m.change == change && isOneOf(m.was.Kind, kinds...) }
}

func both(p, q func(mutant) bool) func(mutant) bool {
	return func(m mutant) bool { return p(m) && q(m) }
}

// swaps returns a predicate on the kinds of the two events, in either order.
func swaps(one, other []history.Kind) func(mutant) bool {
	return func(m mutant) bool {
		a, b := m.was.Kind, m.now.Kind
		return m.change == "swap" && (isOneOf(a, one...) && isOneOf(b, other...) || isOneOf(b, one...) && isOneOf(a, other...))
	}
}

func otherRecord(m mutant) bool     { return m.was.Record != m.now.Record }
func otherGroup(m mutant) bool      { return m.was.Group != m.now.Group }
func otherInvocation(m mutant) bool { return m.was.Invocation != m.now.Invocation }
func ofStandard(m mutant) bool {
	return m.of == "a standard queue" || m.of == "work with keys"
}

// succeeds reports whether the handler that an event starts succeeds.
func succeeds(m mutant) bool {
	return slices.ContainsFunc(m.events, func(e history.Event) bool {
		return e.Kind == history.Ended && e.Record == m.was.Record && e.Invocation == m.was.Invocation && e.Number == m.was.Number &&
			(e.Detail == history.OK || e.Detail == history.Late)
	})
}

var excuses = []history.Kind{history.LeaseLost, history.Unrecorded, history.Lapsed}

// isLeftBehind reports whether the event is the end of a handler that was not waited for.
func isLeftBehind(m mutant) bool { return m.was.Record == "f1" && m.was.Invocation == 6 }

// isReplayed reports whether the record is behind the lowest identifier that its invocation reported to a stream.
func isReplayed(m mutant) bool {
	return m.of == "a stream" && m.was.Record == "3" && m.was.Invocation == 1
}

var exceptions = []exception{
	{"the rules are what a history is judged by, and weaker ones ask for less", both(changes("detail", history.Began),
		func(m mutant) bool { return m.now.Detail == "order=strict reports" })},
	{"how a run ended: one that was stopped claims less than one that has drained its source", changes("detail", history.Finished)},
	{"the last instant says only how long the run took", both(changes("time", history.Finished), func(m mutant) bool { return m.now.At > m.was.At })},
	{"a later deadline: what the function's timeout is only the mapping knows", both(changes("until", history.Invoked),
		func(m mutant) bool { return m.now.Until > m.was.Until })},

	{"a record's group is known from when it was sent, so later events may leave it out", func(m mutant) bool {
		return m.change == "group" && m.now.Group == "" && m.was.Kind != history.Sent
	}},
	{"a start without a number is the next one, and an end without one that of the handler at work", func(m mutant) bool {
		return m.change == "number" && m.now.Number == 0 && isOneOf(m.was.Kind, handlers...)
	}},
	{"the groups of a standard queue have no order either", both(changes("group", history.Sent), ofStandard)},
	{"a payload that no handler was given", func(m mutant) bool {
		return m.change == "digest" && m.was.Kind == history.Sent && m.now.Digest != "" && slices.Contains([]string{"c1", "e1", "h1"}, m.was.Record)
	}},
	{"a handler shows its payload if the rules ask for it", both(changes("digest", history.Started), func(m mutant) bool {
		return m.of == "a topic" && m.now.Digest == ""
	})},

	{"all ways to fail are alike", both(changes("detail", history.Ended), func(m mutant) bool {
		return slices.Contains(failures, m.was.Detail) && slices.Contains(failures, m.now.Detail)
	})},
	{"whether a late end counts is left open, so that it is right for a failure that was reported and a success that was not",
		both(changes("detail", history.Ended), func(m mutant) bool {
			return m.now.Detail == history.Late || m.was.Detail == history.Late && slices.Contains(failures, m.now.Detail)
		})},
	{"that a record is left out on purpose is for the processor to say", both(changes("detail", history.Ended),
		func(m mutant) bool { return m.now.Detail == history.Dropped })},
	{"how a handler ended after its invocation does not count, nor which of a record's it was", func(m mutant) bool {
		return m.was.Kind == history.Ended && (m.change == "detail" || m.change == "number") && isLeftBehind(m)
	}},
	{"a stream delivers what is behind the lowest identifier again, so that a failure there need not be reported",
		both(changes("detail", history.Ended), isReplayed)},
	{"a handler without an end was left behind, as which it has failed", both(changes("drop", history.Ended), func(m mutant) bool {
		return slices.Contains(failures, m.was.Detail) || m.was.Detail == history.Late || isReplayed(m)
	})},
	{"a record that was not handled and not let go of: what a crash has hidden is not known", func(m mutant) bool {
		return m.change == "drop" && m.was.Kind == history.Started && m.was.Record == "a2" && m.was.Invocation == 2
	}},

	{"what a change of visibility leads to shows in the deliveries", func(m mutant) bool {
		return m.was.Kind == history.Changed || m.now.Kind == history.Changed && m.change == "swap"
	}},
	{"a dead letter need not show its body, and its queue has any name", func(m mutant) bool {
		return m.was.Kind == history.Forwarded && (m.change == "digest" && m.now.Digest == "" || m.change == "detail")
	}},
	{"that a record was dead-lettered is for the function to say, as is that it was left out", func(m mutant) bool {
		kinds := []history.Kind{history.Ended, history.Forwarded}
		return m.change == "kind" && isOneOf(m.was.Kind, kinds...) && isOneOf(m.now.Kind, kinds...) && m.was.Record == "e1"
	}},
	{"the key of a handler that has not succeeded says nothing", func(m mutant) bool {
		return m.change == "detail" && m.was.Kind == history.Started && !succeeds(m)
	}},
	{"an excuse is one whatever it is called and whenever it comes, and one more than is needed does no harm", func(m mutant) bool {
		more := m.change == "repeat" || m.change == "invocation" || m.change == "kind" && isOneOf(m.now.Kind, excuses...)
		return isOneOf(m.was.Kind, excuses...) && more || m.change == "swap" && (isOneOf(m.was.Kind, excuses...) || isOneOf(m.now.Kind, excuses...))
	}},
	{"work that is left out was done less often, which is right as long as it was done before a success", func(m mutant) bool {
		return m.was.Kind == history.Worked && (m.change == "drop" || m.change == "kind" && isOneOf(m.now.Kind, excuses...))
	}},
	{"an effect of an invocation that is over is one of a handler that was left behind", func(m mutant) bool {
		return m.was.Kind == history.Worked && m.change == "invocation" && m.now.Invocation != 0 && m.now.Invocation < m.was.Invocation ||
			m.change == "swap" && m.was.Kind == history.Worked && m.now.Kind == history.Crashed
	}},
	{"the words of an error are free", changes("detail", history.Failed, history.Crashed)},
	{"success has more than one spelling", both(changes("detail", history.Answered), func(m mutant) bool {
		return m.now.Detail == "" || m.now.Detail == `{"batchItemFailures":[]}`
	})},
	{"a response that reports everything, an error and a crash have the same consequences", both(changes("kind", history.Answered, history.Failed, history.Crashed),
		func(m mutant) bool {
			return isOneOf(m.now.Kind, history.Failed, history.Crashed) && (m.was.Kind != history.Answered || strings.Contains(m.was.Detail, "item"))
		})},
	{"of a record with copies it is not known which one an invocation had", func(m mutant) bool {
		return ofStandard(m) && m.was.Record == "2" && (m.was.Kind == history.Returned && m.now.Kind == history.Stale || m.change == "number" && m.was.Kind == history.Received)
	}},
	{"the mapping alone knows its filter, the retention and which of its limits was reached", func(m mutant) bool {
		return m.change == "kind" && isOneOf(m.was.Kind, history.Filtered, history.Expired) && isOneOf(m.now.Kind, history.Filtered, history.Expired) ||
			m.change == "detail" && m.was.Kind == history.Discarded
	}},

	{"groups have no order among each other", func(m mutant) bool {
		alike := []history.Kind{history.Sent, history.Received, history.Started, history.Ended}
		return swaps(alike, alike)(m) && otherRecord(m) && (otherGroup(m) || ofStandard(m))
	}},
	{"deliveries to different invocations have no order in a standard queue", both(swaps(handlers, handlers), func(m mutant) bool {
		return ofStandard(m) && otherInvocation(m)
	})},
	{"what happens to different records when they come and go has no order", both(
		swaps(append(append([]history.Kind{history.Sent, history.Received, history.Duplicated}, settlements...), outs...),
			append(append([]history.Kind{history.Sent, history.Received, history.Duplicated}, settlements...), outs...)),
		func(m mutant) bool {
			return otherRecord(m) && (m.was.Kind != m.now.Kind || isOneOf(m.was.Kind, settlements...) || isOneOf(m.was.Kind, outs...))
		})},
	{"different invocations have no order", func(m mutant) bool {
		return m.change == "swap" && otherInvocation(m) && (m.was.Kind == history.Invoked || m.now.Kind == history.Answered)
	}},
	{"a queue shows a message again when its timeout is over, which may be before its invocation is", both(
		swaps([]history.Kind{history.Returned, history.Stale}, []history.Kind{history.Received, history.Expired}), func(m mutant) bool {
			return !otherRecord(m) && m.of != "a stream"
		})},
	{"when a queue makes a second copy does not matter", swaps([]history.Kind{history.Duplicated}, []history.Kind{history.Received})},
	{"a handler that has failed, or is replayed, may as well have been left behind", both(
		swaps([]history.Kind{history.Ended}, []history.Kind{history.Answered, history.Failed, history.Returned}), func(m mutant) bool {
			end := m.was
			if end.Kind != history.Ended {
				end = m.now
			}
			return slices.Contains(failures, end.Detail) || end.Detail == history.Late || isReplayed(m)
		})},
}

// Every change of a good history is a violation, or there is a reason why it cannot be one.
func TestEveryChangeOfAGoodHistoryIsAViolation(t *testing.T) {
	used := make([]int, len(exceptions))
	total := 0
	for name, text := range goodHistories {
		good := readGood(t, text)
		if v := judgeEvents(good); !v.OK() {
			t.Fatalf("%s: %v", name, v)
		}
		for _, m := range mutants(name, good) {
			total++
			if !judgeEvents(m.events).OK() {
				continue
			}
			i := slices.IndexFunc(exceptions, func(x exception) bool { return x.applies(m) })
			if i < 0 {
				t.Errorf("no violation: %v", m)
				continue
			}
			used[i]++
		}
	}
	for i, n := range used {
		if n == 0 {
			t.Errorf("nothing needs the exception %q", exceptions[i].why)
		}
		t.Logf("%4d: %s", n, exceptions[i].why)
	}
	t.Logf("%d changes", total)
}

// judgeEvents judges a history as Judge does.
func judgeEvents(list []history.Event) check.Verdict {
	if len(list) > 0 && list[0].Kind == history.Began {
		c := check.New(check.Rules{})
		for _, e := range list {
			c.Record(e)
		}
		return c.Verdict()
	}
	var text strings.Builder
	for _, e := range list {
		fmt.Fprintln(&text, e)
	}
	v, err := check.Judge(strings.NewReader(text.String()))
	if err != nil {
		panic(err)
	}
	return v
}
