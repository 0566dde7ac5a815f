package rivals

import (
	"context"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	"github.com/panjf2000/ants/v2"
)

// newAnts hands the records to a pool of ants, made once as its documentation advises. The bound therefore
// holds for the process, not for a batch.
func newAnts(handler Handler, concurrency int) Rival {
	pool, err := ants.NewPool(concurrency)
	if err != nil {
		panic(err) // a bad option; there is none
	}
	return function(func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		errs := make([]error, len(event.Records))
		var running sync.WaitGroup
		for i := range event.Records {
			running.Add(1)
			err := pool.Submit(func() {
				defer running.Done()
				errs[i] = call(ctx, handler, event.Records[i])
			})
			if err != nil {
				errs[i] = err
				running.Done()
			}
		}
		running.Wait()
		return respond(event.Records, errs), nil
	})
}
