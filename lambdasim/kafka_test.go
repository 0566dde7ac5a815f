package lambdasim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

var provisioned = &lambdasim.ProvisionedPollerConfig{MinimumPollers: 2}

// topicOf returns a topic with n records of ten keys, every fourteenth without one, and a processor for it.
func topicOf(n, partitions int, byKey bool, handler func(context.Context, kafka.Record) error, options ...troupe.Option) (*lambdasim.KafkaTopic, lambda.Handler) {
	topic := &lambdasim.KafkaTopic{Name: "orders", Partitions: partitions, ByKey: byKey}
	topic.Feed(lambdasim.Feed[lambdasim.KafkaRecord]{Count: n, Record: func(i int) lambdasim.KafkaRecord {
		r := lambdasim.KafkaRecord{Value: fmt.Append(nil, i)}
		if i%14 != 3 {
			r.Key = fmt.Append(nil, "key-", i%10)
		}
		return r
	}})
	if byKey {
		options = append(options, kafka.ByKey())
	}
	return topic, kafka.New(lambdasim.Watch(handler), append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)))...)
}

func faultyKafka(seed uint64) func(context.Context, kafka.Record) error {
	return func(ctx context.Context, r kafka.Record) error { return faulty(ctx, seed, r.ID()) }
}

// E9: troupe's processors keep every promise, by partition and by key, with failures, panics and hangs, whichever
// way Lambda goes on after a partial response.
func TestKafkaHandlersPassWithTenSeeds(t *testing.T) {
	for _, byKey := range []bool{false, true} {
		for _, resend := range []bool{false, true} {
			t.Run(fmt.Sprintf("by key %v, resend %v", byKey, resend), func(t *testing.T) {
				redelivered := 0
				for seed := range uint64(10) {
					topic, handler := topicOf(500, 5, byKey, faultyKafka(seed))
					o := simulate(t, lambdasim.Simulation{
						Source: topic, Handler: handler, Seed: seed, Overlap: true, Unknown: lambdasim.Unknown{ResendFromLowest: resend},
						Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting, ProvisionedPollerConfig: provisioned},
					})
					if !o.OK() || !o.Drained || o.Totals.Sent != 500 || o.Totals.Succeeded != 500 {
						t.Errorf("seed %d: %v", seed, o)
					}
					redelivered += o.Totals.Redelivered
				}
				if redelivered < 100 {
					t.Errorf("nothing was put to the test: %d redelivered", redelivered)
				}
			})
		}
	}
}

// The policies, judged by what each promises, and mappings that give up on records and halve batches.
func TestKafkaPoliciesKeepWhatTheyPromise(t *testing.T) {
	for _, c := range []struct {
		option troupe.Option
		order  check.Order
	}{
		{troupe.WithPolicy(troupe.StopGroup), check.Strict},
		{troupe.WithPolicy(troupe.StopBatch), check.Strict},
		{troupe.WithPolicy(troupe.Continue), check.Starts},
		{troupe.WithoutOrder(), check.NoOrder},
	} {
		for _, bisect := range []bool{false, true} {
			destination := &lambdasim.Queue{Name: "destination"}
			mapping := lambdasim.Mapping{FunctionResponseTypes: reporting, ProvisionedPollerConfig: provisioned, BisectBatchOnFunctionError: bisect}
			if bisect {
				mapping.BatchSize, mapping.MaximumRetryAttempts, mapping.DestinationConfig.OnFailure = 7, new(1), destination
			}
			topic, handler := topicOf(500, 4, false, faultyKafka(1), c.option)
			o := simulate(t, lambdasim.Simulation{Source: topic, Handler: handler, Order: &c.order, Mapping: mapping})
			if !o.OK() || !o.Drained || o.Totals.Checkpointed+o.Totals.Discarded != 500 || !bisect && o.Totals.Succeeded != 500 {
				t.Errorf("%v, bisect %v: %v", c.option, bisect, o)
			}
		}
	}
}

// A poison record is tried as often as the mapping says, together with what waits behind it in its partition
// and with nothing else. It ends in the destination, in the shape that AWS documents ("Capturing discarded batches
// for Amazon MSK and self-managed Apache Kafka event sources"), and the rest goes on.
func TestAPoisonRecordEndsInTheDestination(t *testing.T) {
	for _, managed := range []bool{true, false} {
		destination := &lambdasim.Queue{Name: "destination"}
		topic := &lambdasim.KafkaTopic{Name: "orders", Partitions: 2, SelfManaged: !managed}
		for range 3 {
			for _, key := range []string{"key-1", "key-2", "key-3"} {
				topic.Send(lambdasim.KafkaRecord{Key: []byte(key), Value: []byte(key)})
			}
		}
		poison := topic.Send(lambdasim.KafkaRecord{Key: []byte("key-1"), Value: nil})
		after := topic.Send(lambdasim.KafkaRecord{Key: []byte("key-1")})
		o := simulate(t, lambdasim.Simulation{
			Source: topic,
			Handler: kafka.New(lambdasim.Watch(func(_ context.Context, r kafka.Record) error {
				if r.ID() == poison {
					return errors.New("poison")
				}
				return nil
			}), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever)),
			Mapping: lambdasim.Mapping{
				FunctionResponseTypes: reporting, ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{}, MaximumRetryAttempts: new(2),
				DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination},
			},
		})
		// What is left of the batch, the record behind the poison included, is given up together.
		if !o.OK() || !o.Drained || o.Totals.Discarded != 2 || o.Totals.Succeeded != 9 || !slices.Equal(o.sizes(), []int{11, 2, 2}) {
			t.Errorf("batches of %v: %v", o.sizes(), o)
		}
		messages := destination.Messages()
		if len(messages) != 1 {
			t.Fatalf("the destination holds %v", messages)
		}
		var told struct {
			RequestContext struct {
				RequestID, FunctionARN, Condition string
				ApproximateInvokeCount            int
			}
			ResponseContext struct {
				StatusCode      int
				ExecutedVersion string
			}
			Version, Timestamp string
			KafkaBatchInfo     struct {
				BatchSize, PayloadSize           int
				EventSourceARN, BootstrapServers string
				RecordsInfo                      map[string]struct {
					FirstRecordOffset, LastRecordOffset, FirstRecordTimestamp, LastRecordTimestamp string
				}
			}
		}
		decoder := json.NewDecoder(strings.NewReader(messages[0].Body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&told); err != nil {
			t.Fatalf("%v: %s", err, messages[0].Body)
		}
		partition, first, _ := strings.Cut(poison, "@")
		_, last, _ := strings.Cut(after, "@")
		info := told.KafkaBatchInfo
		if c := told.RequestContext; c.Condition != "RetryAttemptsExhausted" || c.ApproximateInvokeCount != 3 {
			t.Errorf("requestContext %+v", c)
		}
		if r := info.RecordsInfo[partition]; info.BatchSize != 2 || len(info.RecordsInfo) != 1 || r.FirstRecordOffset != first || r.LastRecordOffset != last ||
			info.PayloadSize < 100 || (info.EventSourceARN != "") != managed || info.BootstrapServers == "" {
			t.Errorf("KafkaBatchInfo %+v", info)
		}
	}
}

// "Configuring error handling controls for Kafka event sources": only what was reported is redelivered; or, as the
// other sources have it, everything of the partition from the lowest on.
func TestAPartialResponseBringsBackWhatItReports(t *testing.T) {
	for _, c := range []struct {
		resend bool
		sizes  []int
	}{{false, []int{8, 1}}, {true, []int{8, 3}}} {
		topic := &lambdasim.KafkaTopic{Partitions: 2}
		for range 8 { // dealt out to the two in turn
			topic.Send(lambdasim.KafkaRecord{})
		}
		no := check.NoOrder
		o := simulate(t, lambdasim.Simulation{
			Source: topic, Order: &no, Unknown: lambdasim.Unknown{ResendFromLowest: c.resend},
			Handler: kafka.New(lambdasim.Watch(func(ctx context.Context, r kafka.Record) error {
				if r.ID() == "topic-1@1" && lambdasim.Delivery(ctx, r.ID()) == 1 {
					return errors.New("no")
				}
				return nil
			}), troupe.WithoutOrder(), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting, ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{}},
		})
		if !o.OK() || !slices.Equal(o.sizes(), c.sizes) {
			t.Errorf("resend %v: batches of %v: %v", c.resend, o.sizes(), o)
		}
	}
}

// E1, E2: what Lambda makes of responses for Kafka, and what the checker says to them.
func TestKafkaResponses(t *testing.T) {
	for response, c := range map[string]struct {
		again bool
		sound bool
	}{
		`{"batchItemFailures":[]}`: {false, true},
		`null`:                     {false, true},
		`{}`:                       {false, true},
		`{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":1}}]}`:         {true, true},
		`{"batchItemFailures":[{"itemIdentifier":"topic-0@1"}]}`:                                {true, false},
		`{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0"}}]}`:                    {true, false},
		`{"batchItemFailures":[{"itemIdentifier":{"topic-partition":"topic-0","offset":1}}]}`:   {true, false},
		`{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":"1"}}]}`:       {true, false},
		`{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-1","offset":1}}]}`:         {true, false},
		`{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":7}}]}`:         {true, false},
		`{"batchItemFailures":[{"itemIdentifier":null}]}`:                                       {true, false},
		`{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":0}},{"x":1}]}`: {true, false},
	} {
		topic := &lambdasim.KafkaTopic{}
		topic.Send(lambdasim.KafkaRecord{})
		topic.Send(lambdasim.KafkaRecord{})
		var calls int
		o := simulate(t, lambdasim.Simulation{
			Source: topic,
			Handler: lambda.NewHandler(func(ctx context.Context, event events.KafkaEvent) (json.RawMessage, error) {
				calls++
				for _, records := range event.Records {
					for _, r := range records {
						end := lambdasim.Begin(ctx, fmt.Sprintf("%s-%d@%d", r.Topic, r.Partition, r.Offset))
						if r.Offset == 1 && calls == 1 && c.again {
							end(history.Fail)
						} else {
							end(history.OK)
						}
					}
				}
				if calls == 1 {
					return json.RawMessage(response), nil
				}
				return nil, nil
			}),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting, ProvisionedPollerConfig: provisioned},
		})
		want := []int{2}
		switch {
		case c.again && c.sound:
			want = append(want, 1)
		case c.again: // all of the batch
			want = append(want, 2)
		}
		if !slices.Equal(o.sizes(), want) || o.OK() != c.sound {
			t.Errorf("%s: batches of %v, %v", response, o.sizes(), o)
		}
		if !c.sound && (len(o.Violations) != 1 || o.Violations[0].Kind != check.BadResponse) {
			t.Errorf("%s: %v", response, o)
		}
	}
}

// Without ReportBatchItemFailures a failure is lost unless it fails the invocation; that retries all of the batch.
func TestKafkaWithoutReporting(t *testing.T) {
	for _, c := range []struct {
		option troupe.Option
		lost   int
		sizes  []int
	}{{troupe.WithErrorWhen(troupe.ErrorWhenAll), 2, []int{4}}, {troupe.WithErrorWhen(troupe.ErrorWhenAny), 0, []int{4, 4}}} {
		topic := &lambdasim.KafkaTopic{}
		for range 4 {
			topic.Send(lambdasim.KafkaRecord{Key: []byte("k")})
		}
		o := simulate(t, lambdasim.Simulation{
			Source: topic, Handler: kafka.New(lambdasim.Watch(func(ctx context.Context, r kafka.Record) error {
				if r.Offset == 2 && lambdasim.Delivery(ctx, r.ID()) == 1 {
					return errors.New("no")
				}
				return nil
			}), c.option, troupe.WithLogger(slog.New(slog.DiscardHandler))),
		})
		if o.Kinds[check.Lost] != c.lost || !slices.Equal(o.sizes(), c.sizes) {
			t.Errorf("batches of %v: %v", o.sizes(), o)
		}
	}
}

// The checker finds what is wrong with handlers that do not keep to partitions.
func TestWrongKafkaHandlersAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		byKey  bool
		option troupe.Option
		want   check.Kind
	}{
		"overtaking within a partition":          {false, troupe.WithPolicy(troupe.Continue), check.Disordered},
		"no order":                               {false, troupe.WithoutOrder(), check.Overlapped},
		"by key, where partitions were promised": {false, kafka.ByKey(), check.Overlapped},
		"by something else, where keys were":     {true, troupe.WithGroup(func(r kafka.Record) string { return string(r.Value) }), check.Overlapped},
	} {
		t.Run(name, func(t *testing.T) {
			topic, handler := topicOf(300, 3, false, faultyKafka(2), c.option)
			topic.ByKey = c.byKey
			o := simulate(t, lambdasim.Simulation{
				Source: topic, Handler: handler, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting, ProvisionedPollerConfig: provisioned},
			})
			if o.Kinds[c.want] == 0 {
				t.Errorf("%v", o)
			}
		})
	}
}

// Reporting the lowest failure of each partition and no more is not enough, if Lambda does what its documentation
// says. That is why troupe.WithLowestOnly is refused.
func TestTheLowestOfAPartitionIsNotEnough(t *testing.T) {
	for _, resend := range []bool{false, true} {
		topic, handler := topicOf(300, 3, false, faultyKafka(2))
		o := simulate(t, lambdasim.Simulation{
			Source: topic, Handler: lowestOnly{handler}, Unknown: lambdasim.Unknown{ResendFromLowest: resend},
			Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting, ProvisionedPollerConfig: provisioned},
		})
		if lost := o.Kinds[check.Lost] > 0; lost == resend || resend && !o.OK() {
			t.Errorf("resend %v: %v", resend, o)
		}
	}
}

// lowestOnly leaves the first failure of each partition in a response.
type lowestOnly struct{ lambda.Handler }

func (h lowestOnly) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	text, err := h.Handler.Invoke(ctx, payload)
	var response, lowest kafka.Response
	if err != nil || json.Unmarshal(text, &response) != nil {
		return text, err
	}
	seen := map[string]bool{}
	for _, failure := range response.BatchItemFailures {
		if !seen[failure.ItemIdentifier.Partition] {
			lowest.BatchItemFailures = append(lowest.BatchItemFailures, failure)
		}
		seen[failure.ItemIdentifier.Partition] = true
	}
	return json.Marshal(lowest)
}

// A batch has records of several partitions, is full at BatchSize, waits half a second by default, and is the
// event that AWS documents; retries have an end where there is a destination.
func TestKafkaBatches(t *testing.T) {
	var mu sync.Mutex
	var seen []kafka.Event
	handler := lambda.NewHandler(func(_ context.Context, event kafka.Event) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, event)
		return errors.New("no")
	})
	topic := &lambdasim.KafkaTopic{Name: "a.b-c_d", Partitions: 3}
	for i := range 7 {
		topic.Send(lambdasim.KafkaRecord{Value: fmt.Append(nil, i), Headers: []lambdasim.KafkaHeader{{Key: "h", Value: []byte{255}}}})
	}
	destination := &lambdasim.Queue{}
	o := simulate(t, lambdasim.Simulation{Source: topic, Handler: handler, Mapping: lambdasim.Mapping{BatchSize: 5, DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination}}})
	if !slices.Equal(o.sizes(), append(slices.Repeat([]int{5}, 11), slices.Repeat([]int{2}, 11)...)) || o.Totals.Discarded != 7 || len(destination.Messages()) != 2 {
		t.Errorf("batches of %v: %v", o.sizes(), o)
	}
	if e := seen[0]; e.EventSource != "aws:kafka" || len(e.Records) != 3 || e.EventSourceARN == "" || e.BootstrapServers == "" {
		t.Errorf("%+v", e)
	}
	r := seen[0].Records["a.b-c_d-0"][0]
	if r.Topic != "a.b-c_d" || r.Timestamp.IsZero() || r.TimestampType != "CREATE_TIME" || r.Key != nil || len(r.Headers) != 1 {
		t.Errorf("%+v", r)
	}

	topic = &lambdasim.KafkaTopic{}
	topic.Send(lambdasim.KafkaRecord{})
	o = simulate(t, lambdasim.Simulation{Source: topic, Handler: kafka.New(lambdasim.Watch(func(context.Context, kafka.Record) error { return nil }))})
	if at := o.of(history.Invoked)[0].At; at < 500*time.Millisecond || at > 501*time.Millisecond {
		t.Errorf("invoked after %v", at)
	}
}

// Records that are older than MaximumRecordAgeInSeconds are discarded, and those that the topic does not keep
// any longer are gone.
func TestKafkaRecordsGrowOld(t *testing.T) {
	for _, c := range []struct {
		mapping lambdasim.Mapping
		keep    time.Duration
		kind    history.Kind
	}{
		{lambdasim.Mapping{MaximumRecordAgeInSeconds: 60, ProvisionedPollerConfig: provisioned}, 0, history.Discarded},
		{lambdasim.Mapping{}, time.Minute, history.Expired},
	} {
		topic := &lambdasim.KafkaTopic{RetentionPeriod: c.keep}
		topic.Send(lambdasim.KafkaRecord{})
		topic.Send(lambdasim.KafkaRecord{})
		o := simulate(t, lambdasim.Simulation{Source: topic, Handler: lambda.NewHandler(func(context.Context) error { return errors.New("no") }), Mapping: c.mapping})
		gone := o.of(c.kind)
		if !o.Drained || len(gone) != 2 || gone[0].At < time.Minute || gone[0].At > 3*time.Minute {
			t.Errorf("%v: %v", gone, o)
		}
	}
}

// The filters of a mapping look into the value as JSON.
func TestKafkaFilters(t *testing.T) {
	topic := &lambdasim.KafkaTopic{}
	for _, value := range []string{`{"kind":"order"}`, `{"kind":"return"}`, `no JSON`} {
		topic.Send(lambdasim.KafkaRecord{Value: []byte(value)})
	}
	o := simulate(t, lambdasim.Simulation{
		Source: topic, Handler: kafka.New(lambdasim.Watch(func(context.Context, kafka.Record) error { return nil })),
		Mapping: lambdasim.Mapping{FilterCriteria: lambdasim.FilterCriteria{Filters: []lambdasim.Filter{{Pattern: `{"value":{"kind":["order"]}}`}}}},
	})
	if !o.OK() || o.Totals.Filtered != 2 || o.Totals.Succeeded != 1 {
		t.Error(o)
	}
}

// What AWS would refuse.
func TestImpossibleKafkaMappingsAreRefused(t *testing.T) {
	for want, s := range map[string]lambdasim.Simulation{
		"FunctionResponseTypes needs provisioned mode":      {Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}},
		"MaximumRetryAttempts needs provisioned mode":       {Mapping: lambdasim.Mapping{MaximumRetryAttempts: new(1)}},
		"MaximumRecordAgeInSeconds needs provisioned mode":  {Mapping: lambdasim.Mapping{MaximumRecordAgeInSeconds: 60}},
		"BisectBatchOnFunctionError needs provisioned mode": {Mapping: lambdasim.Mapping{BisectBatchOnFunctionError: true}},
		"are for streams":                              {Mapping: lambdasim.Mapping{ParallelizationFactor: 2}},
		"BatchSize is 10001":                           {Mapping: lambdasim.Mapping{BatchSize: 10_001}},
		"MaximumRetryAttempts is -2":                   {Mapping: lambdasim.Mapping{MaximumRetryAttempts: new(-2), ProvisionedPollerConfig: provisioned}},
		"MinimumPollers is 201":                        {Mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 201}}},
		"MinimumPollers 3, more than MaximumPollers 2": {Mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 3, MaximumPollers: 2}}},
		"ScalingConfig.MaximumConcurrency":             {Mapping: lambdasim.Mapping{ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 2}}},
		"Partitions is -1":                             {Source: &lambdasim.KafkaTopic{Partitions: -1}},
		`Name is "a b"`:                                {Source: &lambdasim.KafkaTopic{Name: "a b"}},
		"RetentionPeriod is -1s":                       {Source: &lambdasim.KafkaTopic{RetentionPeriod: -time.Second}},
		"Timeout is 15m0s; must be at most 14m0s":      {Timeout: 15 * time.Minute},
		"ProvisionedPollerConfig is for queues and":    {Source: &lambdasim.KinesisStream{}, Mapping: lambdasim.Mapping{ProvisionedPollerConfig: provisioned}},
		"has been used by a run before":                {Source: usedTopic(t)},
	} {
		if s.Source == nil {
			s.Source = &lambdasim.KafkaTopic{}
		}
		s.Handler = &function{}
		if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func usedTopic(t *testing.T) *lambdasim.KafkaTopic {
	topic := &lambdasim.KafkaTopic{}
	simulate(t, lambdasim.Simulation{Source: topic, Handler: &function{}})
	return topic
}

// Identifiers are in the order of offsets in each partition, and a key stays in its partition.
func TestKafkaIdentifiers(t *testing.T) {
	topic := &lambdasim.KafkaTopic{Partitions: 4}
	next := map[string]int{}
	of := map[string]string{}
	for i := range 40 {
		key := fmt.Sprint(i % 7)
		partition, offset, _ := strings.Cut(topic.Send(lambdasim.KafkaRecord{Key: []byte(key)}), "@")
		if offset != fmt.Sprint(next[partition]) || of[key] != "" && of[key] != partition {
			t.Errorf("record %d of key %s is %s@%s", i, key, partition, offset)
		}
		next[partition]++
		of[key] = partition
	}
	if len(next) < 2 {
		t.Errorf("all in %v", next)
	}
}

// Tests of handlers that have nothing to do with troupe do not link its actors.
func TestTheSimulatorDoesWithoutActors(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if strings.Contains(path, "protoactor") || path == "github.com/troupe-go/troupe" {
			t.Errorf("%s is linked", path)
		}
	}
}
