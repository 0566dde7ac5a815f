package rivals

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"
)

// newErrgroup starts a goroutine per record, of which no more than concurrency are alive. The functions
// return nil because a failed record must not be the group's failure.
func newErrgroup(handler Handler, concurrency int) Rival {
	return function(func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		errs := make([]error, len(event.Records))
		var group errgroup.Group
		group.SetLimit(concurrency)
		for i := range event.Records {
			group.Go(func() error {
				errs[i] = call(ctx, handler, event.Records[i])
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return events.SQSEventResponse{}, err
		}
		return respond(event.Records, errs), nil
	})
}
