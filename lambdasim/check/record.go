package check

import "github.com/troupe-go/troupe/lambdasim/history"

// record is the state of a record that the source has not released.
type record struct {
	id         string
	serial     int // in the order of sending
	group      *group
	digest     string
	copies     int    // copies that the source still has
	duplicated bool   // there was more than one copy
	deliveries int    // so far
	pending    int    // of these, in invocations that have not settled them
	settled    bool   // has succeeded or never will: nothing waits for it
	success    bool   // a handler has succeeded
	dropped    bool   // dropped on purpose
	forwarded  bool   // dead-lettered by the function
	last       string // the outcome of its last handler; empty if none was started

	before, after *record // in the list of the group's unsettled records, by order of sending
}

// group is a group with live records or a running handler.
type group struct {
	name        string
	first, last *record // the unsettled records
	live        int
	open        []span
}

// span is a running handler.
type span struct {
	record     string
	invocation int
	number     int
}

func newRecord(e history.Event, g *group, serial int) *record {
	r := &record{id: e.Record, serial: serial, group: g, digest: e.Digest, copies: 1, before: g.last}
	if g.last == nil {
		g.first = r
	} else {
		g.last.after = r
	}
	g.last = r
	g.live++
	return r
}

// settle removes the record from the unsettled ones, so that later ones of its group need not wait.
func (r *record) settle() {
	if r.settled {
		return
	}
	r.settled = true
	if r.before == nil {
		r.group.first = r.after
	} else {
		r.before.after = r.after
	}
	if r.after == nil {
		r.group.last = r.before
	} else {
		r.after.before = r.before
	}
	r.before, r.after = nil, nil
}

// story describes what has happened to a record that has not succeeded, given the outcome of its last handler.
func story(last string) string {
	switch last {
	case "":
		return "had not been handled"
	case history.Abandoned:
		return "had a handler that never came to an end"
	default:
		return "had a handler that ended with " + last
	}
}
