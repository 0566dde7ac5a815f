package supervisor

// slots counts the slots of a batch: as many as the concurrency allows, and those that abandoned handlers keep. The
// ledger's lock guards it.
type slots struct {
	free     int  // may start, or take another record
	working  int  // have a goroutine at work, which an abandoned handler may keep
	starting bool // the one that was started last has not come to its first record
}

// reserve counts another slot as working, which the caller starts. It reports false if none is free, or one is
// starting.
func (s *slots) reserve() bool {
	if s.starting || s.free == 0 {
		return false
	}
	s.free--
	s.working++
	s.starting = true
	return true
}

// replace gives a slot that has failed another of the free ones.
func (s *slots) replace() bool {
	if s.free == 0 {
		return false
	}
	s.free--
	return true
}

// arrived notes that the slot that was starting has come to its first record.
func (s *slots) arrived() { s.starting = false }

// release frees the place of a slot.
func (s *slots) release() { s.free++ }

// exited notes the end of a slot's goroutine.
func (s *slots) exited() { s.working-- }
