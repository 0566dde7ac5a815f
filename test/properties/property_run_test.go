package properties

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/test/properties/model"
)

// seen is what could be seen of a batch from outside of the processor.
type seen struct {
	began    time.Time
	took     time.Duration
	reported []string
	err      error
	report   *troupe.Report
	leaked   string // stacks of what was there when every handler had returned

	state    json.RawMessage         // of a window
	covering func(batch, int) string // the state that covers the first so many records

	mu       sync.Mutex
	attempts []*call
	closings []*call // of a window
	wrapped  int     // calls of the middleware
	given    []int   // the records that the handler of a whole batch was given
	moments  int     // starts and ends so far
	hooked   []hooked
	resorted []*extra
	sent     []*extra
	changes  []*change
	delays   []asked
	totals   []redelivery.Totals
	halved   bool          // a time was tried with half
	changed  time.Duration // when the observer that changes visibility timeouts was done, as the calls say
	reports  int
	faults   []string
}

// call is one call of the handler.
type call struct {
	record, number int
	start, end     time.Duration // end is -1 until it returns
	limit          time.Duration // the context's deadline
	startedAs      int           // place among all starts and ends
	endedAs        int
}

// hooked is one call of the failure hook.
type hooked struct {
	record, attempt int
	at              time.Duration
	err             error
}

// fault is an error of the handler.
type fault struct {
	record, attempt int
	permanent       bool
	busy            bool // the key is in progress elsewhere
}

func (f fault) Error() string { return fmt.Sprintf("fault %d.%d", f.record, f.attempt) }

// Unwrap is the error of package idempotency in it.
func (f fault) Unwrap() error {
	if f.busy {
		return &idempotency.InProgressError{}
	}
	return nil
}

// pointer is an error whose methods dereference it.
type pointer struct{ text string }

func (p *pointer) Error() string { return p.text }
func (p *pointer) Is(error) bool { return p.text == "" }

// bad is an error that cannot be printed, and that is everything that it is asked for.
type bad struct{ fault }

func (bad) Error() string   { panic("Error panics") }
func (bad) Is(error) bool   { return true }
func (b bad) Unwrap() error { return b.fault }

// mute is an error whose Error method hangs.
type mute struct {
	fault
	release chan struct{}
}

func (m mute) Error() string {
	<-m.release
	return m.fault.Error()
}

func (m mute) Unwrap() error { return m.fault }

// panicked reports whether an error is that of a panic. It does not ask the error, which may say yes to anything.
func panicked(err error) bool {
	_, ok := errors.AsType[*troupe.PanicError](err)
	return ok
}

// stage is a plan being run.
type stage struct {
	*plan
	came    []*seen
	release chan struct{} // closed: handlers that hang return
	without []bool        // by record: its handler leaves no value
}

// run runs the plan in the bubble that it is called in, lets go of the handlers that hang, and sees that
// nothing stays behind.
func (p *plan) run() []*seen {
	before := runtime.NumGoroutine()
	came := p.invoke()
	synctest.Wait()
	if runtime.NumGoroutine() > before { // it counts goroutines that are about to be gone, too
		came[0].leaked = leaked()
	}
	return came
}

// leaked returns the stacks of the goroutines of this bubble that are not those of the test.
func leaked() string {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	var left []string
	for stack := range strings.SplitSeq(string(all), "\n\n") {
		if strings.Contains(stack, "synctest bubble") && !strings.Contains(stack, "testing/synctest") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

func (p *plan) invoke() []*seen {
	s := &stage{plan: p, release: make(chan struct{})}
	defer close(s.release)
	stages.Store(p.number, s)
	defer stages.Delete(p.number)
	for range p.batches {
		s.came = append(s.came, &seen{})
	}
	process := s.processor()
	var all sync.WaitGroup
	for no := range p.batches {
		all.Go(func() { s.invocation(no, process) })
		if !p.overlap {
			all.Wait()
		}
	}
	all.Wait()
	return s.came
}

// invocation gives batch no to the processor, in a context that ends as the batch says.
func (s *stage) invocation(no int, process func(context.Context, int) ([]string, error)) {
	b, came := s.batches[no], s.came[no]
	came.began = time.Now()
	ctx := context.WithValue(context.Background(), batchKey{}, no)
	if b.given != model.Never {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, came.began.Add(b.given))
		defer cancel()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if b.Cancel == 0 {
		cancel()
	} else if b.Cancel != model.Never {
		defer time.AfterFunc(b.Cancel, cancel).Stop()
	}
	came.reported, came.err = process(ctx, no)
	came.took = time.Since(came.began)
}

type batchKey struct{}

// processor makes the plan's processor.
func (s *stage) processor() func(ctx context.Context, no int) ([]string, error) {
	options := []troupe.Option{
		troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(s.errorWhen), troupe.WithConcurrency(s.batches[0].Concurrency),
		troupe.WithObserver(s.observe), troupe.WithFailureHook(s.failed),
	}
	if s.middleware {
		options = append(options, troupe.WithMiddleware(s.wrap))
	}
	if s.lowestOnly {
		options = append(options, troupe.WithLowestOnly())
	}
	if s.decider != nil {
		options = append(options, troupe.WithDecider(func(rec troupe.Record, err error) troupe.Policy {
			return s.decider.decide(rec.Index, panicked(err))
		}))
	} else {
		options = append(options, troupe.WithPolicy(s.policy))
	}
	if b := s.batches[0]; b.Retries > 0 {
		options = append(options, troupe.WithRetry(troupe.Retry{Times: b.Retries, Panics: b.RetryPanics, Backoff: b.Backoff}))
	}
	if d := s.batches[0].RecordTimeout; d > 0 {
		options = append(options, troupe.WithRecordTimeout(d))
	}
	if d := s.batches[0].Reserve; d > 0 {
		options = append(options, troupe.WithReserve(d))
	}
	if s.order == unordered {
		options = append(options, troupe.WithoutOrder())
	}

	options = append(options, s.redeliveryOptions()...)

	switch s.made {
	case typedly:
		return s.typedProcessor(options)
	case unpacked:
		return s.kplProcessor(options)
	case windowed:
		return s.windowProcessor(options)
	case together:
		return s.bulkProcessor(options)
	}
	switch s.source {
	case kinesis:
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(r events.KinesisEventRecord) string { return s.groupOf(string(r.Kinesis.Data)) }))
		}
		p := troupe.Kinesis(valued(s, func(ctx context.Context, r events.KinesisEventRecord) error {
			return s.handle(ctx, string(r.Kinesis.Data))
		}), options...)
		return invoker(s, p, s.kinesisEvent, func(r events.KinesisEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.KinesisBatchItemFailure) string { return f.ItemIdentifier })
		})
	case dynamodb:
		body := func(r events.DynamoDBEventRecord) string { return r.Change.NewImage["body"].String() }
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(r events.DynamoDBEventRecord) string { return s.groupOf(body(r)) }))
		}
		p := troupe.DynamoDB(valued(s, func(ctx context.Context, r events.DynamoDBEventRecord) error {
			return s.handle(ctx, body(r))
		}), options...)
		return invoker(s, p, s.dynamodbEvent, func(r events.DynamoDBEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.DynamoDBBatchItemFailure) string { return f.ItemIdentifier })
		})
	case topic:
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(r kafka.Record) string { return s.groupOf(string(r.Value)) }))
		}
		p := kafka.New(valued(s, func(ctx context.Context, r kafka.Record) error { return s.handle(ctx, string(r.Value)) }), options...)
		return invoker(s, p, s.kafkaEvent, func(r kafka.Response) []string {
			return identifiers(r.BatchItemFailures, func(f kafka.BatchItemFailure) string { return f.ItemIdentifier.String() })
		})
	default:
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(m events.SQSMessage) string { return s.groupOf(m.Body) }))
		}
		p := troupe.SQS(valued(s, func(ctx context.Context, m events.SQSMessage) error { return s.handle(ctx, m.Body) }), options...)
		return invoker(s, p, s.sqsEvent, func(r events.SQSEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.SQSBatchItemFailure) string { return f.ItemIdentifier })
		})
	}
}

// processor is what troupe makes for a source.
type processor[E, R any] interface {
	Process(context.Context, E) (R, error)
	Invoke(context.Context, []byte) ([]byte, error)
}

// invoker calls a processor by the way that the plan takes. The identifiers are nil if there was no list.
func invoker[E, R any](s *stage, p processor[E, R], event func(no int) E, ids func(R) []string) func(context.Context, int) ([]string, error) {
	return func(ctx context.Context, no int) ([]string, error) {
		if !s.raw {
			response, err := p.Process(ctx, event(no))
			return ids(response), err
		}
		payload, err := json.Marshal(event(no))
		if err != nil {
			return nil, fmt.Errorf("the test's own: %w", err)
		}
		payload = spoiled(payload)
		if s.pipe {
			payload = piped(payload, s.made != unpacked)
		}
		answer, err := p.Invoke(ctx, payload)
		for i := range payload {
			payload[i] = 'x' // Lambda's runtime uses the buffer again (SPEC D3)
		}
		if err != nil {
			return nil, err
		}
		var response R
		if err := json.Unmarshal(answer, &response); err != nil {
			return nil, fmt.Errorf("the response %q: %w", answer, err)
		}
		return ids(response), nil
	}
}

// valued keeps the value of a handler, if the plan says so (R1).
func valued[T any](s *stage, handler troupe.Handler[T]) troupe.Handler[T] {
	if !s.returns {
		return handler
	}
	returning := troupe.Returning(func(ctx context.Context, record T) (string, error) {
		rec, _ := troupe.RecordFrom(ctx)
		err := handler(ctx, record)
		return valueOf(rec.Index, rec.Attempt), err
	})
	return func(ctx context.Context, record T) error {
		if rec, _ := troupe.RecordFrom(ctx); s.without != nil && s.without[rec.Index] {
			return handler(ctx, record)
		}
		return returning(ctx, record)
	}
}

func valueOf(record, attempt int) string { return fmt.Sprintf("%d.%d", record, attempt) }

// piped is an event the way a pipe sends it (S10): an array, whose Kinesis records are flat. What a mapping knows a
// record of a stream by is the eventID, and its sequence number is another, if that does no harm.
func piped(payload []byte, another bool) []byte {
	var event struct{ Records []map[string]json.RawMessage }
	if err := json.Unmarshal(payload, &event); err != nil {
		panic("the test's own: " + err.Error())
	}
	for _, r := range event.Records {
		for name, number := range map[string]string{"kinesis": "sequenceNumber", "dynamodb": "SequenceNumber"} {
			var inner map[string]json.RawMessage
			if json.Unmarshal(r[name], &inner) != nil {
				continue
			}
			if r["eventID"] = inner[number]; another {
				inner[number] = json.RawMessage(`"0"`)
			}
			if name == "dynamodb" {
				r[name], _ = json.Marshal(inner)
				continue
			}
			delete(r, name)
			maps.Copy(r, inner)
		}
	}
	if event.Records == nil {
		return []byte("[]")
	}
	array, err := json.Marshal(event.Records)
	if err != nil {
		panic("the test's own: " + err.Error())
	}
	return array
}

func identifiers[F any](failures []F, id func(F) string) []string {
	if failures == nil {
		return nil
	}
	ids := make([]string, len(failures))
	for i, f := range failures {
		ids[i] = id(f)
	}
	return ids
}

// undecodable is the payload of a record that is to be made one that cannot be decoded.
const undecodable = "undecodable"

// spoiled puts a number where a text has to be.
func spoiled(payload []byte) []byte {
	for _, text := range []string{undecodable, base64.StdEncoding.EncodeToString([]byte(undecodable))} {
		payload = bytes.ReplaceAll(payload, []byte(`"`+text+`"`), []byte("7"))
	}
	return payload
}

// body is what a record carries in a plan without package typed.
func (s *stage) body(no, i int) string {
	if s.batches[no].spoiled[i] {
		return undecodable
	}
	return payload(no, i)
}

// group is the group that the source itself puts a record in: its own, or one that must not matter.
func (p *plan) group(b batch, i int) string {
	if p.order == grouped {
		return "all-alike"
	}
	return b.Records[i].Group
}

func (s *stage) sqsEvent(no int) events.SQSEvent {
	arn := "arn:aws:sqs:eu-west-1:123456789012:orders"
	if s.source == fifo {
		arn += []string{".fifo", ".FIFO"}[no%2]
	}
	event := events.SQSEvent{Records: []events.SQSMessage{}}
	for i, id := range s.batches[no].ids {
		m := events.SQSMessage{MessageId: id, Body: s.body(no, i), EventSource: "aws:sqs", EventSourceARN: arn, Attributes: map[string]string{}}
		if group := s.group(s.batches[no], i); group != "" {
			m.Attributes["MessageGroupId"] = group // standard queues have them too: fair queues
		}
		s.received(&m, no, i)
		event.Records = append(event.Records, m)
	}
	return event
}

func (s *stage) kinesisEvent(no int) events.KinesisEvent {
	event := events.KinesisEvent{Records: []events.KinesisEventRecord{}}
	for i, id := range s.batches[no].ids {
		r := events.KinesisEventRecord{EventSource: "aws:kinesis", EventID: "shardId-000000000000:" + id}
		r.Kinesis = events.KinesisRecord{SequenceNumber: id, PartitionKey: s.group(s.batches[no], i), Data: []byte(s.body(no, i))}
		event.Records = append(event.Records, r)
	}
	return event
}

func (s *stage) dynamodbEvent(no int) events.DynamoDBEvent {
	event := events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{}}
	for i, id := range s.batches[no].ids {
		r := events.DynamoDBEventRecord{EventSource: "aws:dynamodb", EventName: "INSERT", EventID: "e" + id}
		r.Change.SequenceNumber = id
		r.Change.NewImage = map[string]events.DynamoDBAttributeValue{"body": events.NewStringAttribute(s.body(no, i))}
		if group := s.group(s.batches[no], i); group != "" {
			r.Change.Keys = map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(group), "sk": events.NewNumberAttribute("1")}
		}
		event.Records = append(event.Records, r)
	}
	return event
}

func (s *stage) kafkaEvent(no int) kafka.Event {
	event := kafka.Event{EventSource: "aws:kafka", Records: map[string][]kafka.Record{}}
	for i, id := range s.batches[no].ids {
		partition, offset, _ := strings.Cut(id, "@")
		r := kafka.Record{Topic: partition[:strings.LastIndexByte(partition, '-')], Value: []byte(s.body(no, i))}
		if _, err := fmt.Sscanf(partition[len(r.Topic)+1:]+" "+offset, "%d %d", &r.Partition, &r.Offset); err != nil {
			panic("the test's own: " + id)
		}
		event.Records[partition] = append(event.Records[partition], r)
	}
	return event
}

// payload is what a record carries: where it is found in the plan.
func payload(no, i int) string { return fmt.Sprintf("%d/%d", no, i) }

func place(body string) (no, i int) {
	if _, err := fmt.Sscanf(body, "%d/%d", &no, &i); err != nil {
		panic("the test's own: " + body)
	}
	return no, i
}

func (s *stage) groupOf(body string) string {
	no, i := place(body)
	return s.batches[no].Records[i].Group
}

// handle is the handler: it does what the plan says, and notes it.
func (s *stage) handle(ctx context.Context, body string) error {
	no, i := place(body)
	b, came := s.batches[no], s.came[no]
	rec, _ := troupe.RecordFrom(ctx)
	c := came.started(ctx, i, rec.Attempt)
	defer came.ended(c) // however it ends

	if rec.Index != i || rec.ID != b.ids[i] || rec.Attempt < 1 || ctx.Value(batchKey{}) != no {
		came.complain("record %d has the context of %+v, batch %v", i, rec, ctx.Value(batchKey{}))
		return fmt.Errorf("wrong record")
	}
	acts := b.Records[i].Acts
	if rec.Attempt > len(acts) {
		came.complain("P6: record %d got attempt %d", i, rec.Attempt)
		return nil // or it might never end
	}
	act := acts[rec.Attempt-1]
	err := s.perform(ctx, came, act, fault{record: i, attempt: rec.Attempt, busy: act.Busy})
	if body != payload(no, i) { // after the bytes of the event were used again, if it was abandoned
		came.complain("D3: record %d sees %q", i, body)
	}
	return err
}

// perform does what an act says.
func (s *stage) perform(ctx context.Context, came *seen, act model.Act, f fault) error {
	done := ctx.Done()
	if act.Deaf {
		done = nil
	}
	var over <-chan time.Time
	switch {
	case act.Do == model.Hang:
		done = nil
	case act.For == 0:
		return s.end(ctx, act.Do, f)
	default:
		timer := time.NewTimer(act.For)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return s.end(ctx, act.Do, f)
	case <-done:
		if cause := context.Cause(ctx); !reasons(cause).OneOf(model.TimedOut|model.Deadline) && !errors.Is(cause, context.Canceled) {
			came.complain("record %d: its context ended because of %v", f.record, context.Cause(ctx))
		}
		if act.Lag > 0 {
			select {
			case <-time.After(act.Lag):
			case <-s.release:
			}
		}
		return fmt.Errorf("%w: %w", f, ctx.Err())
	case <-s.release:
		return nil // too late for anybody
	}
}

// end ends an attempt, or has the middleware end it.
func (s *stage) end(ctx context.Context, do model.Do, f fault) error {
	if v, ok := ctx.Value(wrapKey{}).(*verdict); ok && s.blames {
		v.do, v.of = do, f
		return nil
	}
	return s.finish(do, f)
}

func (s *stage) finish(do model.Do, f fault) error {
	switch do {
	case model.OK:
		return nil
	case model.FailForGood:
		f.permanent = true
		return troupe.Permanent(f)
	case model.Panic:
		panic(fmt.Sprintf("panic %d.%d", f.record, f.attempt))
	case model.Goexit:
		runtime.Goexit()
	case model.FailJoined:
		return errors.Join(troupe.Drop(f), fmt.Errorf("%w, %w", f, troupe.Permanent(f)), f)
	case model.FailNil:
		return (*pointer)(nil)
	case model.FailBadly:
		return bad{f}
	case model.PanicBadly:
		endless := map[any]any{f: nil}
		endless["itself"] = endless
		panic(endless)
	case model.FailMute:
		return mute{f, s.release}
	case model.LeaveOut:
		return errors.Join(troupe.Drop(f), fmt.Errorf("outer: %w", troupe.Drop(f)))
	}
	return f
}

// wrap is a middleware that looks at what it is given.
func (s *stage) wrap(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
	return func(ctx context.Context, rec troupe.Record) error {
		came := s.came[ctx.Value(batchKey{}).(int)]
		came.mu.Lock()
		came.wrapped++
		came.mu.Unlock()
		if from, ok := troupe.RecordFrom(ctx); !ok || from != rec {
			came.complain("a middleware was given %+v in the context of %+v", rec, from)
		}
		v := new(verdict)
		if err := next(context.WithValue(ctx, wrapKey{}, v), rec); err != nil {
			return err
		}
		return s.finish(v.do, v.of)
	}
}

// verdict is how an attempt ends whose handler has succeeded.
type verdict struct {
	do model.Do
	of fault
}

type wrapKey struct{}

func (s *stage) observe(ctx context.Context, report *troupe.Report) {
	came := s.came[ctx.Value(batchKey{}).(int)]
	came.mu.Lock()
	defer came.mu.Unlock()
	came.reports++
	came.report = report
}

func (s *stage) failed(ctx context.Context, rec troupe.Record, err error) {
	came := s.came[ctx.Value(batchKey{}).(int)]
	came.mu.Lock()
	defer came.mu.Unlock()
	came.hooked = append(came.hooked, hooked{rec.Index, rec.Attempt, time.Since(came.began), err})
}

// call is a call that starts now.
func (came *seen) call(ctx context.Context, record, attempt int) *call {
	c := &call{record: record, number: attempt, start: time.Since(came.began), end: -1, limit: model.Never}
	if limit, ok := ctx.Deadline(); ok {
		c.limit = limit.Sub(came.began)
	}
	return c
}

func (came *seen) started(ctx context.Context, record, attempt int) *call {
	c := came.call(ctx, record, attempt)
	came.mu.Lock()
	defer came.mu.Unlock()
	came.moments++
	c.startedAs = came.moments
	came.attempts = append(came.attempts, c)
	return c
}

func (came *seen) ended(c *call) {
	came.mu.Lock()
	defer came.mu.Unlock()
	c.end = time.Since(came.began)
	came.moments++
	c.endedAs = came.moments
}

func (came *seen) complain(format string, args ...any) {
	came.mu.Lock()
	defer came.mu.Unlock()
	came.faults = append(came.faults, fmt.Sprintf(format, args...))
}

// String tells what came like told does what was expected.
func (came *seen) String() string {
	var s strings.Builder
	for _, c := range came.attempts {
		fmt.Fprintf(&s, "  record %d attempt %d started at %v, ended at %v\n", c.record, c.number, c.start, c.end)
	}
	if came.report != nil {
		for i, r := range came.report.Records {
			fmt.Fprintf(&s, "  record %d: %v, attempts %d, queued %v, duration %v\n", i, r.Err, r.Attempts, r.Queued, r.Duration)
		}
	}
	fmt.Fprintf(&s, "  answered at %v with %q, %v", came.took, came.reported, came.err)
	return s.String()
}
