package supervisor

// slots counts the places of a batch, as many as the concurrency allows, and the goroutines that are active on them. The
// ledger's lock guards it.
type slots struct {
	free     int  // places without a handler
	active   int  // slots that are not parked, those of abandoned handlers included
	starting bool // the one started last has not reached its first record
}

// reserve takes a free place for another slot, which the caller starts or wakes. It reports false if none is free, or one is starting.
func (s *slots) reserve() bool {
	if s.starting || s.free == 0 {
		return false
	}
	s.free--
	s.active++
	s.starting = true
	return true
}

// takeFree takes a free place for a slot whose own waits for a verdict.
func (s *slots) takeFree() bool {
	if s.free == 0 {
		return false
	}
	s.free--
	return true
}

// arrived records that the starting slot has reached its first record.
func (s *slots) arrived() { s.starting = false }

// release frees the place of a slot.
func (s *slots) release() { s.free++ }

// inactive records that a slot has ended or parked.
func (s *slots) inactive() { s.active-- }
