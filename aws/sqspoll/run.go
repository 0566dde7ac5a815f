package sqspoll

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Client is what Run needs of an *sqs.Client.
type Client interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

var _ Client = (*sqs.Client)(nil)

// Batch is what became of the messages of one receive.
type Batch struct {
	// Report is the processor's; nil if no message was processed: all were given back, or the event was refused.
	Report *troupe.Report
	// Received counts the messages, copies included.
	Received int
	// Deleted counts the messages that were deleted, and Undeleted those that should have been: they succeeded or were
	// dropped, and are redelivered.
	Deleted, Undeleted int
	// Expired counts the messages that were not started because they may have become visible (ErrExpired), without the
	// rest of their groups.
	Expired int
	// GivenBack counts the messages that were not started because Run was stopping (ErrStopping).
	GivenBack int
}

const (
	callTimeout   = 10 * time.Second // of a call that changes visibility or deletes, at most
	receiveMargin = 5 * time.Second  // after the wait of a receive
	lastTimeout   = 5 * time.Second  // for the deletes after the drain
	firstPause    = 200 * time.Millisecond
	longestPause  = 20 * time.Second // between receives that fail
)

// poller is what a Run's goroutines share.
type poller struct {
	client    Client
	url       string
	processor *troupe.SQSProcessor
	settings  *settings
	queue     queue

	work context.Context // ends when the drain is over: the parent of the batches' contexts
	last context.Context // ends when there is no more time for deletes
}

// Run polls the queue and processes its messages until ctx ends. It blocks until everything under way has ended, as the
// package documentation describes (SPEC Q5), and returns nil then. It starts no goroutine that outlives it, other
// than handlers that were abandoned.
//
// Failed receives are logged and retried, with a growing pause (SPEC Q6). If the queue does not exist or access is
// denied, Run finishes what is under way and returns that error. If an argument or an option is wrong, it returns at
// once; the error says what was given and what is allowed.
//
// Several Runs may poll one queue, in one process or in several.
func Run(ctx context.Context, client Client, queueURL string, processor *troupe.SQSProcessor, options ...Option) error {
	switch {
	case client == nil:
		return errors.New("troupe: sqspoll: the client is nil; must be a client of SQS")
	case queueURL == "":
		return errors.New("troupe: sqspoll: the queue URL is empty; must be that of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/orders")
	case processor == nil:
		return errors.New("troupe: sqspoll: the processor is nil; must be that of troupe.SQS, bulk.SQS or bulk.SQSThen")
	}
	s, err := settingsOf(options)
	if err != nil {
		return err
	}
	s.health.run(1)
	defer s.health.run(-1)
	p := &poller{client: client, url: queueURL, processor: processor, settings: s}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stop := p.end(ctx)
	defer stop()

	var failure error
	var once sync.Once
	give := func(err error) { once.Do(func() { failure = err; fail(err) }) }
	if err := p.identify(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	var workers sync.WaitGroup
	for range s.batches {
		workers.Go(func() {
			if err := p.poll(ctx); err != nil {
				give(err)
			}
		})
	}
	workers.Wait()
	return failure
}

// end makes the contexts that end some time after ctx has. The function that it returns ends them.
func (p *poller) end(ctx context.Context) func() {
	var endWork, endLast context.CancelFunc
	p.work, endWork = context.WithCancel(context.WithoutCancel(ctx))
	p.last, endLast = context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	var waiter sync.WaitGroup
	waiter.Go(func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		for _, step := range []struct {
			after time.Duration
			end   context.CancelFunc
		}{{p.settings.drain, endWork}, {lastTimeout, endLast}} {
			timer := time.NewTimer(step.after)
			select {
			case <-timer.C:
				step.end()
			case <-over:
				timer.Stop()
				return
			}
		}
	})
	return func() { close(over); waiter.Wait(); endWork(); endLast() }
}

// call returns a context for a call that changes visibility or deletes: it does not end with a batch.
func (p *poller) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.last, min(callTimeout, max(p.settings.visibility/retries, time.Second)))
}

// identify asks for the ARN of the queue. It tries again as receives do, until ctx ends.
func (p *poller) identify(ctx context.Context) error {
	return p.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		output, err := p.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: &p.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
		})
		if err != nil {
			return err
		}
		p.queue, err = queueOf(output.Attributes[string(types.QueueAttributeNameQueueArn)])
		if err != nil {
			return fatal{err}
		}
		return nil
	})
}

// retry calls f until it succeeds, fails for good, or ctx ends; the error is that of the second case.
func (p *poller) retry(ctx context.Context, f func(context.Context) error) error {
	pause := firstPause
	for ctx.Err() == nil {
		err := f(ctx)
		if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		news := p.settings.health.received(err)
		switch {
		case err == nil:
			if news {
				p.settings.log().Info("troupe: sqspoll: receives succeed again", "queue", p.url)
			}
			return nil
		case isFatal(err):
			return fmt.Errorf("troupe: sqspoll: %s: %w", p.url, err)
		case news:
			p.warnOf("troupe: sqspoll: receives fail and are tried again", err, "queue", p.url)
		}
		sleep(ctx, pause/2+rand.N(pause/2))
		pause = min(2*pause, longestPause)
	}
	return nil
}

// poll receives and processes one batch after the other until ctx ends. The deletes of a batch overlap the next one.
func (p *poller) poll(ctx context.Context) error {
	var finishing sync.WaitGroup // one batch at most
	defer finishing.Wait()
	for ctx.Err() == nil {
		var received []types.Message
		var began time.Duration
		err := p.retry(ctx, func(context.Context) (err error) {
			began = p.settings.clock()
			received, err = p.receive()
			return err
		})
		if err != nil {
			return err
		}
		if len(received) > 0 {
			p.handle(ctx, received, began, &finishing)
		}
	}
	return nil
}

// receive receives a batch. It does not end with the context of Run: messages of a receive that is cut off would be
// invisible to everybody until their visibility timeout ends.
func (p *poller) receive() ([]types.Message, error) {
	s := p.settings
	ctx, cancel := context.WithTimeout(p.work, s.wait+receiveMargin)
	defer cancel()
	output, err := p.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &p.url,
		MaxNumberOfMessages:         int32(s.size),
		WaitTimeSeconds:             int32(s.wait / time.Second),
		VisibilityTimeout:           int32(s.visibility / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, err
	}
	return output.Messages, nil
}

// handle processes a batch that was received by a call begun at received. It waits until the batch before has finished,
// and returns while this one finishes, unless the next receive would be too early: SQS returns no more messages of a FIFO
// queue's groups until these are deleted, and a message that is not invisible any more could be received again (SPEC Q1).
func (p *poller) handle(ctx context.Context, messages []types.Message, received time.Duration, finishing *sync.WaitGroup) {
	event, err := p.queue.event(messages)
	if err != nil {
		p.settings.log().Error("troupe: sqspoll: a batch cannot be processed", "error", err.Error())
		return
	}
	l := newLease(p, event.Records, received)
	l.beating.Go(l.beat)
	report := p.process(ctx, l, event)
	finishing.Wait() // the heartbeat continues
	l.release()
	if p.queue.fifo || !l.lasting() {
		p.finish(l, report)
		return
	}
	finishing.Go(func() { p.finish(l, report) })
}

// finish deletes the messages that the report lets go of, and calls the observers.
func (p *poller) finish(l *lease, report *troupe.Report) {
	b := Batch{Report: report, Received: len(l.messages), Expired: l.count(expired), GivenBack: l.count(givenBack)}
	if report != nil {
		done := l.toRemove(report)
		b.Deleted = l.remove(done)
		b.Undeleted = len(done) - b.Deleted
	}
	for _, observe := range p.settings.observers {
		p.observe(observe, b)
	}
}

// process has the processor handle an event, unless Run is stopping. The report is nil if it has not.
func (p *poller) process(ctx context.Context, l *lease, event events.SQSEvent) *troupe.Report {
	if ctx.Err() != nil {
		l.Arranged(nil)
		l.cease()
		return nil
	}
	var ceasing sync.WaitGroup
	ceasing.Add(1)
	unwatch := context.AfterFunc(ctx, func() { defer ceasing.Done(); l.cease() })
	defer func() {
		if unwatch() {
			ceasing.Done()
		}
		ceasing.Wait()
	}()
	work, cancel := context.WithTimeout(p.work, p.settings.timeout)
	defer cancel()
	_, report, err := p.processor.ProcessReport(batch.WithDelivery(work, l), event)
	if report == nil {
		p.settings.log().Error("troupe: sqspoll: a batch cannot be processed", "error", err.Error())
	}
	return report
}

func (p *poller) observe(observe func(context.Context, Batch), b Batch) {
	if err := batch.TryWithin(nil, func() error { observe(p.last, b); return nil }); err != nil {
		p.settings.log().Error("troupe: sqspoll: an observer failed and was ignored", "error", err.Error())
	}
}

func (p *poller) warnOf(text string, err error, args ...any) {
	if err != nil {
		args = append(args, "error", err.Error())
	}
	p.settings.log().Warn(text, args...)
}

// fatal is an error that no retry can help.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// isFatal reports whether the error of a call is for good: the queue does not exist, or access is denied. If the call is a
// receive, Run ends with it.
func isFatal(err error) bool {
	if f := (fatal{}); errors.As(err, &f) {
		return true
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	code := api.ErrorCode()
	for _, part := range []string{"NonExistentQueue", "QueueDoesNotExist", "AccessDenied", "InvalidAddress"} {
		if strings.Contains(code, part) {
			return true
		}
	}
	return false
}

// errorOf is the error of an entry of a batch.
func errorOf(e types.BatchResultErrorEntry) error {
	return fmt.Errorf("%s: %s", text(e.Code), text(e.Message))
}

// final reports whether an entry cannot succeed when it is tried again.
func final(e types.BatchResultErrorEntry) bool {
	return e.SenderFault && !strings.Contains(text(e.Code), "Throttl")
}

// indexOf reads the identifier of an entry.
func indexOf(id *string, n int) (int, bool) {
	i, err := strconv.Atoi(text(id))
	return i, err == nil && i >= 0 && i < n
}
