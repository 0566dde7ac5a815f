package supervisor

import "slices"

// queue hands out the records that may start, the earliest in batch order first (SPEC O1). A record is in
// it while it is unstarted, or due for another attempt, and its group is idle.
type queue struct {
	// firsts has the first record of each group in batch order; nil if every record is a group of its own.
	// Those before next have been handed out.
	firsts []int32
	next   int32
	end    int32 // of firsts, or of the batch
	// ready has the records that have come up since, ascending: their group has become idle, or their back-off is over.
	// Those before popped have been handed out. Records mostly come up in batch order, at the end of it.
	ready  []int32
	popped int
}

// first returns the earliest record of a group of which nothing has started.
func (q *queue) first() int32 {
	if q.firsts == nil {
		return q.next
	}
	return q.firsts[q.next]
}

func (q *queue) empty() bool { return q.next == q.end && q.popped == len(q.ready) }

// pop takes the earliest record; there must be one.
func (q *queue) pop() int32 {
	if q.popped == len(q.ready) || q.next < q.end && q.first() < q.ready[q.popped] {
		i := q.first()
		q.next++
		return i
	}
	i := q.ready[q.popped]
	q.popped++
	return i
}

func (q *queue) push(i int32) {
	if q.popped > len(q.ready)/2 && len(q.ready) == cap(q.ready) { // there is room at the beginning
		q.ready = q.ready[:copy(q.ready, q.ready[q.popped:])]
		q.popped = 0
	}
	if q.popped == len(q.ready) || q.ready[len(q.ready)-1] < i {
		q.ready = append(q.ready, i)
		return
	}
	at, _ := slices.BinarySearch(q.ready[q.popped:], i)
	q.ready = slices.Insert(q.ready, q.popped+at, i)
}
