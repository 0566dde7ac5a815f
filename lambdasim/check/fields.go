package check

import "github.com/troupe-go/troupe/lambdasim/history"

// fields is a set of fields of an event.
type fields uint8

const (
	invocationField fields = 1 << iota
	recordField
	groupField
	numberField
	untilField
	digestField
	detailField
)

// usedBy has the fields that each kind of event must have, and those that it may have.
var usedBy = [...]struct{ must, may fields }{
	history.Began:        {detailField, 0},
	history.Sent:         {recordField, groupField | digestField},
	history.Duplicated:   {recordField, groupField},
	history.Filtered:     {recordField, groupField},
	history.Received:     {invocationField | recordField | numberField, groupField},
	history.Invoked:      {invocationField | untilField, numberField},
	history.Started:      {invocationField | recordField, groupField | numberField | digestField | detailField},
	history.Worked:       {invocationField | recordField | detailField, groupField},
	history.LeaseLost:    {detailField, invocationField},
	history.Unrecorded:   {detailField, invocationField},
	history.Lapsed:       {detailField, invocationField},
	history.Changed:      {invocationField | recordField | untilField, groupField},
	history.Forwarded:    {invocationField | recordField | detailField, groupField | digestField},
	history.Ended:        {invocationField | recordField | detailField, groupField | numberField},
	history.Answered:     {invocationField, detailField},
	history.Failed:       {invocationField, detailField},
	history.Crashed:      {invocationField, detailField},
	history.TimedOut:     {invocationField, 0},
	history.Deleted:      {invocationField | recordField, groupField},
	history.Checkpointed: {invocationField | recordField, groupField},
	history.Returned:     {invocationField | recordField, groupField},
	history.Stale:        {invocationField | recordField, groupField},
	history.DeadLettered: {recordField | numberField, groupField},
	history.Discarded:    {recordField | detailField, groupField},
	history.Expired:      {recordField, groupField},
	history.Finished:     {detailField, 0},
}

// fieldsOf returns the fields that an event has.
func fieldsOf(e history.Event) (f fields) {
	for _, field := range []struct {
		is  bool
		bit fields
	}{
		{e.Invocation != 0, invocationField}, {e.Record != "", recordField}, {e.Group != "", groupField}, {e.Number != 0, numberField},
		{e.Until != 0, untilField}, {e.Digest != "", digestField}, {e.Detail != "", detailField},
	} {
		if field.is {
			f |= field.bit
		}
	}
	return f
}

// misshapen describes what is wrong with the fields of an event; it is empty if they match its kind.
func misshapen(e history.Event) string {
	if int(e.Kind) >= len(usedBy) || usedBy[e.Kind].must == 0 {
		return "is of no kind that is known"
	}
	used, has := usedBy[e.Kind], fieldsOf(e)
	switch {
	case has&used.must != used.must:
		return "lacks a field that its kind has"
	case has&^(used.must|used.may) != 0:
		return "has a field that its kind does not have"
	default:
		return ""
	}
}
