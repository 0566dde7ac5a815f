package check

import "github.com/troupe-go/troupe/lambdasim/history"

// record is what is known of a record that the source has not let go of.
type record struct {
	id         string
	serial     int // of those that were sent
	group      *group
	digest     string
	copies     int    // how often the source still has it
	duplicated bool   // there was more than one copy
	deliveries int    // so far
	pending    int    // of these, those of invocations that have not settled them
	settled    bool   // has succeeded, or is not going to: nothing waits for it
	success    bool   // a handler has succeeded
	dropped    bool   // left out on purpose
	forwarded  bool   // dead-lettered by the function
	last       string // what its last handler ended with; empty if none was started

	before, after *record // among the group's unsettled ones, in the order they were sent
}

// group is a group that has live records or a handler at work.
type group struct {
	name        string
	first, last *record // the unsettled records
	live        int
	open        []span
}

// span is a handler at work.
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

// settle takes the record out of the way of the later ones of its group.
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

// story says what has happened to a record that has not succeeded, given what its last handler ended with.
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
