package lambdasim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// always reports every record.
func always(_ int, e event) (string, error) { return reportIDs(e.ids()...), nil }

// E3: messages come back when the visibility timeout has passed since their receive, however long the
// invocation took, and their receive count says so.
func TestVisibilityIsCountedFromTheReceive(t *testing.T) {
	for _, takes := range []time.Duration{0, 2 * time.Second} {
		f := &function{takes: takes, answer: func(n int, e event) (string, error) {
			if n == 4 {
				return "", nil
			}
			return always(n, e)
		}}
		queue := queueOf("queue", 1)
		queue.VisibilityTimeout = 20 * time.Second
		o := simulate(t, lambdasim.Simulation{Source: queue, Handler: f, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}})
		if at := o.instants(history.Received); !slices.Equal(at, []int{0, 20, 40, 60}) {
			t.Errorf("a batch of %v is received at the seconds %v", takes, at)
		}
		for i, e := range f.events {
			if n := e.Records[0].Attributes["ApproximateReceiveCount"]; n != fmt.Sprint(i+1) {
				t.Errorf("receive %d has ApproximateReceiveCount %s", i+1, n)
			}
		}
	}
}

// E3: past maxReceiveCount the next receive moves a message to the dead-letter queue.
func TestTheNextReceivePastMaxReceiveCountMovesAMessage(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		dead := &lambdasim.Queue{Name: "dead" + suffix}
		queue := queueOf("queue"+suffix, 1)
		queue.RedrivePolicy = lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 3}
		o := simulate(t, lambdasim.Simulation{
			Source: queue, Handler: &function{answer: always}, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
		})
		if at := o.instants(history.Received); !slices.Equal(at, []int{0, 30, 60}) {
			t.Errorf("received at the seconds %v", at)
		}
		if at := o.instants(history.DeadLettered); !slices.Equal(at, []int{90}) {
			t.Errorf("moved at the seconds %v", at)
		}
		letters := dead.Messages()
		if len(letters) != 1 || letters[0].MessageId != o.of(history.Sent)[0].Record || letters[0].Body != "0" {
			t.Errorf("the dead-letter queue holds %v", letters)
		}
		if !o.OK() {
			t.Error(o)
		}
	}
}

// E4.
func TestFIFOBatchesHoldTenOfSeveralGroupsAndOneAtATimeOfEach(t *testing.T) {
	queue := &lambdasim.Queue{Name: "q.fifo"}
	for _, group := range []string{"a", "b", "c"} {
		for range 4 {
			queue.Send(lambdasim.Message{Group: group})
		}
	}
	o := simulate(t, lambdasim.Simulation{Source: queue, Handler: &function{takes: time.Second}})
	if sizes := o.sizes(); !slices.Equal(sizes, []int{10, 2}) {
		t.Errorf("batches of %v", sizes)
	}
	var groups strings.Builder
	for _, e := range o.of(history.Received) {
		groups.WriteString(e.Group)
	}
	if groups.String() != "aaaabbbbcccc" {
		t.Errorf("received in the order %s", groups.String())
	}
	if at := o.instants(history.Invoked); !slices.Equal(at, []int{0, 1}) {
		t.Errorf("the rest of a group with messages in flight is received at the seconds %v", at)
	}
}

// E4: while a reported message waits for its visibility timeout nothing of its group is delivered, and other
// groups go on.
func TestAFailedMessageHoldsItsGroupBack(t *testing.T) {
	queue := &lambdasim.Queue{Name: "q.fifo"}
	poison := queue.Send(lambdasim.Message{Group: "a"})
	for range 3 {
		queue.Send(lambdasim.Message{Group: "a"})
		queue.Send(lambdasim.Message{Group: "b"})
	}
	f := &function{}
	f.fails = func(ctx context.Context, id string) bool { return id == poison && lambdasim.Delivery(ctx, id) == 1 }
	f.answer = func(n int, e event) (string, error) {
		if n == 1 {
			return reportIDs(poison), nil
		}
		return "", nil
	}
	o := simulate(t, lambdasim.Simulation{
		Source: queue, Handler: f, Concurrency: 1, Mapping: lambdasim.Mapping{BatchSize: 1, FunctionResponseTypes: reporting},
	})
	var a, b []int
	for _, e := range o.of(history.Received) {
		if e.Group == "a" {
			a = append(a, int(e.At/time.Second))
		} else {
			b = append(b, int(e.At/time.Second))
		}
	}
	if !slices.Equal(a, []int{0, 30, 30, 30, 30}) || !slices.Equal(b, []int{0, 0, 0}) {
		t.Errorf("group a is received at the seconds %v, b at %v", a, b)
	}
	if !o.OK() {
		t.Error(o)
	}
}

func TestDeduplicationIdsHoldForFiveMinutes(t *testing.T) {
	queue := &lambdasim.Queue{Name: "q.fifo"}
	queue.Feed(lambdasim.Feed[lambdasim.Message]{
		Count:  4,
		Record: func(i int) lambdasim.Message { return lambdasim.Message{Group: "g", Deduplication: "once"} },
		At:     func(i int) time.Duration { return time.Duration(i) * 2 * time.Minute },
	})
	o := simulate(t, lambdasim.Simulation{Source: queue, Handler: &function{}})
	if at := o.instants(history.Sent); !slices.Equal(at, []int{0, 6 * 60}) {
		t.Errorf("accepted at the seconds %v", at)
	}
}

// E5: a batch is sent off when it is full, when its window is over, or when it is too large.
func TestStandardBatchesAreCutBySizeWindowAndBytes(t *testing.T) {
	arrivals := func(n int, every time.Duration, bytes int) *lambdasim.Queue {
		queue := &lambdasim.Queue{}
		queue.Feed(lambdasim.Feed[lambdasim.Message]{
			Count:  n,
			Record: func(i int) lambdasim.Message { return lambdasim.Message{Body: strings.Repeat("x", bytes)} },
			At:     func(i int) time.Duration { return time.Duration(i) * every },
		})
		return queue
	}
	for _, c := range []struct {
		name    string
		queue   *lambdasim.Queue
		mapping lambdasim.Mapping
		sizes   []int
		at      []int
	}{
		{"at once without a window", arrivals(3, time.Second, 1), lambdasim.Mapping{}, []int{1, 1, 1}, []int{0, 1, 2}},
		{"by default ten", arrivals(25, 0, 1), lambdasim.Mapping{}, []int{10, 10, 5}, []int{0, 0, 0}},
		{"by size", arrivals(10_000, 0, 1), lambdasim.Mapping{BatchSize: 10_000, MaximumBatchingWindowInSeconds: 300}, []int{10_000}, []int{0}},
		{"by window", arrivals(30, time.Second, 1), lambdasim.Mapping{BatchSize: 100, MaximumBatchingWindowInSeconds: 10}, []int{11, 11, 8}, []int{10, 21, 32}},
		{"by bytes", arrivals(8, 0, 1<<20), lambdasim.Mapping{BatchSize: 100, MaximumBatchingWindowInSeconds: 10}, []int{5, 3}, []int{0, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := simulate(t, lambdasim.Simulation{Source: c.queue, Handler: &function{}, Mapping: c.mapping})
			if sizes := o.sizes(); !slices.Equal(sizes, c.sizes) {
				t.Errorf("batches of %v, want %v", sizes, c.sizes)
			}
			if at := o.instants(history.Invoked); !slices.Equal(at, c.at) {
				t.Errorf("at the seconds %v, want %v", at, c.at)
			}
			if !o.OK() {
				t.Error(o)
			}
		})
	}
}

// E3, E5: visibility is counted from the receive also while a batch is being filled.
func TestAWindowLongerThanTheVisibilityTimeoutDeliversTwice(t *testing.T) {
	o := simulate(t, lambdasim.Simulation{
		Source: queueOf("queue", 1), Handler: &function{}, Mapping: lambdasim.Mapping{MaximumBatchingWindowInSeconds: 40},
	})
	if at := o.instants(history.Received); !slices.Equal(at, []int{0, 30}) {
		t.Errorf("received at the seconds %v", at)
	}
	if !slices.Equal(o.sizes(), []int{2}) || !o.OK() {
		t.Errorf("batches of %v: %v", o.sizes(), o)
	}
}

// E3: a message that has been received again meanwhile is not deleted by its old receipt.
func TestAnOldReceiptDeletesNothing(t *testing.T) {
	f := &function{answer: func(n int, _ event) (string, error) {
		if n == 1 {
			time.Sleep(25 * time.Second) // from 10 to 35; at 30 the message is visible again
		}
		return "", nil
	}}
	o := simulate(t, lambdasim.Simulation{
		Source: queueOf("queue", 1), Handler: f, Timeout: 30 * time.Second,
		Mapping: lambdasim.Mapping{MaximumBatchingWindowInSeconds: 10},
	})
	if at := o.instants(history.Received); !slices.Equal(at, []int{0, 30}) {
		t.Errorf("received at the seconds %v", at)
	}
	if at := o.instants(history.Deleted); !slices.Equal(at, []int{40}) {
		t.Errorf("deleted at the seconds %v", at)
	}
}

// E5: five batches at a time at first, 300 more a minute, up to MaximumConcurrency.
func TestStandardQueuesAreScaledUpInSteps(t *testing.T) {
	begun := func(s lambdasim.Simulation) (perSecond []int) {
		s.Handler, s.Timeout = &function{takes: 20 * time.Second}, 30*time.Second
		perSecond = make([]int, 5)
		for _, at := range simulate(t, s).instants(history.Invoked) {
			if at < len(perSecond) {
				perSecond[at]++
			}
		}
		return perSecond
	}
	if n := begun(lambdasim.Simulation{Source: queueOf("queue", 1000)}); !slices.Equal(n, []int{5, 5, 5, 5, 5}) {
		t.Errorf("batches begun in the first seconds: %v", n)
	}
	s := lambdasim.Simulation{Source: queueOf("queue", 1000), Mapping: lambdasim.Mapping{ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 12}}}
	if n := begun(s); !slices.Equal(n, []int{5, 5, 2, 0, 0}) {
		t.Errorf("batches begun under MaximumConcurrency 12: %v", n)
	}
	if n := begun(lambdasim.Simulation{Source: queueOf("queue", 1000), Concurrency: 3}); !slices.Equal(n, []int{3, 0, 0, 0, 0}) {
		t.Errorf("batches begun under Concurrency 3: %v", n)
	}
}

// E5: what is delivered twice is drawn from the seed, whatever the scheduling.
func TestDuplicatesAreTheSamesForTheSameSeed(t *testing.T) {
	twice := func(seed uint64, concurrency int, rate float64) []string {
		o := simulate(t, lambdasim.Simulation{
			Source: queueOf("queue", 500), Handler: &function{takes: time.Second}, Seed: seed, Concurrency: concurrency,
			Unknown: lambdasim.Unknown{DuplicateRate: rate},
		})
		if !o.OK() || o.Totals.Received != 500+o.Totals.Duplicated || o.Totals.Deleted != o.Totals.Received {
			t.Error(o)
		}
		var ids []string
		for _, e := range o.of(history.Duplicated) {
			ids = append(ids, e.Record)
		}
		slices.Sort(ids)
		return ids
	}
	if ids := twice(1, 1, 0); len(ids) != 0 {
		t.Errorf("%d duplicates without a rate", len(ids))
	}
	one, again, other := twice(1, 1, 0.1), twice(1, 7, 0.1), twice(2, 1, 0.1)
	if len(one) < 25 || len(one) > 100 || !slices.Equal(one, again) {
		t.Errorf("%d and %d duplicates for the same seed", len(one), len(again))
	}
	if slices.Equal(one, other) {
		t.Error("another seed gives the same duplicates")
	}
}

func TestOldMessagesExpire(t *testing.T) {
	queue := queueOf("queue", 1)
	queue.MessageRetentionPeriod = time.Hour
	o := simulate(t, lambdasim.Simulation{Source: queue, Handler: &function{answer: always}, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}})
	if at := o.instants(history.Expired); !slices.Equal(at, []int{3600}) || o.Totals.Received != 120 || !o.OK() {
		t.Errorf("expired at the seconds %v: %v", at, o)
	}
}

func TestDelayedMessagesComeLater(t *testing.T) {
	queue := queueOf("queue", 1)
	queue.Send(lambdasim.Message{Delay: time.Minute})
	if at := simulate(t, lambdasim.Simulation{Source: queue, Handler: &function{}}).instants(history.Received); !slices.Equal(at, []int{0, 60}) {
		t.Errorf("received at the seconds %v", at)
	}
}

// A run takes up what is sent while it goes on, and then ends when all of it is done.
func TestMessagesMayBeSentDuringARun(t *testing.T) {
	queue := queueOf("queue", 1)
	f := &function{}
	f.answer = func(n int, e event) (string, error) {
		if n < 5 {
			queue.Send(lambdasim.Message{Body: fmt.Sprint(n)})
		}
		return "", nil
	}
	if o := simulate(t, lambdasim.Simulation{Source: queue, Handler: f}); o.Totals.Deleted != 5 || !o.OK() {
		t.Error(o)
	}
}

// A feed makes a record when there is room for it, and not before.
func TestFeedsMakeRecordsWhenThereIsRoom(t *testing.T) {
	made := 0
	queue := &lambdasim.Queue{}
	queue.Feed(lambdasim.Feed[lambdasim.Message]{Count: 500, Backlog: 12, Record: func(i int) lambdasim.Message {
		if i != made {
			t.Errorf("record %d is made after %d", i, made)
		}
		made++
		return lambdasim.Message{Body: fmt.Sprint(i)}
	}})
	o := simulate(t, lambdasim.Simulation{Source: queue, Handler: &function{takes: time.Second}})
	live := 0
	for _, e := range o.of(history.Sent, history.Deleted) {
		if live++; e.Kind == history.Deleted {
			live -= 2
		}
		if live > 12 {
			t.Fatalf("%d messages at %v", live, e.At)
		}
	}
	if !o.OK() || o.Totals.Deleted != 500 {
		t.Error(o)
	}
}

// A run whose context ends lets go of nothing, waits for what is under way, and tells why it ended.
func TestARunThatIsCutShortTellsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		f := &function{}
		verdict, err := lambdasim.Simulation{
			Source: queueOf("queue", 100), Timeout: 30 * time.Second, Concurrency: 1,
			Handler: bare(func(ctx context.Context, payload []byte) ([]byte, error) {
				time.Sleep(25 * time.Second)
				if ctx.Err() != nil {
					t.Error("the handler is cancelled")
				}
				return f.Invoke(ctx, payload)
			}),
		}.Run(ctx)
		if err != context.DeadlineExceeded || verdict.Drained || !verdict.OK() {
			t.Errorf("%v, %v", verdict, err)
		}
		if totals := verdict.Totals; totals.Deleted != 30 || totals.Remaining != 70 || totals.Elapsed.Round(time.Second) != 75*time.Second {
			t.Error(verdict)
		}
	})
}

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAHistoryThatCannotBeWrittenIsAnError(t *testing.T) {
	verdict, err := lambdasim.Simulation{Source: queueOf("queue", 100), Handler: &function{}, History: full{}}.Run(t.Context())
	if err == nil || err.Error() != "no space left" || !verdict.OK() || verdict.Totals.Deleted != 100 {
		t.Errorf("%v, %v", verdict, err)
	}
}

func TestRecordsThatSQSWouldNotAcceptFailTheRun(t *testing.T) {
	longest := &lambdasim.Queue{}
	longest.Send(lambdasim.Message{Group: strings.Repeat("~", 128)})
	if _, err := (lambdasim.Simulation{Source: longest, Handler: &function{}}).Run(t.Context()); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]struct {
		queue   string
		message lambdasim.Message
	}{
		"no group":                         {"q.fifo", lambdasim.Message{}},
		"cannot have":                      {"q.fifo", lambdasim.Message{Group: "g", Delay: time.Second}},
		"delay of 16m0s":                   {"queue", lambdasim.Message{Delay: 16 * time.Minute}},
		"for FIFO queues":                  {"queue", lambdasim.Message{Deduplication: "x"}},
		"1048577 bytes":                    {"queue", lambdasim.Message{Body: strings.Repeat("x", 1<<20+1)}},
		"delay of -1s; must be 0 to 15m0s": {"queue", lambdasim.Message{Delay: -time.Second}},
		`group "a b"; must be 1 to 128`:    {"q.fifo", lambdasim.Message{Group: "a b"}},
		`group "ä"; must be`:               {"queue", lambdasim.Message{Group: "ä"}},
		`deduplication id "a\tb"; must be`: {"q.fifo", lambdasim.Message{Group: "g", Deduplication: "a\tb"}},
		`ggg"; must be 1 to 128`:           {"queue", lambdasim.Message{Group: strings.Repeat("g", 129)}},
	} {
		queue := &lambdasim.Queue{Name: c.queue}
		queue.Send(c.message)
		if _, err := (lambdasim.Simulation{Source: queue, Handler: &function{}}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// The events have all fields that AWS documents, with values that aws-lambda-go reads.
func TestMessagesHaveTheShapeThatAWSDocuments(t *testing.T) {
	text := "he said \"ä\\\n\x01\" \U0001F600"
	for _, c := range []struct{ name, body, want string }{
		{"q.fifo", text, text},
		{"queue", "not \xff UTF-8", "not \ufffd UTF-8"},
	} {
		queue := &lambdasim.Queue{Name: c.name}
		m := lambdasim.Message{Body: c.body, Group: "gr\"oup", Attributes: map[string]events.SQSMessageAttribute{
			"kind": {StringValue: new("order"), DataType: "String", StringListValues: []string{}, BinaryListValues: [][]byte{}},
		}}
		if c.name == "q.fifo" {
			m.Deduplication = "d"
		}
		id := queue.Send(m)
		var got events.SQSEvent
		simulate(t, lambdasim.Simulation{Source: queue, Handler: decoding(&got)})
		if len(got.Records) != 1 {
			t.Fatalf("%+v", got)
		}
		r := got.Records[0]
		if r.MessageId != id || r.ReceiptHandle == "" || r.Body != c.want || len(r.Md5OfBody) != 32 || r.EventSource != "aws:sqs" ||
			r.EventSourceARN != "arn:aws:sqs:us-east-1:123456789012:"+c.name || r.AWSRegion != "us-east-1" ||
			*r.MessageAttributes["kind"].StringValue != "order" {
			t.Errorf("%+v", r)
		}
		want := []string{"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "MessageGroupId", "SenderId", "SentTimestamp"}
		if c.name == "q.fifo" {
			want = append(want, "MessageDeduplicationId", "SequenceNumber")
		}
		for _, name := range want {
			if r.Attributes[name] == "" {
				t.Errorf("%s: there is no attribute %s", c.name, name)
			}
		}
		if len(r.Attributes) != len(want) || r.Attributes["MessageGroupId"] != m.Group {
			t.Errorf("%s: attributes %v", c.name, r.Attributes)
		}
	}
}

// FIFO queues promise order, standard queues none; the rules of a history say so unless they are set
// otherwise.
func TestTheRulesComeFromTheSource(t *testing.T) {
	for want, s := range map[string]lambdasim.Simulation{
		"order=none":                   {Source: queueOf("queue", 1)},
		"order=strict":                 {Source: queueOf("q.fifo", 1)},
		"order=strict reports replays": {Source: kinesisOf(1), Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}},
		"order=starts reports":         {Source: queueOf("q.fifo", 1), Order: new(check.Starts), Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}},
		"order=none reports overlap":   {Source: queueOf("q.fifo", 1), Order: new(check.NoOrder), Overlap: true, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}},
		"order=none stops=group errors=all attempts=2 unhandled payloads": {
			Source: queueOf("queue", 0), Stops: check.StopsGroup, Errors: check.ErrorsAll, Attempts: 2, Unhandled: true, Payloads: true,
		},
		"order=strict replays windows": {Source: &lambdasim.KinesisStream{}, Mapping: lambdasim.Mapping{TumblingWindowInSeconds: 60}},
	} {
		s.Handler = &function{}
		if o := simulate(t, s); o.events[0].Detail != want {
			t.Errorf("%s, want %s", o.events[0].Detail, want)
		}
	}
}
