package redelivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Visibility changes the visibility timeouts of received messages. It must be safe for concurrent use.
type Visibility interface {
	// ChangeVisibility hides 1 to 10 messages of a queue, each for its timeout from now. failed has an error for each
	// change that was refused, in the order of changes, and nil for the others; it is nil if all were made. err means
	// that the call failed as a whole. It returns soon after ctx ends.
	ChangeVisibility(ctx context.Context, queueARN string, changes []Change) (failed []error, err error)
}

// Change is a new visibility timeout for a message.
type Change struct {
	// ID and Receipt are the message's identifier and its receipt handle.
	ID, Receipt string
	// Timeout is a number of whole seconds, 0 included.
	Timeout time.Duration
}

// ErrTimeout is matched by the error of a change whose timeout the queue rejects. The change is tried once more
// with half of it.
var ErrTimeout = errors.New("troupe: redelivery: the queue rejects the visibility timeout")

// Option changes what Backoff does.
type Option func(*backoff) error

const (
	defaultLongest = time.Hour
	maxLongest     = 11 * time.Hour
)

// WithLongest sets the longest timeout, from 1 s to 11 h: SQS allows 12 h from the receive of a message, which the
// function does not see. Longer times are cut to it. Default: 1 h.
func WithLongest(longest time.Duration) Option {
	return func(b *backoff) error {
		if longest < time.Second || longest > maxLongest {
			return fmt.Errorf("WithLongest(%v): must be from 1s to 11h", longest)
		}
		b.longest = longest
		return nil
	}
}

// WithLogger sets the logger for a WARN line when timeouts could not be changed. nil means slog.Default(), which is
// also the default.
func WithLogger(logger *slog.Logger) Option {
	return func(b *backoff) error { b.logger = logger; return nil }
}

// WithTotals registers a function that receives the Totals of each batch for which there was something to change.
// It is called by the observer, at the end of the batch. Default: none.
func WithTotals(observe func(ctx context.Context, totals Totals)) Option {
	return func(b *backoff) error {
		if observe == nil {
			return errors.New("WithTotals(nil): must be a function")
		}
		b.totals = observe
		return nil
	}
}

// Totals count the messages of a batch by what became of their visibility timeouts.
type Totals struct {
	// Changed counts the messages that have their new timeout.
	Changed int
	// Refused counts those whose change failed, and Late those for which there was no time. They keep the timeout of the
	// queue.
	Refused, Late int
	// Err is the first error, if any.
	Err error
}

// Exponential returns a function for Backoff: base after the first receive, twice as much after each further one, and
// at most longest. It panics unless 0 < base ≤ longest.
func Exponential(base, longest time.Duration) func(receives int, err error) time.Duration {
	if base <= 0 || base > longest {
		panic(fmt.Errorf("troupe: redelivery: Exponential(%v, %v): the first must be positive and at most the second", base, longest))
	}
	return func(receives int, _ error) time.Duration {
		d := base
		for ; receives > 1 && d < longest-d; receives-- {
			d *= 2
		}
		if receives > 1 {
			return longest
		}
		return d
	}
}

// Backoff returns an option that gives each SQS message whose handler failed the visibility timeout that delay returns
// for its receive count and error, at random between half of that and all of it, in whole seconds (SPEC V1). The
// messages are reported as before. delay is called at the end of the batch, for one message after the other; a negative
// time counts as 0, and if it panics or has not returned in time the message keeps the timeout of the queue.
//
// All reported messages of a FIFO message group get the time of its first failed one. A group with an abandoned message
// is left alone, as are messages of standard queues that were abandoned or never started.
//
// Backoff panics if client or delay is nil or an option is invalid. The constructor of the processor refuses it
// for sources other than SQS and together with ErrorWhenAny. It raises the reserve to at least 1 s.
func Backoff(client Visibility, delay func(receives int, err error) time.Duration, options ...Option) troupe.Option {
	b := &backoff{client: client, delay: delay, longest: defaultLongest}
	if err := b.apply(options); err != nil {
		panic(fmt.Errorf("troupe: redelivery: Backoff: %w", err))
	}
	return troupe.Named("redelivery.Backoff",
		troupe.WithRedelivery(batch.Redelivery{Sources: []troupe.Source{batch.SQS}, Reserve: leastReserve}),
		troupe.WithObserver(b.observe))
}

// leastReserve is the reserve that there is at least (SPEC V3).
const leastReserve = time.Second

type backoff struct {
	client  Visibility
	delay   func(int, error) time.Duration
	longest time.Duration
	logger  *slog.Logger
	totals  func(context.Context, Totals)
}

func (b *backoff) apply(options []Option) error {
	switch {
	case b.client == nil:
		return errors.New("the client is nil")
	case b.delay == nil:
		return errors.New("the delay is nil: must be a function")
	}
	for i, o := range options {
		if o == nil {
			return fmt.Errorf("option %d is nil", i+1)
		}
		if err := o(b); err != nil {
			return err
		}
	}
	return nil
}

// observe changes the visibility timeouts of a batch whose records all have their outcome.
func (b *backoff) observe(ctx context.Context, report *troupe.Report) {
	if report.Failed == report.NotStarted {
		return
	}
	calls, cancel := bounded(ctx, leaveOf(ctx), observerGrace)
	defer cancel()
	c := &changes{client: b.client}
	groups := c.groupsOf(ctx, report)
	groups = slices.DeleteFunc(groups, func(g *group) bool { return !g.failed || g.abandoned || !c.timed(calls, g, b) })
	c.run(calls, groups)
	t := c.totals
	if t.Changed+t.Refused+t.Late == 0 {
		return
	}
	if t.Refused+t.Late > 0 {
		b.log().Warn("troupe: redelivery: visibility timeouts were not changed; the messages return after that of the queue",
			"changed", t.Changed, "refused", t.Refused, "late", t.Late, "first_error", batch.Text(t.Err))
	}
	if b.totals != nil {
		b.totals(ctx, t)
	}
}

func (b *backoff) log() *slog.Logger {
	if b.logger != nil {
		return b.logger
	}
	return slog.Default()
}

// group is messages that get one timeout: those of a FIFO group that are reported, or one of a standard queue.
type group struct {
	queue     string // ARN
	changes   []Change
	receives  int   // of the first whose handler failed
	err       error // of the same
	failed    bool  // there is one
	abandoned bool  // a handler may still be running
}

// groupsOf returns the groups of a batch in batch order.
func (c *changes) groupsOf(ctx context.Context, report *troupe.Report) (groups []*group) {
	fifo := make(map[string]*group)
	for i := range report.Records {
		r := &report.Records[i]
		if r.Outcome != troupe.Failed {
			continue
		}
		msg, err := troupe.MessageAt[events.SQSMessage](ctx, i)
		if err != nil { // without a receipt handle
			if r.Attempts > 0 {
				c.refused(1, fmt.Errorf("troupe: redelivery: the message cannot be decoded: %w", err))
			}
			continue
		}
		g := &group{queue: msg.EventSourceARN}
		if isFIFO(msg.EventSourceARN) {
			key := msg.EventSourceARN + " " + msg.Attributes["MessageGroupId"]
			if known := fifo[key]; known != nil {
				g = known
			} else {
				fifo[key] = g
				groups = append(groups, g)
			}
		} else {
			groups = append(groups, g)
		}
		g.changes = append(g.changes, Change{ID: msg.MessageId, Receipt: msg.ReceiptHandle})
		switch {
		case wasAbandoned(r.Err):
			g.abandoned = true
		case r.Attempts > 0 && !g.failed:
			g.failed, g.receives, g.err = true, receivesOf(msg), r.Err
		}
	}
	return groups
}

// timed sets the timeout of a group. It reports false if there is none.
func (c *changes) timed(ctx context.Context, g *group, b *backoff) bool {
	if ctx.Err() != nil {
		c.late(len(g.changes), errNoTime)
		return false
	}
	asked := make(chan time.Duration, 1)
	err := batch.TryWithin(ctx.Done(), func() error {
		asked <- b.delay(g.receives, g.err)
		return nil
	})
	if err != nil {
		if err == batch.ErrAbandoned {
			c.late(len(g.changes), err)
		} else {
			c.refused(len(g.changes), err)
		}
		return false
	}
	timeout := jittered(min(max(<-asked, 0), b.longest))
	for i := range g.changes {
		g.changes[i].Timeout = timeout
	}
	return true
}

// jittered returns a number of whole seconds between half of d and d, or as near to that as there is one.
func jittered(d time.Duration) time.Duration {
	return (d/2 + rand.N(d-d/2+1)).Round(time.Second)
}

func isFIFO(arn string) bool {
	const suffix = ".fifo"
	return len(arn) >= len(suffix) && strings.EqualFold(arn[len(arn)-len(suffix):], suffix)
}

func wasAbandoned(err error) bool {
	reasons, _ := batch.Cause(err)
	return slices.Contains(reasons, batch.ErrAbandoned)
}

// receivesOf returns how often a message has been received; 1 if it does not say.
func receivesOf(msg events.SQSMessage) int {
	n, err := strconv.Atoi(msg.Attributes["ApproximateReceiveCount"])
	if err != nil || n < 1 {
		return 1
	}
	return n
}
