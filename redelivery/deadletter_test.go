package redelivery_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/typed"
	"github.com/troupe-go/troupe/window"
)

// sender keeps letters, and fails as directed.
type sender struct {
	err   error
	delay time.Duration

	mu      sync.Mutex
	letters []redelivery.Letter
}

func (s *sender) Send(ctx context.Context, l redelivery.Letter) error {
	if s.delay > 0 {
		select {
		case <-time.After(s.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, l)
	return s.err
}

func (s *sender) sent() string {
	var ids []string
	for _, l := range s.letters {
		ids = append(ids, l.ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

var errPermanent = troupe.Permanent(errHandler)

// SPEC V2: which messages are sent, by error, receives and what the user's last resort says.
func TestWhichMessagesAreDeadLettered(t *testing.T) {
	fail := func(err error) troupe.Handler[events.SQSMessage] {
		return func(context.Context, events.SQSMessage) error { return err }
	}
	retried := 0
	for name, c := range map[string]struct {
		handler         troupe.Handler[events.SQSMessage]
		receives, after int
		options         []troupe.Option
		sent            bool
		outcome         troupe.Outcome
	}{
		"permanent":                  {fail(errPermanent), 1, 0, nil, true, troupe.Dropped},
		"an error":                   {fail(errHandler), 1, 0, nil, false, troupe.Failed},
		"often received, not asked":  {fail(errHandler), 99, 0, nil, false, troupe.Failed},
		"not yet often":              {fail(errHandler), 2, 3, nil, false, troupe.Failed},
		"often received":             {fail(errHandler), 3, 3, nil, true, troupe.Dropped},
		"more often":                 {fail(errHandler), 4, 3, nil, true, troupe.Dropped},
		"a panic, often":             {func(context.Context, events.SQSMessage) error { panic("boom") }, 3, 3, nil, true, troupe.Dropped},
		"Goexit, often":              {func(context.Context, events.SQSMessage) error { runtime.Goexit(); return nil }, 3, 3, nil, true, troupe.Dropped},
		"a success":                  {fail(nil), 9, 3, nil, false, troupe.Succeeded},
		"in progress":                {fail(fmt.Errorf("x: %w", &idempotency.InProgressError{})), 9, 3, nil, false, troupe.Failed},
		"in progress, permanently":   {fail(troupe.Permanent(&idempotency.InProgressError{})), 9, 3, nil, false, troupe.Failed},
		"a branch is permanent":      {fail(errors.Join(errPermanent, errHandler)), 1, 0, nil, false, troupe.Failed},
		"dropped by the handler":     {fail(troupe.Drop(errHandler)), 9, 3, nil, false, troupe.Dropped},
		"dropped by the user":        {fail(errPermanent), 9, 3, []troupe.Option{troupe.WithLastResort(func(context.Context, troupe.Record, error) error { return nil })}, false, troupe.Dropped},
		"made permanent by the user": {fail(errHandler), 1, 0, []troupe.Option{troupe.WithLastResort(func(_ context.Context, _ troupe.Record, err error) error { return troupe.Permanent(err) })}, true, troupe.Dropped},
		"a success after a retry": {func(context.Context, events.SQSMessage) error {
			retried++
			return map[int]error{1: errHandler}[retried]
		}, 9, 3, []troupe.Option{troupe.WithRetry(troupe.Retry{Times: 1, Base: time.Nanosecond})}, false, troupe.Succeeded},
		"two options, the first does": {fail(errPermanent), 1, 0, []troupe.Option{redelivery.DeadLetter(&sender{err: errHandler}, 0)}, true, troupe.Dropped},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sender{}
			_, report, err := troupe.SQS(c.handler, append([]troupe.Option{redelivery.DeadLetter(s, c.after), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)}, c.options...)...).
				ProcessReport(t.Context(), messages(standard, c.receives, "a1"))
			require.NoError(t, err)
			assert.Equal(t, c.sent, len(s.letters) == 1)
			assert.Equal(t, c.outcome, report.Records[0].Outcome)
			if c.sent {
				assert.Equal(t, 1, report.DeadLettered)
				assert.ErrorIs(t, report.Records[0].Err, troupe.ErrDeadLettered)
			} else {
				assert.Zero(t, report.DeadLettered)
			}
		})
	}
}

// What fails before it in a batch of a queue is redelivered by itself.
func TestAMessageIsSentWhateverFailedBeforeIt(t *testing.T) {
	s := &sender{}
	_, report, err := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
		return map[string]error{"a1": errHandler, "a2": errPermanent}[msg.MessageId]
	}, redelivery.DeadLetter(s, 0), quiet, troupe.WithConcurrency(1)).ProcessReport(t.Context(), messages(standard, 1, "a1", "a2"))
	require.NoError(t, err)
	assert.Equal(t, "a2", s.sent())
	assert.Equal(t, 1, report.Failed)
}

// SPEC V2: abandoned messages, and those that were never started, are not sent, whatever their receives.
func TestWhatWasNotTriedIsNotDeadLettered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		does := map[string]string{"a1": "hang"}
		_, report, err := troupe.SQS(directed(does), redelivery.DeadLetter(s, 1), quiet, troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever)).
			ProcessReport(ctx, messages(fifo, 9, "a1", "a2"))
		require.NoError(t, err)
		assert.Equal(t, 2, report.Failed)
		assert.Empty(t, s.letters)
		time.Sleep(2 * time.Hour)
	})
}

// SPEC V2: ten messages of a group, the first of which can never succeed: the rest is handled, each after the letter of
// the one before has been sent.
func TestOnePoisonMessageCostsOneMessage(t *testing.T) {
	s := &sender{delay: time.Second}
	synctest.Test(t, func(t *testing.T) {
		var order []string
		_, report, err := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
			order = append(order, fmt.Sprint(msg.MessageId, "/", len(s.letters)))
			if strings.HasPrefix(msg.Body, "body of a001") || msg.MessageId == "a005" {
				return errPermanent
			}
			return nil
		}, redelivery.DeadLetter(s, 0), quiet).ProcessReport(t.Context(), messages(fifo, 1, numbered("a", 10)...))
		require.NoError(t, err)
		assert.Equal(t, "a001 a005", s.sent())
		assert.Equal(t, []string{"a001/0", "a002/1", "a003/1", "a004/1", "a005/1", "a006/2", "a007/2", "a008/2", "a009/2", "a010/2"}, order)
		assert.Equal(t, 8, report.Succeeded)
		assert.Equal(t, 2, report.DeadLettered)
		assert.Zero(t, report.Failed)
	})
}

// SPEC V2: if the letter cannot be sent, or not in time, the record has failed with both errors and the policy decides.
func TestARecordThatCannotBeSentHasFailed(t *testing.T) {
	boom := errors.New("the queue is gone")
	for name, c := range map[string]struct {
		s     *sender
		takes time.Duration
		is    error
	}{
		"an error":          {&sender{err: boom}, 0, boom},
		"near the deadline": {&sender{delay: time.Hour}, 58900 * time.Millisecond, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, report, err := troupe.SQS(func(context.Context, events.SQSMessage) error { time.Sleep(c.takes); return errPermanent },
					redelivery.DeadLetter(c.s, 0), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).ProcessReport(ctx, messages(fifo, 1, "a1", "a2"))
				require.NoError(t, err)
				assert.Equal(t, 2, report.Failed)
				assert.Equal(t, 1, report.NotStarted, "the policy is StopBatch")
				assert.Zero(t, report.DeadLettered)
				assert.ErrorIs(t, report.Records[0].Err, errHandler)
				assert.ErrorIs(t, report.Records[0].Err, c.is)
				assert.NotErrorIs(t, report.Records[0].Err, troupe.ErrAbandoned, "the send ended before the last call")
				assert.NoError(t, ctx.Err())
			})
		})
	}
}

// A send that began before the cutoff ends after it, up to the last call.
func TestASendOutlivesTheCutoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := &sender{delay: 500 * time.Millisecond}
		_, report, err := troupe.SQS(func(context.Context, events.SQSMessage) error {
			time.Sleep(58900 * time.Millisecond)
			return errPermanent
		},
			redelivery.DeadLetter(s, 0), quiet).ProcessReport(ctx, messages(standard, 1, "a1"))
		require.NoError(t, err)
		assert.Equal(t, 1, report.DeadLettered)
	})
	for delay, want := range map[time.Duration]int{300 * time.Millisecond: 1, time.Second: 0} { // after a cancellation
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := &sender{delay: delay}
			go func() { time.Sleep(time.Second); cancel() }()
			_, report, err := troupe.SQS(func(context.Context, events.SQSMessage) error { time.Sleep(time.Second - 1); return errPermanent },
				redelivery.DeadLetter(s, 0), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).ProcessReport(ctx, messages(standard, 1, "a1"))
			require.NoError(t, err)
			assert.Equal(t, want, report.DeadLettered)
		})
	}
}

// The time for a send is that of the batch, whatever timeout the handler had.
func TestASendIsNotBoundedByTheRecordTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := &sender{delay: 600 * time.Millisecond} // from 100 ms before the cutoff
		_, report, err := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error { <-ctx.Done(); return errPermanent },
			redelivery.DeadLetter(s, 0), quiet, troupe.WithRecordTimeout(58900*time.Millisecond)).ProcessReport(ctx, messages(standard, 1, "a1"))
		require.NoError(t, err)
		assert.Equal(t, 1, report.DeadLettered)
	})
}

// liar is an error that matches everything.
type liar struct{ error }

func (liar) Is(error) bool { return true }

// broken is an error whose Unwrap method panics.
type broken struct{ error }

func (broken) Unwrap() error { panic("Unwrap") }

// SPEC S1: the methods of a handler's error do not decide that its key is in progress elsewhere.
func TestAnErrorThatMatchesEverythingIsDeadLettered(t *testing.T) {
	for _, failure := range []error{liar{errHandler}, broken{errHandler}, errors.Join(liar{errHandler}, errHandler)} {
		s := &sender{}
		_, report, err := troupe.SQS(func(context.Context, events.SQSMessage) error { return failure }, redelivery.DeadLetter(s, 3), quiet).
			ProcessReport(t.Context(), messages(standard, 3, "a1"))
		require.NoError(t, err)
		assert.Equal(t, 1, report.DeadLettered, "%T", failure)
	}
	s := &sender{}
	_, _, err := troupe.SQS(func(context.Context, events.SQSMessage) error {
		return errors.Join(errHandler, idempotency.ErrInProgress)
	},
		redelivery.DeadLetter(s, 3), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).ProcessReport(t.Context(), messages(standard, 3, "a1"))
	require.NoError(t, err)
	assert.Empty(t, s.letters, "one branch is in progress")
}

// SPEC V2: a record that will not be started any more is redelivered like one that has failed, and what comes behind it.
func TestARecordOfAStreamIsNotSentBehindOneThatWillNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var records []string
		for n, key := range []string{"a", "a", "b", "c"} {
			records = append(records, fmt.Sprintf(`{"eventSource":"aws:kinesis","kinesis":{"partitionKey":"%s","sequenceNumber":"%d","data":""}}`, key, n+1))
		}
		s := &sender{}
		p := troupe.Kinesis(func(_ context.Context, r events.KinesisEventRecord) error {
			switch r.Kinesis.SequenceNumber {
			case "3":
				time.Sleep(2 * time.Second)
				return errPermanent
			case "4":
				time.Sleep(time.Second)
				return errHandler // and record 2 is not started
			}
			time.Sleep(3 * time.Second)
			return nil
		}, redelivery.DeadLetter(s, 0), quiet, troupe.WithConcurrency(3), troupe.WithPolicy(troupe.StopBatch))
		out, err := p.Invoke(t.Context(), []byte(`{"Records":[`+strings.Join(records, ",")+`]}`))
		require.NoError(t, err)
		assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"},{"itemIdentifier":"4"}]}`, string(out))
		assert.Empty(t, s.letters)
	})
}

// SPEC V2: on a stream or topic a record is sent only if nothing before it has failed.
func TestARecordOfAStreamIsSentIfNothingBeforeItHasFailed(t *testing.T) {
	record := func(n int) string {
		return fmt.Sprintf(`{"eventSource":"aws:kinesis","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/clicks","kinesis":{"partitionKey":"k%d","sequenceNumber":"%d","data":"%s"}}`,
			n, n, base64.StdEncoding.EncodeToString(fmt.Append(nil, "data ", n)))
	}
	for name, c := range map[string]struct {
		first error
		sent  string
		list  string
	}{
		"the first is permanent": {errPermanent, "1 2", `{"batchItemFailures":[]}`},
		"the first may succeed":  {errHandler, "", `{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sender{}
			p := troupe.Kinesis(func(_ context.Context, r events.KinesisEventRecord) error {
				return map[string]error{"1": c.first, "2": errPermanent}[r.Kinesis.SequenceNumber]
			}, redelivery.DeadLetter(s, 1), quiet, troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever))
			out, err := p.Invoke(t.Context(), []byte(`{"Records":[`+record(1)+","+record(2)+","+record(3)+`]}`))
			require.NoError(t, err)
			assert.Equal(t, c.sent, s.sent())
			assert.Equal(t, c.list, string(out))
		})
	}

	s := &sender{}
	p := kafka.New(func(context.Context, kafka.Record) error { return errPermanent }, redelivery.DeadLetter(s, 0), quiet)
	_, err := p.Invoke(t.Context(), []byte(`{"eventSource":"aws:kafka","records":{"t-0":[{"topic":"t","partition":0,"offset":1,"value":"YQ=="},{"topic":"t","partition":0,"offset":2}]}}`))
	require.NoError(t, err)
	require.Len(t, s.letters, 2)
	assert.Equal(t, "a", s.letters[0].Body)
	assert.Equal(t, "t-0", s.letters[0].Group)
	assert.JSONEq(t, `{"topic":"t","partition":0,"offset":2}`, s.letters[1].Body, "a tombstone has no value to send")
	assert.Equal(t, "record", reasonOf(t, s.letters[1]).Body)
}

func reasonOf(t *testing.T, l redelivery.Letter) (r redelivery.Reason) {
	t.Helper()
	a, ok := l.Attributes[redelivery.ReasonAttribute]
	require.True(t, ok)
	assert.Equal(t, "String", a.DataType)
	require.NoError(t, json.Unmarshal([]byte(*a.StringValue), &r))
	assert.LessOrEqual(t, len(*a.StringValue), 1024)
	return r
}

// letterFor returns the letter for the only record of an event.
func letterFor(t *testing.T, event string, err error) redelivery.Letter {
	t.Helper()
	s := &sender{}
	_, failed := troupe.SQS(func(context.Context, events.SQSMessage) error { return err }, redelivery.DeadLetter(s, 1), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).
		Invoke(t.Context(), []byte(`{"Records":[`+event+`]}`))
	require.NoError(t, failed)
	require.Len(t, s.letters, 1)
	return s.letters[0]
}

// SPEC V4: body and attributes as received, the reason in one attribute.
func TestALetterIsTheMessageWithAReason(t *testing.T) {
	l := letterFor(t, `{"messageId":"id-1","body":"the\tbody","eventSourceARN":"`+fifo+`","attributes":{"ApproximateReceiveCount":"4","AWSTraceHeader":"Root=1","MessageGroupId":"g"},
		"messageAttributes":{"kind":{"dataType":"String","stringValue":"order"},"raw":{"dataType":"Binary","binaryValue":"AQI="}}}`, fmt.Errorf("bad\x00\uffff: %w", errPermanent))
	assert.Equal(t, "the\tbody", l.Body)
	assert.Equal(t, "Root=1", l.TraceHeader)
	assert.Equal(t, "g", l.Group)
	assert.False(t, l.Fair)
	assert.Equal(t, "id-1", l.Deduplication)
	assert.Equal(t, "order", *l.Attributes["kind"].StringValue)
	assert.Equal(t, []byte{1, 2}, l.Attributes["raw"].BinaryValue)
	assert.Len(t, l.Attributes, 3)
	assert.Equal(t, redelivery.Reason{Source: "sqs", ID: "id-1", Reasons: []string{"error"}, Error: "bad\ufffd\ufffd: " + errHandler.Error(), Permanent: true, Receives: 4}, reasonOf(t, l))
	assert.NotContains(t, *l.Attributes[redelivery.ReasonAttribute].StringValue, "\uffff")

	l = letterFor(t, `{"messageId":"id-2","body":"b","eventSourceARN":"`+standard+`","attributes":{"MessageGroupId":"tenant"}}`, errHandler)
	assert.True(t, l.Fair)
	assert.Equal(t, "tenant", l.Group)
	l = letterFor(t, `{"messageId":"id-3","body":"b","eventSourceARN":"`+standard+`"}`, errors.New(strings.Repeat("\x01", 1000)))
	assert.False(t, l.Fair)
	assert.Equal(t, "id-3", l.Group)
	assert.Equal(t, 1, reasonOf(t, l).Receives)
}

// SPEC V4: what cannot be decoded is sent as far as it can be read.
func TestALetterOfWhatCannotBeDecoded(t *testing.T) {
	for record, want := range map[string][2]string{
		`{"messageId":"1","body":"b","messageAttributes":7}`: {"b", ""},
		`{"messageId":"1","body":7}`:                         {`{"messageId":"1","body":7}`, "record"},
		`{"messageId":"1","body":"\u0000b"}`:                 {"AGI=", "base64"},
		`{"messageId":"1","body":"\ufffd"}`:                  {"\ufffd", ""},
	} {
		l := letterFor(t, record, errPermanent)
		assert.Equal(t, want[0], l.Body, record)
		assert.Equal(t, want[1], reasonOf(t, l).Body, record)
		assert.True(t, reasonOf(t, l).Permanent)
	}
}

// SPEC V4: ten attributes, 1 MiB and identifiers that SQS accepts; the reason is left out where there is no room.
func TestALetterFitsIntoTheQueue(t *testing.T) {
	attributes := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"a%d":{"dataType":"String","stringValue":"v"}`, i))
		}
		return strings.Join(list, ",")
	}
	message := func(id, body, attributes string) string {
		return `{"messageId":"` + id + `","body":"` + body + `","messageAttributes":{` + attributes + `}}`
	}
	for name, c := range map[string]struct {
		record string
		want   int // attributes
		reason bool
	}{
		"nine":                    {message("1", "b", attributes(9)), 10, true},
		"ten":                     {message("1", "b", attributes(10)), 10, false},
		"a reason of before":      {message("1", "b", attributes(9)+`,"DeadLetterReason":{"dataType":"String","stringValue":"old"}`), 10, true},
		"room for the reason":     {message("1", strings.Repeat("b", 1<<20-1100), ""), 1, true},
		"no room for the reason":  {message("1", strings.Repeat("b", 1<<20-50), ""), 0, false},
		"attributes take up room": {message("1", strings.Repeat("b", 1<<20-1100), `"a":{"dataType":"Binary","binaryValue":"`+strings.Repeat("AAAA", 350)+`"}`), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := letterFor(t, c.record, errPermanent)
			assert.Len(t, l.Attributes, c.want)
			a, ok := l.Attributes[redelivery.ReasonAttribute]
			assert.Equal(t, c.reason, ok)
			if ok {
				assert.NotEqual(t, "old", *a.StringValue)
			}
		})
	}
	long := strings.Repeat("x", 129)
	l := letterFor(t, message(long, "b", ""), errPermanent)
	assert.Len(t, l.Deduplication, 64)
	assert.Len(t, l.Group, 64)
	assert.NotEqual(t, l.Deduplication, letterFor(t, message(long+"x", "b", ""), errPermanent).Deduplication)
	huge := letterFor(t, message(strings.Repeat("x", 2000), "b", ""), errPermanent)
	assert.Empty(t, huge.Attributes, "no reason of 1 KB has such an identifier")
}

// Letters of two streams with the same positions differ.
func TestLettersOfStreamsAreDistinct(t *testing.T) {
	letter := func(key, data string) redelivery.Letter {
		s := &sender{}
		_, err := troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return errPermanent }, redelivery.DeadLetter(s, 0), quiet).
			Process(t.Context(), events.KinesisEvent{Records: []events.KinesisEventRecord{{Kinesis: events.KinesisRecord{SequenceNumber: "1", PartitionKey: key, Data: []byte(data)}}}})
		require.NoError(t, err)
		require.Len(t, s.letters, 1)
		return s.letters[0]
	}
	a := letter("k", "\xff")
	assert.Equal(t, a, letter("k", "\xff"), "the same record has the same letter")
	assert.Equal(t, "/w==", a.Body)
	assert.NotEqual(t, a.Deduplication, letter("l", "\xff").Deduplication)
	assert.NotEqual(t, a.Deduplication, letter("k", "x").Deduplication)
	assert.Equal(t, "k", a.Group)
	assert.Len(t, letter("a key with spaces", "x").Group, 64)
}

// typed, envelope and idempotency compose with it: what cannot be decoded is sent, unless typed drops it first.
func TestItComposesWithTyped(t *testing.T) {
	type order struct{ ID int }
	handle := func(context.Context, order) error { return nil }
	for _, c := range []struct {
		handler troupe.Handler[troupe.Lazy[events.SQSMessage]]
		sent    string
		dead    int
	}{{typed.SQS(handle), "a1", 1}, {typed.SQS(handle, typed.WithDropUndecodable()), "", 0}} {
		s := &sender{}
		_, report, err := troupe.SQS(c.handler, redelivery.DeadLetter(s, 0), quiet).ProcessReport(t.Context(), messages(standard, 1, "a1"))
		require.NoError(t, err)
		assert.Equal(t, c.sent, s.sent())
		assert.Equal(t, 1, report.Dropped)
		assert.Equal(t, c.dead, report.DeadLettered)
	}
}

// SPEC 2: what is wrong is said when the processor is constructed; window and bulk have no attempts at records.
func TestWhatDeadLetterRefuses(t *testing.T) {
	dead := redelivery.DeadLetter(&sender{}, 0)
	assert.PanicsWithError(t, "troupe: redelivery: DeadLetter: the sender is nil", func() { redelivery.DeadLetter(nil, 1) })
	assert.PanicsWithError(t, "troupe: redelivery: DeadLetter: after -1 receives: must be at least 1, or 0 to leave that to the queue", func() { redelivery.DeadLetter(&sender{}, -1) })
	for name, construct := range map[string]func(troupe.Option){
		"ErrorWhenAny": func(o troupe.Option) { troupe.SQS(directed(nil), o, troupe.WithErrorWhen(troupe.ErrorWhenAny)) },
		"bulk":         func(o troupe.Option) { bulk.SQS(func(context.Context, []events.SQSMessage) error { return nil }, o) },
		"bulk.Then": func(o troupe.Option) {
			bulk.SQSThen(troupe.Returning(func(context.Context, events.SQSMessage) (int, error) { return 0, nil }), func(context.Context, []int) error { return nil }, o)
		},
		"window": func(o troupe.Option) {
			window.Kinesis(func(_ context.Context, n int, _ events.KinesisEventRecord) (int, error) { return n, nil }, func(context.Context, int) error { return nil }, o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() { assert.ErrorContains(t, recover().(error), "redelivery.DeadLetter is not allowed") }()
			construct(dead)
		})
	}
}
