package page

import (
	"cmp"
	"fmt"
	"slices"
)

// outcomes are numbered in the page by their index here, which is also the order of the legend.
var outcomes = [...]string{"ok", "fail", "panic", "exit", "abandoned"}

// titles are their tooltips.
var titles = [len(outcomes)]string{"ok", "fail", "panic", "runtime.Goexit", "abandoned"}

// timeline is the input of timeline.js.
type timeline struct {
	Outcomes []string      `json:"outcomes"`
	Titles   []string      `json:"titles"`
	Lanes    bool          `json:"lanes"`
	Records  []string      `json:"records"` // each id once
	Rows     []timelineRow `json:"rows"`
}

// timelineRow has its bars as columns of numbers, in the order in which they began: with an object per bar the page
// would be several times as large.
type timelineRow struct {
	Name     string  `json:"name"`
	Start    []int64 `json:"start"` // µs since the start of the bar before
	Took     []int64 `json:"took"`  // µs
	Record   []int   `json:"record"`
	Delivery []int   `json:"delivery"`
	Attempt  []int   `json:"attempt"`
	Outcome  []int   `json:"outcome"`
}

func timelineOf(s Source) (timeline, error) {
	t := timeline{Outcomes: outcomes[:], Titles: titles[:], Lanes: s.Lanes, Records: []string{}, Rows: []timelineRow{}}
	numbers := map[string]int{} // of records
	for _, row := range s.Rows {
		r := timelineRow{Name: row.Name}
		before := int64(0)
		for _, b := range slices.SortedStableFunc(slices.Values(row.Bars), byStart) {
			outcome := slices.Index(outcomes[:], b.Outcome)
			if outcome < 0 {
				return timeline{}, fmt.Errorf("page: outcome %q of an attempt; it must be one of %q", b.Outcome, outcomes)
			}
			number, known := numbers[b.Record]
			if !known {
				number = len(t.Records)
				numbers[b.Record] = number
				t.Records = append(t.Records, b.Record)
			}
			start := b.Start.Microseconds()
			r.Start = append(r.Start, start-before)
			r.Took = append(r.Took, max(0, b.End.Microseconds()-start))
			r.Record = append(r.Record, number)
			r.Delivery = append(r.Delivery, b.Delivery)
			r.Attempt = append(r.Attempt, b.Attempt)
			r.Outcome = append(r.Outcome, outcome)
			before = start
		}
		if len(r.Start) > 0 {
			t.Rows = append(t.Rows, r)
		}
	}
	return t, nil
}

func byStart(a, b Bar) int { return cmp.Compare(a.Start, b.Start) }

// counts returns the number of attempts for each outcome, and the total.
func (t timeline) counts() (each [len(outcomes)]int, all int) {
	for _, row := range t.Rows {
		for _, outcome := range row.Outcome {
			each[outcome]++
		}
		all += len(row.Outcome)
	}
	return each, all
}
