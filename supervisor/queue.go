package supervisor

// queue hands out the records that may start, the earliest in batch order first (SPEC O1). A record is in
// it while it is unstarted, or due for another attempt, and its group is idle.
type queue struct {
	// firsts has the first record of each group in batch order; nil if every record is a group of its own.
	// Those before next have been handed out.
	firsts []int32
	next   int32
	end    int32 // of firsts, or of the batch
	// ready is a binary heap of the records that have come up since: their group has become idle, or their
	// back-off is over.
	ready []int32
}

// first returns the earliest record of a group of which nothing has started.
func (q *queue) first() int32 {
	if q.firsts == nil {
		return q.next
	}
	return q.firsts[q.next]
}

func (q *queue) empty() bool { return q.next == q.end && len(q.ready) == 0 }

// pop takes the earliest record; there must be one.
func (q *queue) pop() int32 {
	if len(q.ready) == 0 || q.next < q.end && q.first() < q.ready[0] {
		i := q.first()
		q.next++
		return i
	}
	h := q.ready
	i, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for parent := 0; ; {
		child := 2*parent + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1] < h[child] {
			child++
		}
		if h[parent] <= h[child] {
			break
		}
		h[parent], h[child] = h[child], h[parent]
		parent = child
	}
	q.ready = h
	return i
}

func (q *queue) push(i int32) {
	h := append(q.ready, i)
	for child := len(h) - 1; child > 0; {
		parent := (child - 1) / 2
		if h[parent] <= h[child] {
			break
		}
		h[parent], h[child] = h[child], h[parent]
		child = parent
	}
	q.ready = h
}
