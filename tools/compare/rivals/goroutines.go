package rivals

import (
	"context"
	"sync"

	"github.com/aws/aws-lambda-go/events"
)

// newGoroutines starts a goroutine per record, all at once: the least that running side by side can cost.
func newGoroutines(handler Handler, _ int) Rival {
	return function(func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		errs := make([]error, len(event.Records))
		var running sync.WaitGroup
		for i := range event.Records {
			running.Go(func() { errs[i] = call(ctx, handler, event.Records[i]) })
		}
		running.Wait()
		return respond(event.Records, errs), nil
	})
}

// newGroups starts a goroutine per message group, which handles the group in order up to its first
// failure. A message without a group is a group of its own.
func newGroups(handler Handler, _ int) Rival {
	return function(func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		errs := make([]error, len(event.Records))
		groups := make(map[string][]int)
		for i := range event.Records {
			name := event.Records[i].Attributes["MessageGroupId"]
			if name == "" {
				name = event.Records[i].MessageId
			}
			groups[name] = append(groups[name], i)
		}
		var running sync.WaitGroup
		for _, group := range groups {
			running.Go(func() {
				var failure error
				for _, i := range group {
					if failure == nil {
						failure = call(ctx, handler, event.Records[i])
					}
					errs[i] = failure
				}
			})
		}
		running.Wait()
		return respond(event.Records, errs), nil
	})
}
