package fifocases

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Queue is a FIFO queue under test.
type Queue interface {
	Send(body, group string) error
	// Receive receives up to most messages without waiting. A negative visibility means that of the queue.
	Receive(most int, visibility time.Duration) ([]Message, error)
	Delete(receipt string) error
	Change(receipt string, timeout time.Duration) error
}

// Message is a received message.
type Message struct{ Body, Receipt string }

// Play makes the calls of a case and returns the first difference from the recording, or nil. It calls sleep to wait.
func (c Case) Play(q Queue, sleep func(time.Duration)) error {
	receipts := make(map[string]string)
	for i, s := range c.Steps {
		if err := s.play(q, receipts, sleep); err != nil {
			return fmt.Errorf("%s, step %d: %w", c.Name, i+1, err)
		}
	}
	return nil
}

func (s Step) play(q Queue, receipts map[string]string, sleep func(time.Duration)) error {
	switch {
	case s.Receive != nil:
		return s.Receive.play(q, receipts)
	case s.Delete != nil:
		err := q.Delete(receipts[s.Delete.Body])
		if s.Delete.Refused && err == nil {
			return fmt.Errorf("%s is deleted, although AWS refuses that", s.Delete.Body)
		}
		if s.Delete.Refused {
			return nil
		}
		return err
	case s.Change != nil:
		return q.Change(receipts[s.Change.Body], s.Change.Timeout)
	}
	for _, body := range s.Send {
		if err := q.Send(body, groupOf(body)); err != nil {
			return err
		}
	}
	if s.Wait > 0 {
		sleep(s.Wait)
	}
	return nil
}

func (r *Receive) play(q Queue, receipts map[string]string) error {
	messages, err := q.Receive(r.Max, r.Visibility)
	if err != nil {
		return err
	}
	var got []string
	for _, m := range messages {
		got = append(got, m.Body)
		receipts[m.Body] = m.Receipt
	}
	if !slices.Equal(byGroup(got), byGroup(r.Want)) || !together(got) {
		return fmt.Errorf("received %v, and AWS returns %v", got, r.Want)
	}
	return nil
}

func groupOf(body string) string {
	group, _, _ := strings.Cut(body, "-")
	return group
}

// byGroup sorts the groups and keeps the order of messages within each.
func byGroup(bodies []string) []string {
	sorted := slices.Clone(bodies)
	slices.SortStableFunc(sorted, func(a, b string) int { return cmp.Compare(groupOf(a), groupOf(b)) })
	return sorted
}

// together reports whether the messages of each group are adjacent.
func together(bodies []string) bool {
	left := make(map[string]bool)
	for i, body := range bodies {
		if left[groupOf(body)] {
			return false
		}
		if i+1 < len(bodies) && groupOf(bodies[i+1]) != groupOf(body) {
			left[groupOf(body)] = true
		}
	}
	return true
}
