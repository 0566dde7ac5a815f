package rivals

import "github.com/troupe-go/troupe"

// newTroupe is troupe as users have it, but for the concurrency.
func newTroupe(handler Handler, concurrency int) Rival {
	return troupe.SQS(handler, troupe.WithConcurrency(concurrency))
}
