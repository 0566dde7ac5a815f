package batch

// telling lists the reasons a record can fail for, the most specific first.
var telling = [...]Reason{
	ErrNotStarted, ErrAbandoned, ErrUndecodable, ErrPanic, ErrGoexit, ErrRecordTimeout, ErrDeadline, ErrCancelled,
	ErrStopped, ErrGroupStopped, ErrDeadLettered, ErrEvent,
}

var reasonWords = [...]string{
	ErrEvent:         "event",
	ErrPanic:         "panic",
	ErrGoexit:        "goexit",
	ErrUndecodable:   "undecodable",
	ErrRecordTimeout: "record_timeout",
	ErrDeadline:      "deadline",
	ErrCancelled:     "cancelled",
	ErrAbandoned:     "abandoned",
	ErrNotStarted:    "not_started",
	ErrStopped:       "stopped",
	ErrGroupStopped:  "group_stopped",
	ErrDeadLettered:  "dead_lettered",
}

// Word returns a stable word for the reason, for reports and metrics: the name of its constant without Err, in
// snake_case, such as "record_timeout"; "" if there is no such reason.
func (r Reason) Word() string {
	if int(r) < len(reasonWords) {
		return reasonWords[r]
	}
	return ""
}

// Words returns why a record failed: the words of the reasons in err, the most specific first, or only
// "error" for an error of the handler. It is empty for nil.
//
// An error has the reasons that it wraps by a chain of Unwrap() error methods. A join has only the reasons
// that every branch has. Is methods are not called.
func Words(err error) (words []string) {
	if err == nil {
		return nil
	}
	has := marksOf(err)
	for _, reason := range telling {
		if has&reason.mark() != 0 {
			words = append(words, reason.Word())
		}
	}
	if words == nil {
		return []string{"error"}
	}
	return words
}
