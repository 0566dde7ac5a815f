package batch

import "context"

// Delivery is what delivered a batch, if it wants a say in when records start: a poller outside Lambda, whose
// messages are its own only as long as it keeps them invisible. Packages that poll a source implement it.
type Delivery interface {
	// Arranged is called once, before anything else, with the group of each record in batch order; nil if the
	// records have no order, or are handled in one call.
	Arranged(groups []string)
	// Start is called before each attempt at the records with the indexes from, up to and without to: one record, or
	// all of a batch that is handled in one call. After an error the handler is not called: the records fail with
	// ErrNotStarted and that error, or with the one of their last attempt, and nothing more of their group starts.
	// No policy applies. It is called by several goroutines at once and must not block.
	Start(from, to int) error
	// Settled is called once every record has its outcome, before the log line and the observers. It returns when
	// the delivery no longer changes anything about the failed records, so that observers may.
	Settled(report *Report)
}

type deliveryKey struct{}

// WithDelivery returns a context for Processor.ProcessReport, Process or Invoke that makes d the Delivery of the batch.
func WithDelivery(ctx context.Context, d Delivery) context.Context {
	return context.WithValue(ctx, deliveryKey{}, d)
}

// DeliveryFrom returns the Delivery of the batch that ctx is for; nil if there is none. What handlers and observers
// process by themselves, with a context derived from theirs, is not part of the delivery.
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
