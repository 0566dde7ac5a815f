package batch

import "context"

// Delivery controls when the records of a batch may start. A poller outside Lambda implements it, because it
// owns its messages only as long as it keeps them invisible.
type Delivery interface {
	// Arranged is called once, before anything else, with the group of each record in batch order; nil if the
	// records have no order, or are handled in one call.
	Arranged(groups []string)
	// Start is called before each attempt at the records with the indexes from, up to and without to: one record, or
	// all of a batch that is handled in one call. After an error the handler is not called: the records fail with
	// ErrNotStarted and that error, or with the one of their last attempt, and nothing more of their group starts.
	// No policy applies. It is called by several goroutines at once and must not block.
	Start(from, to int) error
	// Settled is called once every record has its outcome, before the log line and the observers. After it
	// returns, the delivery no longer changes the failed records, so observers may.
	Settled(report *Report)
}

type deliveryKey struct{}

// WithDelivery returns a context for Processor.ProcessReport, Process or Invoke that makes d the Delivery of the batch.
func WithDelivery(ctx context.Context, d Delivery) context.Context {
	return context.WithValue(ctx, deliveryKey{}, d)
}

// DeliveryFrom returns the Delivery of the batch of ctx, or nil. Batches that handlers and observers process
// themselves, with a context derived from theirs, are not part of the delivery.
func DeliveryFrom(ctx context.Context) Delivery {
	d, ok := ctx.Value(deliveryKey{}).(Delivery)
	if !ok {
		return nil
	}
	if _, nested := TurnFrom(ctx); nested {
		return nil
	}
	if _, nested := ViewFrom(ctx); nested {
		return nil
	}
	return d
}
