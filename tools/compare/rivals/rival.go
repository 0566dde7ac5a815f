// Package rivals holds ways to process an SQS batch in Go, troupe among them, behind one small interface.
//
// They all do the same job: every record is handed to the handler, a panic in the handler is that
// record's failure and nothing else's, a result is kept for each record, and the answer is the partial
// batch response in batch order. Each is written the way its library is meant to be used, without tricks.
package rivals

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
)

// Handler handles one message.
type Handler func(context.Context, events.SQSMessage) error

// Rival is a way to process a batch.
type Rival interface {
	Process(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
}

// Kind is a kind of rival by name. New makes one that calls handler for at most concurrency messages at
// once, where that kind has a bound.
type Kind struct {
	Name string
	New  func(handler Handler, concurrency int) Rival
}

// The kinds whose names tables refer to.
const (
	TroupeName        = "troupe"
	DocumentationName = "documentation's loop"
	ErrgroupName      = "errgroup"
	GroupsName        = "goroutine per group"
)

// Kinds lists every rival, troupe last.
func Kinds() []Kind {
	return []Kind{
		{DocumentationName, newDocumentation},
		{"goroutine per record", newGoroutines},
		{ErrgroupName, newErrgroup},
		{"conc", newConc},
		{"ants", newAnts},
		{GroupsName, newGroups},
		{"naive actors", newNaive},
		{TroupeName, newTroupe},
	}
}

// function is a Rival that needs nothing but a function.
type function func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

func (f function) Process(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	return f(ctx, event)
}

// call calls the handler and turns a panic into an error.
func call[T any](ctx context.Context, handler func(context.Context, T) error, record T) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return handler(ctx, record)
}

// respond reports the messages that failed. The list is never null.
func respond(messages []events.SQSMessage, errs []error) events.SQSEventResponse {
	failures := []events.SQSBatchItemFailure{}
	for i, err := range errs {
		if err != nil {
			failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: messages[i].MessageId})
		}
	}
	return events.SQSEventResponse{BatchItemFailures: failures}
}
