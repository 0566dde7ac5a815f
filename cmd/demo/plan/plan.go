package plan

import "time"

// Answer is what the sums come to.
type Answer struct {
	// Question is the one that is answered, with its defaults filled in.
	Question Question

	// Full is the batch when as much waits as a batch can hold, Usual the one to expect at the rate.
	Full, Usual Batch

	// Environments is how many are needed for the rate: so few suffice with full batches.
	Environments int
	// InUse is how many will be at work at the rate on average, with usual batches.
	InUse float64
	// Sequential is how many would be needed, with full batches, if a function handled one record after the
	// other; SequentialInUse how many would be at work, with the batches to expect then.
	Sequential      int
	SequentialInUse float64
	// SequentialKeepsUp says that there can be so many.
	SequentialKeepsUp bool
	// Fuller is a window that would do with half the environments in use or less. It is nil unless batches come
	// out nearly empty.
	Fuller *Fuller

	// Capacity is how many records a second can be handled at most, Utilisation the rate's share of it.
	Capacity, Utilisation float64
	// KeepsUp says that the rate is within the capacity, Tight that it is so with less than a fifth to spare.
	KeepsUp, Tight bool
	// Limits are what bounds the capacity. The first one binds first.
	Limits []Limit

	// RampUp is how long it takes until there are environments enough for the rate, and PiledUp how many
	// records wait by then. Both are 0 if the source does not keep up.
	RampUp  time.Duration
	PiledUp int
	// Drain is how the backlog goes; nil without one.
	Drain *Drain

	// Changes are settings of which each one by itself would do for the rate, with a fifth to spare. There
	// are none if the load has that much room, or if no setting is enough alone.
	Changes []Change
	// Notes are what else to know, in sentences.
	Notes []string
}

// Fuller is what a longer batching window makes of batches that come out nearly empty.
type Fuller struct {
	Window time.Duration
	Usual  Batch
	InUse  float64
}

// Change is a setting to raise.
type Change struct {
	// Flag is the setting's, and To its value.
	Flag, To string
}

// Plan answers a question. The error tells all that is wrong with it.
func Plan(question Question) (Answer, error) {
	q, err := question.complete()
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Question: q, Full: q.full(), Limits: q.limits()}
	a.Usual, a.InUse = q.usual()
	a.Capacity = a.Limits[0].Records
	a.Utilisation = q.Rate / a.Capacity
	a.KeepsUp = a.Utilisation <= 1
	a.Tight = a.KeepsUp && a.Utilisation > room
	a.Environments = ceil(a.Full.environments(q.Rate))
	loop := q
	loop.Concurrency = 1
	a.Sequential = ceil(loop.batch(a.Full.Records, 0).environments(q.Rate))
	_, a.SequentialInUse = loop.usual()
	a.SequentialKeepsUp = q.Rate <= loop.capacity()
	if a.KeepsUp {
		a.RampUp, a.PiledUp = q.rampUp(a.Full)
	}
	if q.Backlog > 0 {
		d := q.drain()
		a.Drain = &d
	}
	if a.nearlyEmpty() {
		a.Fuller = q.fuller(a.InUse / 2)
	}
	a.Changes = q.changes()
	a.Notes = a.notes()
	return a, nil
}

// nearlyEmpty says that batches are so far from full that environments are spent on it. A FIFO queue has no window
// to fill them.
func (a Answer) nearlyEmpty() bool {
	return a.Question.Rate > 0 && a.Question.Source != FIFO && a.KeepsUp && a.InUse >= 2*float64(a.Environments) && 2*a.Usual.Records <= a.Full.Records
}

// capacity is how many records a second can be handled.
func (q Question) capacity() float64 { return q.limits()[0].Records }

// atOnce is how many batches there may be at once.
func (q Question) atOnce() int {
	if lanes := q.lanes(); lanes > 0 {
		return min(lanes, q.environmentLimit())
	}
	return q.environmentLimit()
}

// rampUp returns how long it takes until the environments suffice for the rate, and what piles up meanwhile.
func (q Question) rampUp(full Batch) (time.Duration, int) {
	most := q.atOnce()
	steps, each := q.steps(most), float64(full.Records)/q.cycle(full, most)
	t, _ := rampUp(steps, each, q.Rate)
	piled := q.Rate * t
	for _, c := range steps {
		piled -= max(t-c.from, 0) * float64(c.size) * each
	}
	return seconds(t), int(max(piled, 0))
}
