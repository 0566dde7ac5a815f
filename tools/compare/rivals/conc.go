package rivals

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/sourcegraph/conc/pool"
)

// newConc hands the records to a pool of conc. The pool catches panics too, but throws the first of them
// again at Wait, so they are caught before.
func newConc(handler Handler, concurrency int) Rival {
	return function(func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		errs := make([]error, len(event.Records))
		workers := pool.New().WithMaxGoroutines(concurrency)
		for i := range event.Records {
			workers.Go(func() { errs[i] = call(ctx, handler, event.Records[i]) })
		}
		workers.Wait()
		return respond(event.Records, errs), nil
	})
}
