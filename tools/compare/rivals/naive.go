package rivals

import (
	"context"
	"log/slog"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/aws/aws-lambda-go/events"
)

// newNaive is how one would use protoactor-go without thinking about cost: a batch actor spawns a child
// per record, sends it the record as a request, and stops it when it responds. There is no bound.
func newNaive(handler Handler, _ int) Rival {
	system := naiveSystem()
	return function(func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		if len(event.Records) == 0 {
			return respond(nil, nil), nil
		}
		batch := &naiveBatch{
			ctx: ctx, handler: handler, messages: event.Records,
			errs: make([]error, len(event.Records)), open: len(event.Records),
			done: make(chan struct{}),
		}
		system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return batch }))
		<-batch.done
		return respond(event.Records, batch.errs), nil
	})
}

var naiveSystem = sync.OnceValue(func() *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
})

type naiveRequest struct {
	index   int
	message events.SQSMessage
}

type naiveResponse struct {
	from  *actor.PID // a response does not carry its sender
	index int
	err   error
}

type naiveBatch struct {
	ctx      context.Context
	handler  Handler
	messages []events.SQSMessage
	errs     []error
	open     int
	done     chan struct{}
}

func (b *naiveBatch) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		for i, message := range b.messages {
			child := c.Spawn(actor.PropsFromProducer(func() actor.Actor { return &naiveRecord{b.ctx, b.handler} }))
			c.Request(child, &naiveRequest{i, message})
		}
	case *naiveResponse:
		b.errs[m.index] = m.err
		c.Stop(m.from)
		if b.open--; b.open == 0 {
			close(b.done)
			c.Stop(c.Self())
		}
	}
}

type naiveRecord struct {
	ctx     context.Context
	handler Handler
}

func (r *naiveRecord) Receive(c actor.Context) {
	if m, ok := c.Message().(*naiveRequest); ok {
		c.Respond(&naiveResponse{c.Self(), m.index, call(r.ctx, r.handler, m.message)})
	}
}
