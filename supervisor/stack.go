package supervisor

// reserve makes room on the stack of a new goroutine at once. Without it the stack would grow in several steps, each of
// which copies the frames that are there by then. n is 0.
//
//go:noinline
func reserve(n int) byte {
	var room [5 << 10]byte
	return room[n]
}
