package check

import (
	"fmt"
	"strconv"
	"strings"
)

// Order is the order in which the records of a group must be handled. Zero requires none.
type Order uint8

const (
	// NoOrder: records may be handled in any order, several of a group at once. For standard queues and processing
	// without order.
	NoOrder Order = iota
	// Starts: the records of a group are handled one at a time, in batch order, but later records may overtake a failed
	// one. For policies that continue after a failure.
	Starts
	// Strict: as Starts, and a record succeeds for the first time only after every earlier one of its group has
	// succeeded or been discarded or dead-lettered. For policies that stop the batch or the group.
	Strict
)

// Stop is the set of records of its batch that a failure may keep from being handled. They may be reported although no
// handler was started on them.
type Stop uint8

const (
	// StopsByOrder: StopsBatch for Strict, else StopsNothing.
	StopsByOrder Stop = iota
	// StopsNothing: none. Every record is handled for which there is time.
	StopsNothing
	// StopsGroup: the later records of its group.
	StopsGroup
	// StopsBatch: all records that have not been started.
	StopsBatch
)

// Errors sets when an invocation may end with a function error although the mapping accepts partial responses.
type Errors uint8

const (
	// ErrorsAny: when at least one record has failed.
	ErrorsAny Errors = iota
	// ErrorsAll: when no record has succeeded.
	ErrorsAll
	// ErrorsNever: never.
	ErrorsNever
)

var (
	orderNames = []string{NoOrder: "none", Starts: "starts", Strict: "strict"}
	stopNames  = []string{StopsByOrder: "by-order", StopsNothing: "nothing", StopsGroup: "group", StopsBatch: "batch"}
	errorNames = []string{ErrorsAny: "any", ErrorsAll: "all", ErrorsNever: "never"}
)

// String returns "none", "starts" or "strict".
func (o Order) String() string { return nameOf(orderNames, uint8(o), "order") }

// String returns "by-order", "nothing", "group" or "batch".
func (s Stop) String() string { return nameOf(stopNames, uint8(s), "stop") }

// String returns "any", "all" or "never".
func (e Errors) String() string { return nameOf(errorNames, uint8(e), "errors") }

func nameOf(names []string, n uint8, kind string) string {
	if int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprintf("%s %d", kind, n)
}

// Rules are the rules for a run: the behavior of its source, and the promises of its processor.
type Rules struct {
	Order Order
	// Stops is the set of records that a failure may keep from being handled.
	Stops Stop
	// Errors sets when function errors are allowed.
	Errors Errors
	// Attempts limits how many times a handler may be started for a record in one delivery, including retries in
	// place. 0 means no limit. A record is never started again after a success.
	Attempts int
	// Unhandled: records may be reported, and a function error returned, without a failure of a handler: payloads that
	// cannot be decoded, a function that is not ready, a response that is lost.
	Unhandled bool
	// Payloads: every handler must provide a digest of its payload. Without it, digests that are provided must be
	// right.
	Payloads bool
	// Overlap: handlers of different groups, or without groups of different records, must have run at the same time at
	// least once.
	Overlap bool

	// Reports: the mapping has ReportBatchItemFailures, so the text of responses counts.
	Reports bool
	// Composite: records are identified by objects of partition and offset, like Kafka's; the history writes
	// partition@offset.
	Composite bool
	// Replays: everything from the lowest reported identifier is redelivered, as from streams.
	Replays bool
	// Pipe: the source is a stream behind a pipe, which redelivers only the reported records.
	Pipe bool
	// Windows: a response without a state fails the whole batch.
	Windows bool
}

// stops returns the records that a failure may keep from being handled.
func (r Rules) stops() Stop {
	switch {
	case r.Stops != StopsByOrder:
		return r.Stops
	case r.Order == Strict:
		return StopsBatch
	default:
		return StopsNothing
	}
}

// flags returns the boolean rules.
func (r *Rules) flags() []flag {
	return []flag{
		{"unhandled", &r.Unhandled}, {"payloads", &r.Payloads}, {"reports", &r.Reports}, {"composite", &r.Composite},
		{"replays", &r.Replays}, {"pipe", &r.Pipe}, {"windows", &r.Windows}, {"overlap", &r.Overlap},
	}
}

type flag struct {
	name string
	on   *bool
}

// String returns the text form, which the first event of a history contains.
func (r Rules) String() string {
	text := "order=" + r.Order.String()
	if r.Stops != StopsByOrder {
		text += " stops=" + r.Stops.String()
	}
	if r.Errors != ErrorsAny {
		text += " errors=" + r.Errors.String()
	}
	if r.Attempts != 0 {
		text += " attempts=" + strconv.Itoa(r.Attempts)
	}
	for _, f := range r.flags() {
		if *f.on {
			text += " " + f.name
		}
	}
	return text
}

// ParseRules parses the result of String.
func ParseRules(text string) (Rules, error) {
	var r Rules
	for word := range strings.FieldsSeq(text) {
		if !r.set(word) {
			return Rules{}, fmt.Errorf("check: %q is not a rule; rules look like %q", word,
				Rules{Order: Strict, Stops: StopsGroup, Errors: ErrorsAll, Attempts: 3, Reports: true, Composite: true, Overlap: true})
		}
	}
	return r, nil
}

// set sets the rule that a word names, and reports whether there is one.
func (r *Rules) set(word string) bool {
	name, value, _ := strings.Cut(word, "=")
	place := func(names []string) (n uint8, ok bool) {
		for i, known := range names {
			if known == value {
				return uint8(i), true
			}
		}
		return 0, false
	}
	switch name {
	case "order":
		n, ok := place(orderNames)
		r.Order = Order(n)
		return ok
	case "stops":
		n, ok := place(stopNames)
		r.Stops = Stop(n)
		return ok
	case "errors":
		n, ok := place(errorNames)
		r.Errors = Errors(n)
		return ok
	case "attempts":
		n, err := strconv.Atoi(value)
		r.Attempts = n
		return err == nil && n >= 0
	}
	for _, f := range r.flags() {
		if f.name == word {
			*f.on = true
			return true
		}
	}
	return false
}
