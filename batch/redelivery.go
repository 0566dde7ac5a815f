package batch

import (
	"context"
	"time"
)

// Redelivery describes an option that decides when, or whether, single records are redelivered. Packages such as
// redelivery pass it to troupe.WithRedelivery.
type Redelivery struct {
	// Sources are the sources that the option is for; the constructors of others refuse it. Nil: all sources.
	Sources []Source
	// Reserve is the least reserve that the option needs (see troupe.WithReserve), for its calls at the end of a
	// batch. If several options set it, the largest counts.
	Reserve time.Duration
	// LastResort, if not nil, is called like a function given to troupe.WithLastResort, and after all of them,
	// whatever the order of the options.
	LastResort func(ctx context.Context, rec Record, err error) error
}
