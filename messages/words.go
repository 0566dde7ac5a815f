package messages

import "errors"

// telling has the reasons a record can fail for, the more telling first.
var telling = [...]Reason{
	ErrNotStarted, ErrAbandoned, ErrUndecodable, ErrPanic, ErrGoexit, ErrRecordTimeout, ErrDeadline, ErrCancelled,
	ErrStopped, ErrGroupStopped, ErrEvent,
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
}

// Word is the reason in a word that does not change, for reports, metrics and the like: the name of its
// constant without Err, in snake_case, such as "record_timeout"; "" if there is no such reason.
func (r Reason) Word() string {
	if int(r) < len(reasonWords) {
		return reasonWords[r]
	}
	return ""
}

// Words says why a record failed: the words of the reasons that err matches, the more telling first, or
// "error" alone if it matches none, which is an error of the handler's own. It is empty for nil. It survives
// an Is method that panics.
func Words(err error) (words []string) {
	if err == nil {
		return nil
	}
	for _, reason := range telling {
		if matches(err, reason) {
			words = append(words, reason.Word())
		}
	}
	if words == nil {
		return []string{"error"}
	}
	return words
}

func matches(err error, reason Reason) (is bool) {
	defer func() { _ = recover() }() // an Is or Unwrap method of the user's
	return errors.Is(err, reason)
}
