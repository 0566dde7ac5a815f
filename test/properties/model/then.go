package model

// Then is what becomes of a batch whose handlers enrich its records and whose values are written at once (package bulk, R2),
// given what became of the handlers, and which of them left no value, which fails their records. write is how the call ends: OK, or another end that fails all values; where it is OK,
// refused says of which records it refuses the values. written are the records whose values the call is given, in batch
// order; without any there is no call.
func Then(b Batch, handlers Answer, valueless []bool, write Do, refused []bool) (results []Result, written []int) {
	results = append(results, handlers.Results...)
	held := b.groupsHeld()
	for i := range results {
		r := &results[i]
		if r.Why == 0 {
			switch r.Why = held.of(i); {
			case r.Why != 0:
			case valueless[i]:
				r.Why = Erred
			default:
				written = append(written, i)
			}
		}
		if r.Failed() {
			held.after(i, r.Why)
		}
	}
	for _, i := range written {
		switch {
		case write != OK:
			results[i].Why = Ending(write)
		case refused[i]:
			results[i].Why = Erred
		}
	}
	held = b.groupsHeld()
	for i := range results {
		r := &results[i]
		if r.Why == 0 {
			r.Why = held.of(i)
		}
		if r.Failed() {
			held.after(i, r.Why)
		}
	}
	return results, written
}

// groupsHeld are holds where a failure holds back the rest of its group at most: the other groups have been handled
// already.
func (b Batch) groupsHeld() holds {
	directive := b.Directive
	b.Directive = func(record int, why Why) Directive { return min(directive(record, why), StopGroup) }
	return holds{b: b}
}
