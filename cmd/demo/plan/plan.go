package plan

import "time"

// Answer is the result of an estimate.
type Answer struct {
	// Question is the question, with its defaults filled in.
	Question Question

	// Full is the batch when the backlog fills it, Usual the one to expect at the rate.
	Full, Usual Batch

	// Environments is the number of environments needed for the rate with full batches.
	Environments int
	// InUse is the average number of busy environments at the rate, with usual batches.
	InUse float64
	// Sequential is the number of environments needed, with full batches, if a function handled one record after the
	// other. SequentialInUse is the number of busy ones, with the batches to expect then.
	Sequential      int
	SequentialInUse float64
	// SequentialKeepsUp reports whether that many environments are possible.
	SequentialKeepsUp bool
	// Fuller is a window with which at most half of the environments in use would suffice. It is nil unless batches are
	// nearly empty.
	Fuller *Fuller

	// Capacity is the maximum number of records per second, Utilisation the share of it that the rate uses.
	Capacity, Utilisation float64
	// KeepsUp reports whether the rate is within the capacity, Tight whether less than a fifth of the capacity is left.
	KeepsUp, Tight bool
	// Limits are the bounds on the capacity. The first one binds first.
	Limits []Limit

	// RampUp is the time until there are enough environments for the rate, and PiledUp the number of records that wait
	// by then. Both are 0 if the source does not keep up.
	RampUp  time.Duration
	PiledUp int
	// Drain describes the backlog; nil without one.
	Drain *Drain

	// Changes are settings that each suffice for the rate alone, with a fifth to spare. There are none if the workload
	// has that much room already, or if no single setting is enough.
	Changes []Change
	// Notes are further facts, in sentences.
	Notes []string
}

// Fuller is the effect of a longer batching window on nearly empty batches.
type Fuller struct {
	Window time.Duration
	Usual  Batch
	InUse  float64
}

// Change is a setting to raise.
type Change struct {
	// Flag is the flag of the setting, and To its value.
	Flag, To string
}

// Plan answers a question. The error contains everything that is wrong with it.
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

// nearlyEmpty reports whether batches are so far from full that they waste environments. A FIFO queue has no window to
// fill them.
func (a Answer) nearlyEmpty() bool {
	return a.Question.Rate > 0 && a.Question.Source != FIFO && a.KeepsUp && a.InUse >= 2*float64(a.Environments) && 2*a.Usual.Records <= a.Full.Records
}

// capacity returns the maximum number of records per second.
func (q Question) capacity() float64 { return q.limits()[0].Records }

// atOnce returns the maximum number of concurrent batches.
func (q Question) atOnce() int {
	if lanes := q.lanes(); lanes > 0 {
		return min(lanes, q.environmentLimit())
	}
	return q.environmentLimit()
}

// rampUp returns the time until the environments suffice for the rate, and the number of records that pile up
// meanwhile.
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
