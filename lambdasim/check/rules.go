package check

import (
	"fmt"
	"strings"
)

// Order is what a run promises about the records of a group. Zero promises nothing.
type Order uint8

const (
	// NoOrder: records are handled in any order, several of a group at once. It fits standard queues and
	// processing without order.
	NoOrder Order = iota
	// Starts: of a group one record at a time, in batch order, but a failed record may be overtaken by
	// later ones. It fits policies that continue after a failure.
	Starts
	// Strict: as Starts, and a record succeeds for the first time only when every earlier one of its group
	// has, or is out of the way. It fits policies that stop the batch or the group.
	Strict
)

var orderNames = [...]string{NoOrder: "none", Starts: "starts", Strict: "strict"}

// String returns "none", "starts" or "strict".
func (o Order) String() string {
	if int(o) < len(orderNames) {
		return orderNames[o]
	}
	return fmt.Sprintf("order %d", uint8(o))
}

// Rules are what a run is judged by.
type Rules struct {
	Order Order
	// Reports: the mapping has ReportBatchItemFailures, so the text of responses counts.
	Reports bool
	// Composite: records are identified by objects of partition and offset, as Kafka's are, and in the history
	// by both with an @ between them.
	Composite bool
	// Overlap: handlers of different groups, or without groups of different records, have to have run at
	// the same time at least once.
	Overlap bool
}

// String returns the form that the first event of a history carries.
func (r Rules) String() string {
	text := "order=" + r.Order.String()
	if r.Reports {
		text += " reports"
	}
	if r.Composite {
		text += " composite"
	}
	if r.Overlap {
		text += " overlap"
	}
	return text
}

// ParseRules reads what String returns.
func ParseRules(text string) (Rules, error) {
	var r Rules
	for word := range strings.FieldsSeq(text) {
		name, isOrder := strings.CutPrefix(word, "order=")
		switch {
		case isOrder && name == "none":
			r.Order = NoOrder
		case isOrder && name == "starts":
			r.Order = Starts
		case isOrder && name == "strict":
			r.Order = Strict
		case word == "reports":
			r.Reports = true
		case word == "composite":
			r.Composite = true
		case word == "overlap":
			r.Overlap = true
		default:
			return Rules{}, fmt.Errorf("check: %q is not a rule; rules look like %q", word, Rules{Order: Strict, Reports: true, Composite: true, Overlap: true})
		}
	}
	return r, nil
}
