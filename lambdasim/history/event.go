package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is the kind of an event.
type Kind uint8

// The kinds of events, with the fields of Event that each uses besides At.
const (
	// Began: the first event. Detail holds the rules for the run.
	Began Kind = iota + 1
	// Sent: the source has accepted Record of Group, whose payload has Digest. The order of these events is the
	// source's order.
	Sent
	// Duplicated: a standard queue will deliver Record once more.
	Duplicated
	// Filtered: the mapping's filter has rejected Record.
	Filtered
	// Received: Record of Group is in the batch of Invocation, in its Number-th delivery. The order of these events is
	// the order within the batch. Invocations are numbered in the order of their first events.
	Received
	// Invoked: Invocation has begun, with Number records and the deadline Until.
	Invoked
	// Started: in Invocation a handler has started on Record, for the Number-th time there. Digest is that of the
	// payload of the handler, if provided; Detail is the key of its work, if it has one.
	Started
	// Worked: in Invocation the work with the key Detail has been done for Record.
	Worked
	// LeaseLost: the claim on the work with the key Detail was lost before the work was completed.
	LeaseLost
	// Unrecorded: the work with the key Detail has been done, but its completion could not be stored.
	Unrecorded
	// Lapsed: the completion of the key Detail has expired.
	Lapsed
	// Changed: in Invocation the function has changed the visibility of Record, which is hidden until Until.
	Changed
	// Forwarded: in Invocation the function has sent Record to the dead-letter queue Detail itself. Digest is that of
	// the letter's body, with which the digest of the record begins.
	Forwarded
	// Ended: the handler that was started for the Number-th time has ended. Detail is one of the outcomes.
	Ended
	// Answered: Invocation has ended with a response in time; Detail is the body.
	Answered
	// Failed: Invocation has ended with a function error; Detail is its text.
	Failed
	// Crashed: Invocation has ended because the function panicked or its process died; Detail describes how.
	Crashed
	// TimedOut: Invocation had no response at its deadline and has ended.
	TimedOut
	// Deleted: after Invocation the queue has deleted Record.
	Deleted
	// Checkpointed: after Invocation the stream's checkpoint has moved past Record.
	Checkpointed
	// Returned: after Invocation Record will be redelivered.
	Returned
	// Stale: after Invocation nothing changes for Record, since the delivery was no longer the last one or, in a FIFO
	// queue, had ended. One of Deleted, Checkpointed, Returned and Stale follows for each record of an invocation.
	Stale
	// DeadLettered: Record has been moved to the dead-letter queue.
	DeadLettered
	// Discarded: the mapping has discarded Record; Detail is the condition that the on-failure destination receives.
	Discarded
	// Expired: Record exceeded the retention of its source.
	Expired
	// Finished: the last event. Detail is Drained or Stopped.
	Finished
)

// The outcomes of a handler: the Detail of an Ended event.
const (
	OK        = "ok"
	Late      = "late" // without an error, but after its context had ended: it may count as a success or as a failure
	Fail      = "fail"
	Panic     = "panic"
	Exit      = "exit"      // runtime.Goexit
	Abandoned = "abandoned" // the function did not wait for it; it may still run
	Dropped   = "dropped"   // dropped on purpose: not handled, and not redelivered
)

// The ends of a run: the Detail of a Finished event.
const (
	Drained = "drained" // every record was accounted for
	Stopped = "stopped" // the run was cut short; the remaining records are in the source
)

var kindNames = [...]string{
	Began: "began", Sent: "sent", Duplicated: "duplicated", Filtered: "filtered", Received: "received",
	Invoked: "invoked", Started: "started", Changed: "changed", Forwarded: "forwarded", Worked: "worked", LeaseLost: "lease-lost", Unrecorded: "unrecorded", Lapsed: "lapsed", Ended: "ended", Answered: "answered", Failed: "failed",
	Crashed: "crashed", TimedOut: "timed-out", Deleted: "deleted", Checkpointed: "checkpointed",
	Returned: "returned", Stale: "stale", DeadLettered: "dead-lettered", Discarded: "discarded", Expired: "expired",
	Finished: "finished",
}

// String returns the name that the text form uses.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "kind-" + strconv.Itoa(int(k))
}

func kindOf(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n != "" && n == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// Event is one event of a run. It is a value; fields that its kind does not use are zero.
type Event struct {
	// At is the time since the run began. The text form keeps microseconds.
	At   time.Duration
	Kind Kind
	// Invocation is the number of an invocation, from 1.
	Invocation int
	// Record is the identifier of the record for Lambda: message id or sequence number.
	Record string
	// Group is the scope of order of the record: message group, partition key or item key.
	Group string
	// Number is a count whose meaning depends on the kind.
	Number int
	// Until is a deadline, as a time since the run began.
	Until time.Duration
	// Digest represents a payload: equal payloads have equal digests, and different payloads almost certainly different
	// ones.
	Digest string
	Detail string
}

// String returns the text form.
func (e Event) String() string {
	text, _ := e.AppendText(nil)
	return string(text)
}

// AppendText appends the text form, without a newline: microseconds, kind, and then the fields that are not
// zero. It is encoding.TextAppender; the error is always nil.
func (e Event) AppendText(b []byte) ([]byte, error) {
	b = strconv.AppendInt(b, e.At.Microseconds(), 10)
	b = append(b, ' ')
	b = append(b, e.Kind.String()...)
	if e.Invocation != 0 {
		b = strconv.AppendInt(append(b, " i="...), int64(e.Invocation), 10)
	}
	if e.Record != "" {
		b = appendWord(append(b, " r="...), e.Record)
	}
	if e.Group != "" {
		b = appendWord(append(b, " g="...), e.Group)
	}
	if e.Number != 0 {
		b = strconv.AppendInt(append(b, " n="...), int64(e.Number), 10)
	}
	if e.Until != 0 {
		b = strconv.AppendInt(append(b, " u="...), e.Until.Microseconds(), 10)
	}
	if e.Digest != "" {
		b = appendWord(append(b, " p="...), e.Digest)
	}
	if e.Detail != "" {
		b = appendWord(append(b, " d="...), e.Detail)
	}
	return b, nil
}

// appendWord appends text, quoted if it is not a single word, with backquotes where possible: responses are JSON.
func appendWord(b []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c > ' ' && c < 0x7f && c != '"' && c != '`':
		case strconv.CanBackquote(text):
			return append(append(append(b, '`'), text...), '`')
		default:
			return strconv.AppendQuote(b, text)
		}
	}
	return append(b, text...)
}

// UnmarshalText parses the text form. It is encoding.TextUnmarshaler.
func (e *Event) UnmarshalText(text []byte) error {
	*e = Event{}
	line := string(text)
	at, rest, _ := strings.Cut(line, " ")
	name, rest, _ := strings.Cut(rest, " ")
	micros, err := strconv.ParseInt(at, 10, 64)
	kind, ok := kindOf(name)
	if err != nil || !ok {
		return fmt.Errorf("history: %.60q does not begin with a time and the name of an event", line)
	}
	e.At, e.Kind = time.Duration(micros)*time.Microsecond, kind
	for rest != "" {
		key, value, found := strings.Cut(rest, "=")
		if !found {
			return fmt.Errorf("history: %.60q: %.20q is not a field", line, rest)
		}
		if value, rest, err = cutWord(value); err != nil {
			return fmt.Errorf("history: %.60q: field %.20q: %w", line, key, err)
		}
		if err := e.set(key, value); err != nil {
			return fmt.Errorf("history: %.60q: field %.20q: %w", line, key, err)
		}
	}
	return nil
}

func cutWord(text string) (word, rest string, err error) {
	if text == "" || text[0] != '"' && text[0] != '`' {
		word, rest, _ = strings.Cut(text, " ")
		return word, rest, nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", err
	}
	word, err = strconv.Unquote(quoted)
	return word, strings.TrimPrefix(text[len(quoted):], " "), err
}

func (e *Event) set(key, value string) (err error) {
	switch key {
	case "i":
		e.Invocation, err = strconv.Atoi(value)
	case "r":
		e.Record = value
	case "g":
		e.Group = value
	case "n":
		e.Number, err = strconv.Atoi(value)
	case "u":
		var micros int64
		micros, err = strconv.ParseInt(value, 10, 64)
		e.Until = time.Duration(micros) * time.Microsecond
	case "p":
		e.Digest = value
	case "d":
		e.Detail = value
	default:
		err = fmt.Errorf("no such field")
	}
	return err
}
