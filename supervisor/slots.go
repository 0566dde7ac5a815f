package supervisor

// slots counts the slots of a batch: as many as the concurrency allows, and those that abandoned handlers keep. The
// ledger's lock guards it.
type slots struct {
	free     int  // may start, or take another record
	working  int  // have a goroutine, which an abandoned handler may keep
	starting bool // the one started last has not reached its first record
}

// reserve counts another slot as working; the caller starts it. It reports false if none is free, or one is starting.
func (s *slots) reserve() bool {
	if s.starting || s.free == 0 {
		return false
	}
	s.free--
	s.working++
	s.starting = true
	return true
}

// replace gives a failed slot another free one.
func (s *slots) replace() bool {
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

// exited records the end of a slot's goroutine.
func (s *slots) exited() { s.working-- }
