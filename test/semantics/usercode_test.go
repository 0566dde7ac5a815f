package semantics_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/firehose"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/kpl"
	"github.com/troupe-go/troupe/observe/emf"
	"github.com/troupe-go/troupe/observe/oteltroupe"
	"github.com/troupe-go/troupe/observe/recordlog"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/s3batch"
	"github.com/troupe-go/troupe/typed"
	"github.com/troupe-go/troupe/window"
)

// misbehavior is what code of the user's does in place of its work. It returns an error only if it is to return one.
type misbehavior func(release <-chan struct{}) error

var misbehaviors = map[string]misbehavior{
	"panic":     func(<-chan struct{}) error { panic("told to panic") },
	"Goexit":    func(<-chan struct{}) error { runtime.Goexit(); return nil },
	"hang":      func(release <-chan struct{}) error { <-release; return nil },
	"typed nil": func(<-chan struct{}) error { return (*pointerError)(nil) },
}

// pointerError is an error whose methods dereference their receiver.
type pointerError struct {
	text  string
	cause error
}

func (e *pointerError) Error() string   { return e.text }
func (e *pointerError) Is(error) bool   { return e.text == "" }
func (e *pointerError) As(any) bool     { return e.text == "" }
func (e *pointerError) Unwrap() error   { return e.cause }
func (e *pointerError) Timeout() bool   { return e.text == "" }
func (e *pointerError) Temporary() bool { return e.text == "" }

// stagehand is where a piece of the user's code misbehaves.
type stagehand struct {
	misbehave misbehavior
	release   chan struct{}
}

// do misbehaves where there is no error to return: a typed nil is what it panics with.
func (s *stagehand) do() {
	if err := s.misbehave(s.release); err != nil {
		panic(err)
	}
}

// err misbehaves where there is an error to return.
func (s *stagehand) err() error { return s.misbehave(s.release) }

// text misbehaves in place of returning a text.
func (s *stagehand) text() string { s.do(); return "text" }

// badError is an error of which one method misbehaves.
type badError struct {
	*stagehand
	method string
}

func (e badError) Error() string {
	if e.method == "Error" {
		return e.text()
	}
	return "a bad error"
}

func (e badError) Is(error) bool {
	if e.method == "Is" {
		e.do()
	}
	return true
}

func (e badError) As(any) bool {
	if e.method == "As" {
		e.do()
	}
	return false
}

func (e badError) Unwrap() error {
	if e.method == "Unwrap" {
		e.do()
	}
	return nil
}

// badValue is a value whose String method misbehaves.
type badValue struct{ *stagehand }

func (v badValue) String() string { return v.text() }

// badState is the state of a window. Which of its methods misbehaves, and when, is set by current: a method that
// unmarshals has nothing else to go by.
type badState struct{ N int }

type moment struct {
	*stagehand
	method string
	after  int32 // calls that go well before
	calls  atomic.Int32
}

var current *moment // of the test that is running

func (m *moment) at(method string) {
	if m == nil || m.method != method {
		return
	}
	if m.calls.Add(1) > m.after {
		m.do()
	}
}

func (s *badState) UnmarshalJSON(text []byte) error {
	current.at("UnmarshalJSON")
	type plain badState
	return json.Unmarshal(text, (*plain)(s))
}

func (s badState) MarshalJSON() ([]byte, error) {
	current.at("MarshalJSON")
	type plain badState
	return json.Marshal(plain(s))
}

// badPayload is a payload whose UnmarshalJSON misbehaves.
type badPayload struct{ *stagehand }

func (p *badPayload) UnmarshalJSON([]byte) error {
	current.at("UnmarshalJSON")
	return nil
}

// badLog is a slog.Handler that misbehaves.
type badLog struct{ *stagehand }

func (l badLog) Enabled(context.Context, slog.Level) bool            { return true }
func (l badLog) Handle(context.Context, slog.Record) error           { return l.err() }
func (l badLog) WithAttrs([]slog.Attr) slog.Handler                  { return l }
func (l badLog) WithGroup(string) slog.Handler                       { return l }
func (s *stagehand) Write(p []byte) (int, error)                     { return len(p), s.err() }
func (s *stagehand) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (s *stagehand) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (s *stagehand) Shutdown(context.Context) error                  { return nil }
func (s *stagehand) ForceFlush(context.Context) error                { return nil }

// tumblingEvent is an event of a window with two records.
func tumblingEvent(final bool) []byte {
	text := string(document(kinesis, numbered(2, groups(1))...))
	return []byte(strings.TrimSuffix(text, "}") + fmt.Sprintf(`,"window":{"start":"2020-07-30T17:00:00Z","end":"2020-07-30T17:05:00Z"},"state":{"N":1},"shardId":"shard","eventSourceARN":"arn","isFinalInvokeForWindow":%v,"isWindowTerminatedEarly":false}`, final))
}

const topicEvent = `{"eventSource":"aws:kafka","records":{"orders-0":[{"topic":"orders","partition":0,"offset":1,"timestamp":1,"timestampType":"CREATE_TIME","value":"eA=="},{"topic":"orders","partition":0,"offset":2,"timestamp":1,"timestampType":"CREATE_TIME","value":"eA=="}]}}`

const deliveryEvent = `{"invocationId":"i","deliveryStreamArn":"arn","region":"eu-west-1","records":[{"recordId":"1","data":"eA=="},{"recordId":"2","data":"eA=="}]}`

const jobEvent = `{"invocationSchemaVersion":"1.0","invocationId":"i","job":{"id":"j"},"tasks":[{"taskId":"1","s3Key":"k"}]}`

// failuresIn has what says in a response of each kind that something has failed.
var failuresIn = []string{"itemIdentifier", "ProcessingFailed", `"resultCode":"TemporaryFailure"`}

// enriching is a handler that leaves a value.
var enriching = troupe.Returning(func(_ context.Context, msg events.SQSMessage) (string, error) { return msg.Body, nil })

// offloadedEvent has a message whose body is in S3.
const offloadedEvent = `{"Records":[{"messageId":"1","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:orders",` +
	`"body":"[\"software.amazon.payloadoffloading.PayloadS3Pointer\",{\"s3BucketName\":\"large\",\"s3Key\":\"k\"}]",` +
	`"messageAttributes":{"ExtendedPayloadSize":{"dataType":"Number","stringValue":"9"}}}]}`

// badBody is an object in S3 that misbehaves.
type badBody struct{ *stagehand }

func (b badBody) Read([]byte) (int, error) { return 0, cmp.Or(b.err(), io.ErrUnexpectedEOF) }
func (b badBody) Close() error             { return b.err() }

// badStore is a store of which one method misbehaves.
type badStore struct {
	idempotency.Store
	*stagehand
	method string
}

func stored(method string) func(*stagehand) (idempotency.Store, func() string) {
	var keys atomic.Int32
	return func(s *stagehand) (idempotency.Store, func() string) {
		return badStore{idempotency.NewMemory(), s, method}, func() string { return strconv.Itoa(int(keys.Add(1))) }
	}
}

func (b badStore) Claim(ctx context.Context, claim idempotency.Claim) (*idempotency.Completion, error) {
	if b.method == "Claim" {
		return nil, b.err()
	}
	return b.Store.Claim(ctx, claim)
}

func (b badStore) Complete(ctx context.Context, key, token string, done idempotency.Completion) error {
	if b.method == "Complete" {
		return b.err()
	}
	return b.Store.Complete(ctx, key, token, done)
}

func (b badStore) Release(ctx context.Context, key, token string) error {
	if b.method == "Release" {
		return b.err()
	}
	return b.Store.Release(ctx, key, token)
}

// idempotent wraps a handler with that result.
func idempotent(result error, store func(*stagehand) (idempotency.Store, func() string)) func(*stagehand, ...troupe.Option) lambda.Handler {
	return func(s *stagehand, o ...troupe.Option) lambda.Handler {
		kept, key := store(s)
		return troupe.SQS(idempotency.Wrap("charge", kept, func(context.Context, events.SQSMessage) string { return key() },
			func(context.Context, events.SQSMessage) error { return result }, idempotency.WithFunction("f"),
			idempotency.WithLogger(slog.New(slog.DiscardHandler))), o...)
	}
}

// badQueue changes visibility and sends letters, and misbehaves if it is to.
type badQueue struct{ *stagehand }

func (b badQueue) ChangeVisibility(context.Context, string, []redelivery.Change) ([]error, error) {
	if b.stagehand == nil {
		return nil, nil
	}
	return nil, b.err()
}

func (b badQueue) Send(context.Context, redelivery.Letter) error { return b.err() }

// place is a place where troupe calls code of the user's.
type place struct {
	name string // as docs/design.md lists it
	make func(s *stagehand, o ...troupe.Option) lambda.Handler
	// event is the payload; nil: two messages of a queue.
	event []byte
	// reported is whether the records are reported: not if the code that misbehaves is beside the point.
	reported bool
	current  *moment // for types that have nothing else to go by
}

func places() []place {
	failing := func(err func(*stagehand) error) func(*stagehand, ...troupe.Option) lambda.Handler {
		return func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(func(context.Context, events.SQSMessage) error { return err(s) }, o...)
		}
	}
	with := func(result error, option func(*stagehand) troupe.Option) func(*stagehand, ...troupe.Option) lambda.Handler {
		return func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(func(context.Context, events.SQSMessage) error { return result }, append(o, option(s))...)
		}
	}
	fold := func(_ context.Context, s badState, _ events.KinesisEventRecord) (badState, error) {
		s.N++
		return s, nil
	}
	folding := func(final func(*stagehand) func(context.Context, badState) error, fold func(context.Context, badState, events.KinesisEventRecord) (badState, error)) func(*stagehand, ...troupe.Option) lambda.Handler {
		return func(s *stagehand, o ...troupe.Option) lambda.Handler { return window.Kinesis(fold, final(s), o...) }
	}
	noEnd := func(*stagehand) func(context.Context, badState) error { return nil }
	errBad := func(method string) func(*stagehand) error {
		return func(s *stagehand) error { return badError{s, method} }
	}
	all := []place{
		{name: "handler", make: failing((*stagehand).err), reported: true},
		{name: "group function", make: with(nil, func(s *stagehand) troupe.Option {
			return troupe.WithGroup(func(events.SQSMessage) string { return s.text() })
		}), reported: true},
		{name: "middleware", make: with(nil, func(s *stagehand) troupe.Option {
			return troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
				return func(context.Context, troupe.Record) error { return s.err() }
			})
		}), reported: true},
		{name: "decider", make: with(errHandler, func(s *stagehand) troupe.Option {
			return troupe.WithDecider(func(troupe.Record, error) troupe.Policy { s.do(); return troupe.Continue })
		}), reported: true},
		{name: "Retry.Backoff", make: with(errHandler, func(s *stagehand) troupe.Option {
			return troupe.WithRetry(troupe.Retry{Times: 1, Base: time.Millisecond, Backoff: func(int) time.Duration { s.do(); return 0 }})
		}), reported: true},
		{name: "last resort", make: with(errHandler, func(s *stagehand) troupe.Option {
			return troupe.WithLastResort(func(context.Context, troupe.Record, error) error { return cmp.Or(s.err(), errHandler) })
		}), reported: true},
		{name: "observer", make: with(nil, func(s *stagehand) troupe.Option {
			return troupe.WithObserver(func(context.Context, *troupe.Report) { s.do() })
		})},
		{name: "failure hook", make: with(errHandler, func(s *stagehand) troupe.Option {
			return troupe.WithFailureHook(func(context.Context, troupe.Record, error) { s.do() })
		}), reported: true},
		{name: "slog.Handler", make: with(errHandler, func(s *stagehand) troupe.Option {
			return troupe.WithLogger(slog.New(badLog{s}))
		}), reported: true},
		{name: "a panic's String", make: failing(func(s *stagehand) error { panic(badValue{s}) }), reported: true},
		{name: "a panic's Error", make: failing(func(s *stagehand) error { panic(badError{s, "Error"}) }), reported: true},
		{name: "a panic's Is", make: failing(func(s *stagehand) error { panic(badError{s, "Is"}) }), reported: true},
		{name: "a panic's Unwrap", make: failing(func(s *stagehand) error { panic(badError{s, "Unwrap"}) }), reported: true},

		{name: "typed: handler", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(typed.SQS(func(context.Context, map[string]any) error { return s.err() }), o...)
		}, event: document(standard, record{id: "1", body: "{}"}), reported: true},
		{name: "typed: Decoder", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(typed.SQS(func(context.Context, int) error { return nil },
				typed.WithDecoder(func([]byte) (int, error) { return 0, s.err() })), o...)
		}, reported: true},
		{name: "typed: UnmarshalJSON", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(typed.SQS(func(context.Context, badPayload) error { return nil }), o...)
		}, event: document(standard, record{id: "1", body: "{}"}), reported: true, current: &moment{method: "UnmarshalJSON"}},
		{name: "typed: payload function", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(typed.From("body", func(events.SQSMessage) []byte { s.do(); return nil },
				func(context.Context, typed.With[int, events.SQSMessage]) error { return nil }), o...)
		}, reported: true},
		{name: "envelope: next", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(envelope.SNS(func(context.Context, events.SQSMessage) error { return s.err() }), o...)
		}, reported: true},
		{name: "kafka: handler", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return kafka.New(func(context.Context, kafka.Record) error { return s.err() }, o...)
		}, event: []byte(topicEvent), reported: true},
		{name: "kafka: group function", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return kafka.New(func(context.Context, kafka.Record) error { return nil },
				append(o, troupe.WithGroup(func(kafka.Record) string { return s.text() }))...)
		}, event: []byte(topicEvent), reported: true},
		{name: "firehose: handler", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return firehose.New(troupe.Returning(func(context.Context, firehose.Record) (string, error) { return "", s.err() }), o...)
		}, event: []byte(deliveryEvent), reported: true},
		{name: "firehose: group function", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return firehose.New(troupe.Returning(func(context.Context, firehose.Record) (string, error) { return "", nil }),
				append(o, troupe.WithGroup(func(firehose.Record) string { return s.text() }))...)
		}, event: []byte(deliveryEvent), reported: true},
		{name: "firehose: MarshalJSON", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return firehose.New(troupe.Returning(func(context.Context, firehose.Record) (firehose.Output, error) { return firehose.JSON(badState{}) }), o...)
		}, event: []byte(deliveryEvent), reported: true, current: &moment{method: "MarshalJSON"}},
		{name: "s3batch: handler", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return s3batch.New(troupe.Returning(func(context.Context, s3batch.Task) (string, error) { return "", s.err() }), o...)
		}, event: []byte(jobEvent), reported: true},
		{name: "kpl: handler", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return kpl.Kinesis(func(context.Context, kpl.UserRecord) error { return s.err() }, o...)
		}, event: document(kinesis, numbered(2, groups(1))...), reported: true},
		{name: "kpl: group function", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return kpl.Kinesis(func(context.Context, kpl.UserRecord) error { return nil },
				append(o, troupe.WithGroup(func(kpl.UserRecord) string { return s.text() }))...)
		}, event: document(kinesis, numbered(2, groups(1))...), reported: true},

		{name: "bulk: handler", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return bulk.SQS(func(context.Context, []events.SQSMessage) error { return s.err() }, o...)
		}, reported: true},

		{name: "bulk: write", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return bulk.SQSThen(enriching, func(context.Context, []string) error { return s.err() }, o...)
		}, reported: true},

		{name: "window: fold", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return window.Kinesis(func(_ context.Context, state badState, _ events.KinesisEventRecord) (badState, error) {
				return state, s.err()
			}, nil, o...)
		}, event: tumblingEvent(false), reported: true},
		{name: "window: final", make: folding(func(s *stagehand) func(context.Context, badState) error {
			return func(context.Context, badState) error { return s.err() }
		}, fold), event: tumblingEvent(true), reported: true},
		{name: "window: UnmarshalJSON as the batch arrives", make: folding(noEnd, fold), event: tumblingEvent(false),
			reported: true, current: &moment{method: "UnmarshalJSON"}},
		{name: "window: MarshalJSON after a fold", make: folding(noEnd, fold), event: tumblingEvent(false),
			reported: true, current: &moment{method: "MarshalJSON"}},
		{name: "window: UnmarshalJSON in a retry", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			first := true
			return window.Kinesis(func(ctx context.Context, state badState, rec events.KinesisEventRecord) (badState, error) {
				if first {
					first = false
					return state, errHandler
				}
				return fold(ctx, state, rec)
			}, nil, append(o, troupe.WithRetry(troupe.Retry{Times: 1}))...)
		}, event: tumblingEvent(false), reported: true, current: &moment{method: "UnmarshalJSON", after: 1}},

		{name: "ignore function", make: with(nil, func(s *stagehand) troupe.Option {
			return troupe.WithIgnore(func([]byte) bool { s.do(); return false })
		}), event: []byte(`{"source":"warmer"}`), reported: true},
		{name: "envelope: fetch", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(envelope.Offloaded(func(context.Context, envelope.Pointer) (io.ReadCloser, error) { return nil, s.err() },
				[]string{"large"}, func(context.Context, events.SQSMessage) error { return nil }), o...)
		}, event: []byte(offloadedEvent), reported: true},
		{name: "envelope: Read and Close of a body", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(envelope.Offloaded(func(context.Context, envelope.Pointer) (io.ReadCloser, error) { return badBody{s}, nil },
				[]string{"large"}, func(context.Context, events.SQSMessage) error { return nil }), o...)
		}, event: []byte(offloadedEvent), reported: true},
		{name: "idempotency: key function", make: idempotent(nil, func(s *stagehand) (idempotency.Store, func() string) {
			return idempotency.NewMemory(), s.text
		}), reported: true},
		{name: "idempotency: Claim", make: idempotent(nil, stored("Claim")), reported: true},
		{name: "idempotency: Complete", make: idempotent(nil, stored("Complete"))},
		{name: "idempotency: Release", make: idempotent(errHandler, stored("Release")), reported: true},
		{name: "idempotency: MarshalJSON of a value", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(idempotency.Returning("charge", idempotency.NewMemory(), func(_ context.Context, m events.SQSMessage) string { return m.MessageId },
				func(context.Context, events.SQSMessage) (badState, error) { return badState{}, nil }, idempotency.WithFunction("f"),
				idempotency.WithLogger(slog.New(slog.DiscardHandler))), o...)
		}, current: &moment{method: "MarshalJSON"}},
		{name: "redelivery: delay", make: with(errHandler, func(s *stagehand) troupe.Option {
			return redelivery.Backoff(badQueue{}, func(int, error) time.Duration { s.do(); return 0 })
		}), reported: true},
		{name: "redelivery: Visibility", make: with(errHandler, func(s *stagehand) troupe.Option {
			return redelivery.Backoff(badQueue{s}, func(int, error) time.Duration { return 0 })
		}), reported: true},
		{name: "redelivery: WithTotals", make: with(errHandler, func(s *stagehand) troupe.Option {
			return redelivery.Backoff(badQueue{}, func(int, error) time.Duration { return 0 },
				redelivery.WithTotals(func(context.Context, redelivery.Totals) { s.do() }))
		}), reported: true},
		{name: "redelivery: Sender", make: with(errHandler, func(s *stagehand) troupe.Option {
			return redelivery.DeadLetter(badQueue{s}, 1)
		}), reported: true},

		{name: "emf: Writer", make: with(nil, func(s *stagehand) troupe.Option { return emf.Observe("ns", emf.WithWriter(s)) })},
		{name: "recordlog: slog.Handler", make: with(errHandler, func(s *stagehand) troupe.Option {
			return recordlog.Failures(slog.New(badLog{s}))
		}), reported: true},
		{name: "oteltroupe: origin", make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
			return troupe.SQS(oteltroupe.Wrap(func(context.Context, events.SQSMessage) error { return nil },
				func(events.SQSMessage) oteltroupe.Origin { s.do(); return oteltroupe.Origin{} }), o...)
		}, reported: true},
	}
	// The errors of handlers, by every way that they take.
	for _, method := range []string{"Error", "Is", "As", "Unwrap"} {
		all = append(all,
			place{name: "a handler's error: " + method, make: failing(errBad(method)), reported: true},
			place{name: "a joined error: " + method, make: failing(func(s *stagehand) error {
				return errors.Join(troupe.Permanent(errHandler), badError{s, method})
			}), reported: true},
			place{name: "a wrapped error: " + method, make: failing(func(s *stagehand) error {
				return &pointerError{text: "outer", cause: badError{s, method}}
			}), reported: true},
			place{name: "firehose: an error: " + method, make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
				return firehose.New(troupe.Returning(func(context.Context, firehose.Record) (string, error) { return "", badError{s, method} }), o...)
			}, event: []byte(deliveryEvent), reported: true},
			place{name: "s3batch: an error: " + method, make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
				return s3batch.New(func(context.Context, s3batch.Task) error { return badError{s, method} }, o...)
			}, event: []byte(jobEvent), reported: true},
			place{name: "bulk: an error: " + method, make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
				return bulk.SQS(func(context.Context, []events.SQSMessage) error { return badError{s, method} }, o...)
			}, reported: true},
			place{name: "bulk: an error in Failures: " + method, make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
				return bulk.SQS(func(context.Context, []events.SQSMessage) error {
					return bulk.Failures{0: badError{s, method}, 1: errHandler}
				}, o...)
			}, reported: true},
			place{name: "bulk: an error of a write: " + method, make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
				return bulk.SQSThen(enriching, func(context.Context, []string) error { return badError{s, method} }, o...)
			}, reported: true},
			place{name: "bulk: an error in Failures of a write: " + method, make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
				return bulk.SQSThen(enriching, func(context.Context, []string) error {
					return bulk.Failures{0: badError{s, method}, 1: errHandler}
				}, o...)
			}, reported: true},
			place{name: "window: an error: " + method, make: func(s *stagehand, o ...troupe.Option) lambda.Handler {
				return window.Kinesis(func(_ context.Context, state badState, _ events.KinesisEventRecord) (badState, error) {
					return state, badError{s, method}
				}, nil, o...)
			}, event: tumblingEvent(false), reported: true},
			place{name: "window: an error of final: " + method, make: folding(func(s *stagehand) func(context.Context, badState) error {
				return func(context.Context, badState) error { return badError{s, method} }
			}, fold), event: tumblingEvent(true), reported: true},
		)
	}
	return all
}

// watched are the ways in which errors leave: hooks and observers of every kind, spans and metrics, and the runtime client.
func watched(p place, s *stagehand, o ...troupe.Option) lambda.Handler {
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s)))
	o = append(o, troupe.WithLogger(slog.New(slog.NewJSONHandler(io.Discard, nil))), oteltroupe.Observe(), emf.Observe("watch", emf.WithWriter(io.Discard)),
		recordlog.Failures(slog.New(slog.NewTextHandler(io.Discard, nil))),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { _, _ = json.Marshal(r) }))
	if !strings.HasPrefix(p.name, "bulk") {
		o = append(o, oteltroupe.Spans(tracers))
	}
	return oteltroupe.Handler(p.make(s, o...), tracers)
}

// SPEC S1, S2, D1, D2: code of the user's may panic, end its goroutine, hang or hand over a nil pointer as an error,
// wherever troupe calls it. It costs the records that it is about, or nothing where it is beside the point, and never
// the response: that is there before the deadline, and so is the text of an error, which the runtime client asks for.
func TestNothingThatTheUsersCodeDoesCostsTheResponse(t *testing.T) {
	const left = 2 * time.Second
	for _, p := range places() {
		for kind, misbehave := range misbehaviors {
			for _, way := range []struct {
				name  string
				build func(place, *stagehand) lambda.Handler
			}{
				{"ErrorWhenAll", func(p place, s *stagehand) lambda.Handler {
					return p.make(s, troupe.WithLogger(slog.New(slog.DiscardHandler)))
				}},
				{"ErrorNever", func(p place, s *stagehand) lambda.Handler {
					return p.make(s, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever))
				}},
				{"watched", func(p place, s *stagehand) lambda.Handler { return watched(p, s) }},
			} {
				t.Run(p.name+"/"+kind+"/"+way.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := &stagehand{misbehave, make(chan struct{})}
						if current = p.current; current != nil {
							current = &moment{stagehand: s, method: p.current.method, after: p.current.after}
						}
						event := p.event
						if event == nil {
							event = document(standard, numbered(2, nil)...)
						}
						ctx, cancel := context.WithTimeout(t.Context(), left)
						defer cancel()
						began := time.Now()
						response, err := way.build(p, s).Invoke(ctx, event)
						text := ""
						if err != nil {
							text = err.Error()
						}
						assert.Less(t, time.Since(began), left, "in time")
						reported := err != nil || slices.ContainsFunc(failuresIn, func(text string) bool { return strings.Contains(string(response), text) })
						assert.Equal(t, p.reported, reported, "%s, %s", response, text)
						if err != nil {
							assert.NotEmpty(t, text)
							assert.Less(t, len(text), 1000)
						}
						close(s.release)
						synctest.Wait()
					})
				})
			}
		}
	}
}

// docs/design.md lists the places that are tried here.
func TestTheDesignListsEveryPlaceWhereCodeOfTheUsersIsCalled(t *testing.T) {
	text, err := os.ReadFile("../../docs/design.md")
	require.NoError(t, err)
	for _, p := range places() {
		name := p.name
		for _, method := range []string{"Error", "Is", "As", "Unwrap"} {
			name = strings.TrimSuffix(name, ": "+method)
		}
		assert.Contains(t, string(text), name)
	}
}
