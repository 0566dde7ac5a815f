package tally

import "time"

// A series begins with short steps. When there are too many, every two are merged, so that a run of any length has
// between steps/2 and steps of them.
const (
	firstStep = 10 * time.Millisecond
	steps     = 240
)

// series counts events step by step.
type series struct {
	step                                      time.Duration
	handled, succeeded, redelivered, inFlight []int
}

// at returns the index of the step that contains an instant. It adds the steps before it without events; in those, and
// at its beginning, atWork handlers were running.
func (s *series) at(now time.Duration, atWork int) int {
	for int(now/s.step) >= steps {
		s.fold()
	}
	i := int(now / s.step)
	for len(s.inFlight) <= i {
		s.handled, s.succeeded, s.redelivered = append(s.handled, 0), append(s.succeeded, 0), append(s.redelivered, 0)
		s.inFlight = append(s.inFlight, atWork)
	}
	return i
}

// fold merges every two steps.
func (s *series) fold() {
	s.step *= 2
	sum := func(a, b int) int { return a + b }
	s.handled, s.succeeded, s.redelivered = pairs(s.handled, sum), pairs(s.succeeded, sum), pairs(s.redelivered, sum)
	s.inFlight = pairs(s.inFlight, func(a, b int) int { return max(a, b) })
}

func pairs(list []int, join func(a, b int) int) []int {
	for i := 0; i < len(list); i += 2 {
		list[i/2] = list[i]
		if i+1 < len(list) {
			list[i/2] = join(list[i], list[i+1])
		}
	}
	return list[:(len(list)+1)/2]
}
