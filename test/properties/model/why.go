package model

import "strings"

// Why is the set of reasons that a record failed for; it is empty for a success (S1).
type Why uint16

// The reasons.
const (
	Erred        Why = 1 << iota // the error that the handler returned last
	ErredForGood                 // the same, marked by Permanent
	Panicked
	Exited
	NotStarted
	TimedOut // the record timeout
	Deadline
	Cancelled
	Abandoned
	Stopped
	GroupStopped
	Unread // it cannot be decoded
	DeadLettered
)

var names = [...]string{"error", "permanent error", "panic", "goexit", "not started", "record timeout", "deadline", "cancelled", "abandoned", "stopped", "group stopped", "undecodable", "dead-lettered"}

// endings are the reasons of attempts that end by themselves.
var endings = [...]Why{OK: 0, Fail: Erred, FailForGood: ErredForGood, Panic: Panicked, Goexit: Exited, Hang: Abandoned, Undecodable: Unread, Drop: Unread,
	FailJoined: Erred, FailNil: Erred, FailBadly: Erred, PanicBadly: Panicked, LeaveOut: Erred, FailMute: Abandoned}

// Ending returns the reason for the failure of an attempt that ends by do and meets no limit.
func Ending(do Do) Why { return endings[do] }

// Has reports whether all reasons of sub are among w.
func (w Why) Has(sub Why) bool { return w&sub == sub }

// OneOf reports whether one of the reasons of set is among w.
func (w Why) OneOf(set Why) bool { return w&set != 0 }

// String names the reasons, joined by "+"; "ok" if there are none.
func (w Why) String() string {
	if w == 0 {
		return "ok"
	}
	var of []string
	for i, name := range names {
		if w.Has(1 << i) {
			of = append(of, name)
		}
	}
	return strings.Join(of, "+")
}
