package lambdasim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// failureRecord is what an on-failure destination gets.
type failureRecord struct {
	RequestContext struct {
		RequestID              string `json:"requestId"`
		FunctionARN            string `json:"functionArn"`
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	ResponseContext *struct {
		StatusCode      int    `json:"statusCode"`
		ExecutedVersion string `json:"executedVersion"`
		FunctionError   string `json:"functionError"`
	} `json:"responseContext"`
	Version            string     `json:"version"`
	Timestamp          string     `json:"timestamp"`
	KinesisBatchInfo   *batchInfo `json:"KinesisBatchInfo"`
	DDBStreamBatchInfo *batchInfo `json:"DDBStreamBatchInfo"`
}

type batchInfo struct {
	ShardID                         string `json:"shardId"`
	StartSequenceNumber             string `json:"startSequenceNumber"`
	EndSequenceNumber               string `json:"endSequenceNumber"`
	ApproximateArrivalOfFirstRecord string `json:"approximateArrivalOfFirstRecord"`
	ApproximateArrivalOfLastRecord  string `json:"approximateArrivalOfLastRecord"`
	BatchSize                       int    `json:"batchSize"`
	StreamARN                       string `json:"streamArn"`
}

// failures returns what a destination was sent. Fields that are not documented fail the test.
func failures(t *testing.T, q *lambdasim.Queue) (list []failureRecord) {
	t.Helper()
	for _, m := range q.Messages() {
		var r failureRecord
		d := json.NewDecoder(strings.NewReader(m.Body))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%v: %s", err, m.Body)
		}
		list = append(list, r)
	}
	return list
}

// reportLast reports the last record of every batch, by the identifier that the last record had first.
func reportLast() *function {
	var last string
	return &function{answer: func(n int, e event) (string, error) {
		if ids := e.ids(); n == 1 {
			last = ids[len(ids)-1]
		}
		return reportIDs(last), nil
	}}
}

// E6: three records of which the last always fails, and three more attempts.
func TestAPartialFailureUsesUpAnAttempt(t *testing.T) {
	for name, source := range map[string]lambdasim.Source{"kinesis": kinesisOf(3), "dynamodb": changesOf(3)} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " restart ", restart), func(t *testing.T) {
				if restart {
					source = map[string]lambdasim.Source{"kinesis": kinesisOf(3), "dynamodb": changesOf(3)}[name]
				}
				destination := &lambdasim.Queue{Name: "destination"}
				o := simulate(t, lambdasim.Simulation{
					Source: source, Handler: reportLast(), Unknown: lambdasim.Unknown{RestartRetries: restart},
					Mapping: lambdasim.Mapping{
						MaximumRetryAttempts: new(3), FunctionResponseTypes: reporting,
						DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination},
					},
				})
				want := []int{3, 1, 1, 1}
				if restart { // the last record has four invocations of its own
					want = append(want, 1)
				}
				if sizes := o.sizes(); !slices.Equal(sizes, want) {
					t.Errorf("batches of %v, want %v", sizes, want)
				}
				told := failures(t, destination)
				if len(told) != 1 {
					t.Fatalf("the destination holds %v", told)
				}
				info, when := told[0].KinesisBatchInfo, "2006-01-02T15:04:05.000Z"
				if name == "dynamodb" {
					info, when = told[0].DDBStreamBatchInfo, "2006-01-02T15:04:05Z"
				}
				last := o.of(history.Sent)[2].Record
				if c := told[0].RequestContext; c.ApproximateInvokeCount != 4 || c.Condition != "RetryAttemptsExhausted" || c.RequestID == "" || c.FunctionARN == "" {
					t.Errorf("requestContext %+v", c)
				}
				if r := told[0].ResponseContext; r == nil || r.StatusCode != 200 || r.ExecutedVersion != "$LATEST" || r.FunctionError != "" {
					t.Errorf("responseContext %+v", r)
				}
				if info == nil || info.BatchSize != 1 || info.StartSequenceNumber != last || info.EndSequenceNumber != last ||
					!strings.HasPrefix(info.ShardID, "shardId-") || !strings.HasPrefix(info.StreamARN, "arn:aws:") {
					t.Errorf("batch info %+v", info)
				} else if _, err := time.Parse(when, info.ApproximateArrivalOfFirstRecord); err != nil {
					t.Error(err)
				}
				if told[0].Version != "1.0" || told[0].Timestamp == "" || o.Totals.Discarded != 1 || o.Totals.Checkpointed != 2 {
					t.Errorf("%+v: %v", told[0], o)
				}
			})
		}
	}
}

// changesOf returns a stream with n changes of an item.
func changesOf(n int) *lambdasim.DynamoDBStream {
	s := &lambdasim.DynamoDBStream{}
	for range n {
		s.Put(lambdasim.Change{Keys: map[string]events.DynamoDBAttributeValue{"id": events.NewNumberAttribute("7")}})
	}
	return s
}

// E6: n retries are n + 1 invocations, of the whole batch if it fails as a whole; what is left is discarded
// as a whole.
func TestRetriesAreInvocationsButOne(t *testing.T) {
	for retries := range 4 {
		destination := &lambdasim.Queue{Name: "destination"}
		o := simulate(t, lambdasim.Simulation{
			Source: kinesisOf(3), Handler: &function{answer: func(int, event) (string, error) { return "", errors.New("no") }},
			Mapping: lambdasim.Mapping{MaximumRetryAttempts: &retries, DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination}},
		})
		if sizes := o.sizes(); !slices.Equal(sizes, slices.Repeat([]int{3}, retries+1)) {
			t.Errorf("%d retries: batches of %v", retries, sizes)
		}
		told := failures(t, destination)
		if len(told) != 1 || told[0].KinesisBatchInfo.BatchSize != 3 || told[0].RequestContext.ApproximateInvokeCount != retries+1 || told[0].ResponseContext.FunctionError != "Unhandled" {
			t.Errorf("%d retries: the destination is told %+v", retries, told)
		}
		if !o.OK() || o.Totals.Discarded != 3 {
			t.Error(o)
		}
	}
}

// E6: the checkpoint is the lowest number reported, as a number; everything from there is redelivered.
func TestTheCheckpointIsTheLowestReportedNumber(t *testing.T) {
	o := simulate(t, lambdasim.Simulation{
		Source: changesOf(6), // the third number has a digit more than the second
		Handler: &function{answer: func(n int, e event) (string, error) {
			if ids := e.ids(); n == 1 {
				return reportIDs(ids[4], ids[1], ids[2]), nil
			}
			return "", nil
		}},
		Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
		Order:   new(check.Starts),
		Stops:   check.StopsBatch,
	})
	sent := o.of(history.Sent)
	if len(sent[1].Record) >= len(sent[2].Record) {
		t.Errorf("%s is not shorter than %s", sent[1].Record, sent[2].Record)
	}
	if sizes := o.sizes(); !slices.Equal(sizes, []int{6, 5}) || !o.OK() {
		t.Errorf("batches of %v: %v", sizes, o)
	}
}

// E6, unknown: when the count starts again, it does so from nothing.
func TestMovingTheCheckpointStartsTheCountAgainOrNot(t *testing.T) {
	for _, c := range []struct {
		restart bool
		sizes   []int
		invokes int
	}{
		{false, []int{3, 3}, 2},
		{true, []int{3, 3, 1, 1}, 2},
	} {
		destination := &lambdasim.Queue{Name: "destination"}
		f := reportLast()
		o := simulate(t, lambdasim.Simulation{
			Source: kinesisOf(3), Unknown: lambdasim.Unknown{RestartRetries: c.restart},
			Handler: &function{answer: func(n int, e event) (string, error) {
				response, _ := f.answer(n, e)
				if n == 1 {
					return "", errors.New("no")
				}
				return response, nil
			}},
			Mapping: lambdasim.Mapping{
				MaximumRetryAttempts: new(1), FunctionResponseTypes: reporting,
				DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination},
			},
		})
		told := failures(t, destination)
		if !slices.Equal(o.sizes(), c.sizes) || len(told) != 1 || told[0].RequestContext.ApproximateInvokeCount != c.invokes || told[0].KinesisBatchInfo.BatchSize != 1 {
			t.Errorf("restart %v: batches of %v, want %v; the destination is told %+v", c.restart, o.sizes(), c.sizes, told)
		}
	}
}

// E7: halving costs no retries. The fourth of eight records always fails.
func TestFunctionErrorsHalveABatch(t *testing.T) {
	stream := kinesisOf(8)
	o := simulate(t, lambdasim.Simulation{
		Source: stream,
		Handler: &function{answer: func(_ int, e event) (string, error) {
			for _, r := range e.Records {
				if string(r.Kinesis.Data) == "data 3" {
					return "", errors.New("no")
				}
			}
			return "", nil
		}},
		Mapping: lambdasim.Mapping{MaximumRetryAttempts: new(2), BisectBatchOnFunctionError: true},
	})
	if sizes := o.sizes(); !slices.Equal(sizes, []int{8, 4, 2, 2, 1, 1, 1, 1, 4}) {
		t.Errorf("batches of %v", sizes)
	}
	if o.Totals.Discarded != 1 || o.Totals.Checkpointed != 7 {
		t.Error(o)
	}
}

// E7: a partial response splits the batch at the reported number, which costs a retry only if one says so.
func TestPartialResponsesSplitABatch(t *testing.T) {
	for _, c := range []struct {
		charge bool
		sizes  []int
	}{
		{false, []int{3, 1, 1}},
		{true, []int{3, 1}},
	} {
		o := simulate(t, lambdasim.Simulation{
			Source: kinesisOf(3), Handler: reportLast(), Unknown: lambdasim.Unknown{ChargeSplits: c.charge},
			Mapping: lambdasim.Mapping{MaximumRetryAttempts: new(1), BisectBatchOnFunctionError: true, FunctionResponseTypes: reporting},
		})
		if sizes := o.sizes(); !slices.Equal(sizes, c.sizes) {
			t.Errorf("charge %v: batches of %v, want %v", c.charge, sizes, c.sizes)
		}
	}
}

// E7, unknown: whether a response that fails the whole batch halves it.
func TestBadResponsesHalveABatchOrKeepIt(t *testing.T) {
	for _, c := range []struct {
		keep  bool
		sizes []int
	}{
		{false, []int{4, 2, 2}},
		{true, []int{4, 4}},
	} {
		o := simulate(t, lambdasim.Simulation{
			Source: kinesisOf(4), Unknown: lambdasim.Unknown{KeepOnBadResponse: c.keep},
			Handler: &function{answer: func(n int, _ event) (string, error) {
				if n == 1 {
					return reportIDs("nobody"), nil
				}
				return "", nil
			}},
			Mapping: lambdasim.Mapping{BisectBatchOnFunctionError: true, FunctionResponseTypes: reporting},
		})
		if sizes := o.sizes(); !slices.Equal(sizes, c.sizes) {
			t.Errorf("keep %v: batches of %v, want %v", c.keep, sizes, c.sizes)
		}
	}
}

// E7: records that become too old are discarded; those that are not go on.
func TestRecordsThatAreTooOldAreDiscarded(t *testing.T) {
	destination := &lambdasim.Queue{Name: "destination"}
	stream := &lambdasim.KinesisStream{}
	stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{
		Count: 3,
		Record: func(i int) lambdasim.KinesisRecord {
			return lambdasim.KinesisRecord{PartitionKey: "key", Data: fmt.Append(nil, i)}
		},
		At: func(i int) time.Duration { return time.Duration(i) * 40 * time.Second },
	})
	f := &function{}
	f.answer = func(_ int, e event) (string, error) {
		if string(e.Records[0].Kinesis.Data) == "0" {
			return "", errors.New("no")
		}
		return "", nil
	}
	f.fails = func(_ context.Context, id string) bool { return id == f.events[0].ids()[0] }
	o := simulate(t, lambdasim.Simulation{
		Source: stream, Handler: f, Unknown: lambdasim.Unknown{RetryDelay: func(int) time.Duration { return 9 * time.Second }},
		Mapping: lambdasim.Mapping{MaximumRecordAgeInSeconds: 60, DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination}},
	})
	told := failures(t, destination)
	if len(told) != 1 || told[0].RequestContext.Condition != "RecordAgeExceeded" || told[0].RequestContext.ApproximateInvokeCount != 7 || told[0].KinesisBatchInfo.BatchSize != 1 {
		t.Errorf("the destination is told %+v", told)
	}
	if at := o.instants(history.Discarded); !slices.Equal(at, []int{63}) || o.Totals.Checkpointed != 2 || !o.OK() {
		t.Errorf("discarded at the seconds %v: %v", at, o)
	}
}

// E7: also out of the middle of their batch, and before they have been seen at all, when there is no response
// to tell of.
func TestRecordsThatAreTooOldAreDiscardedWhereverTheyAre(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int
		takes   time.Duration
		fail    bool
		told    int
		invokes int
	}{
		{"from a batch that fails", 2, 0, true, 2, 5},
		{"before they are seen", 1, 101 * time.Second, false, 1, 0},
	} {
		destination := &lambdasim.Queue{Name: "destination"}
		stream := &lambdasim.KinesisStream{}
		stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{
			Count:  2,
			Record: func(i int) lambdasim.KinesisRecord { return lambdasim.KinesisRecord{PartitionKey: "key"} },
			At:     func(i int) time.Duration { return time.Duration(i) * 40 * time.Second },
		})
		o := simulate(t, lambdasim.Simulation{
			Source: stream, Timeout: 2 * time.Minute, Unknown: lambdasim.Unknown{RetryDelay: func(int) time.Duration { return 4 * time.Second }},
			Handler: &function{takes: c.takes, answer: func(int, event) (string, error) {
				if c.fail {
					return "", errors.New("no")
				}
				return "", nil
			}},
			Mapping: lambdasim.Mapping{
				BatchSize: c.size, MaximumBatchingWindowInSeconds: 100, MaximumRecordAgeInSeconds: 60,
				DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination},
			},
		})
		told := failures(t, destination)
		if len(told) != c.told || told[0].RequestContext.ApproximateInvokeCount != c.invokes || told[0].KinesisBatchInfo.BatchSize != 1 ||
			(told[0].ResponseContext == nil) != (c.invokes == 0) || o.Totals.Discarded != c.told || !o.OK() {
			t.Errorf("%s: the destination is told %+v: %v", c.name, told, o)
		}
	}
}

// A day of retries passes in a second: without limits a record is tried until the stream drops it.
func TestADayOfRetriesPassesInASecond(t *testing.T) {
	began := time.Now()
	o := simulate(t, lambdasim.Simulation{
		Source: changesOf(2), Handler: &function{answer: func(int, event) (string, error) { return "", errors.New("no") }},
	})
	if o.Totals.Expired != 2 || o.Totals.Elapsed < 24*time.Hour || o.Totals.Elapsed > 25*time.Hour || o.Totals.Invocations < 24*60 || !o.OK() {
		t.Error(o)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d invocations in %v took %v", o.Totals.Invocations, o.Totals.Elapsed, took)
	}
}

// What the stream drops leaves the batch that it was in; the rest of that goes on.
func TestRecordsExpireOutOfABatch(t *testing.T) {
	stream := &lambdasim.KinesisStream{}
	stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{
		Count:  2,
		Record: func(int) lambdasim.KinesisRecord { return lambdasim.KinesisRecord{PartitionKey: "key"} },
		At:     func(i int) time.Duration { return time.Duration(i) * 200 * time.Second },
	})
	o := simulate(t, lambdasim.Simulation{
		Source: stream, Handler: &function{answer: func(int, event) (string, error) { return "", errors.New("no") }},
		Mapping: lambdasim.Mapping{BatchSize: 2, MaximumBatchingWindowInSeconds: 300},
	})
	sizes := o.sizes()
	if alone := len(sizes) - slices.Index(sizes, 1); sizes[0] != 2 || alone < 3 || alone > 4 || o.Totals.Expired != 2 || !o.OK() {
		t.Errorf("%d batches, the last %d of one: %v", len(sizes), alone, o)
	}
}

// E6, unknown: how long a batch waits.
func TestRetriesWaitLongerAndLonger(t *testing.T) {
	instants := func(u lambdasim.Unknown) (ms []int64) {
		o := simulate(t, lambdasim.Simulation{
			Source: kinesisOf(1), Unknown: u, Handler: &function{answer: func(int, event) (string, error) { return "", errors.New("no") }},
			Mapping: lambdasim.Mapping{MaximumRetryAttempts: new(4)},
		})
		for _, e := range o.of(history.Invoked) {
			ms = append(ms, e.At.Milliseconds())
		}
		return ms
	}
	if ms := instants(lambdasim.Unknown{}); !slices.Equal(ms, []int64{0, 100, 300, 700, 1500}) {
		t.Errorf("by default at %v ms", ms)
	}
	if ms := instants(lambdasim.Unknown{RetryDelay: func(n int) time.Duration { return time.Duration(n) * time.Second }}); !slices.Equal(ms, []int64{0, 1000, 3000, 6000, 10000}) {
		t.Errorf("as told at %v ms", ms)
	}
}

// E6, E7: one batch of a shard at a time, or as many as the factor says, and never two with the same key.
func TestShardsAndFactorSayHowManyBatchesAreUnderWay(t *testing.T) {
	for _, c := range []struct{ shards, factor, batches int }{{1, 1, 1}, {4, 1, 4}, {1, 10, 10}, {2, 5, 10}} {
		stream := &lambdasim.KinesisStream{Shards: c.shards}
		for i := range 2000 {
			stream.Put(lambdasim.KinesisRecord{PartitionKey: fmt.Sprint("key", i%200)})
		}
		o := simulate(t, lambdasim.Simulation{
			Source: stream, Handler: &function{takes: time.Second},
			Mapping: lambdasim.Mapping{ParallelizationFactor: c.factor, BatchSize: 20},
		})
		open, most := 0, 0
		keys := map[string]int{} // by key: the invocation that has it
		for _, e := range o.of(history.Invoked, history.Answered, history.Received) {
			switch e.Kind {
			case history.Received:
				if other := keys[e.Group]; other != 0 && other != e.Invocation {
					t.Fatalf("%+v: %s is in the invocations %d and %d at once", c, e.Group, other, e.Invocation)
				}
				keys[e.Group] = e.Invocation
			case history.Invoked:
				open++
				most = max(most, open)
			case history.Answered:
				open--
				for key, n := range keys {
					if n == e.Invocation {
						delete(keys, key)
					}
				}
			}
		}
		if most != c.batches || !o.OK() {
			t.Errorf("%+v: %d batches at once: %v", c, most, o)
		}
	}
}

func TestStreamBatchesAreCutBySizeWindowAndBytes(t *testing.T) {
	arrivals := func(n int, every time.Duration, bytes int) *lambdasim.KinesisStream {
		stream := &lambdasim.KinesisStream{}
		stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{
			Count: n,
			Record: func(int) lambdasim.KinesisRecord {
				return lambdasim.KinesisRecord{PartitionKey: "key", Data: make([]byte, bytes)}
			},
			At: func(i int) time.Duration { return time.Duration(i) * every },
		})
		return stream
	}
	for name, c := range map[string]struct {
		stream  *lambdasim.KinesisStream
		mapping lambdasim.Mapping
		sizes   []int
	}{
		"by default a hundred":  {arrivals(250, 0, 1), lambdasim.Mapping{}, []int{100, 100, 50}},
		"at once":               {arrivals(3, time.Second, 1), lambdasim.Mapping{}, []int{1, 1, 1}},
		"by window":             {arrivals(30, time.Second, 1), lambdasim.Mapping{MaximumBatchingWindowInSeconds: 10}, []int{11, 11, 8}},
		"by size in the window": {arrivals(30, time.Second, 1), lambdasim.Mapping{MaximumBatchingWindowInSeconds: 10, BatchSize: 6}, []int{6, 6, 6, 6, 6}},
		"by bytes":              {arrivals(7, 0, 1<<20), lambdasim.Mapping{}, []int{4, 3}},
		"one that is too large": {arrivals(2, 0, 7<<20), lambdasim.Mapping{}, []int{1, 1}},
	} {
		if sizes := simulate(t, lambdasim.Simulation{Source: c.stream, Handler: &function{}, Mapping: c.mapping}).sizes(); !slices.Equal(sizes, c.sizes) {
			t.Errorf("%s: batches of %v, want %v", name, sizes, c.sizes)
		}
	}
}

func TestRecordsThatStreamsWouldNotAcceptFailTheRun(t *testing.T) {
	for want, put := range map[string]func(*lambdasim.KinesisStream, *lambdasim.DynamoDBStream){
		"partition key of 0 bytes": func(k *lambdasim.KinesisStream, _ *lambdasim.DynamoDBStream) { k.Put(lambdasim.KinesisRecord{}) },
		"10485761 bytes of data": func(k *lambdasim.KinesisStream, _ *lambdasim.DynamoDBStream) {
			k.Put(lambdasim.KinesisRecord{PartitionKey: "k", Data: make([]byte, 10<<20+1)})
		},
		"0 key attributes": func(_ *lambdasim.KinesisStream, d *lambdasim.DynamoDBStream) { d.Put(lambdasim.Change{}) },
		`name "UPSERT"`: func(_ *lambdasim.KinesisStream, d *lambdasim.DynamoDBStream) {
			d.Put(lambdasim.Change{Name: "UPSERT", Keys: map[string]events.DynamoDBAttributeValue{"id": events.NewNullAttribute()}})
		},
	} {
		k, d := &lambdasim.KinesisStream{}, &lambdasim.DynamoDBStream{}
		put(k, d)
		_, err := lambdasim.Simulation{Source: k, Handler: &function{}}.Run(t.Context())
		if err == nil {
			_, err = lambdasim.Simulation{Source: d, Handler: &function{}}.Run(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// The events have all fields that AWS documents, with values that aws-lambda-go reads.
func TestStreamRecordsHaveTheShapeThatAWSDocuments(t *testing.T) {
	stream := &lambdasim.KinesisStream{Name: "clicks"}
	number := stream.Put(lambdasim.KinesisRecord{PartitionKey: `k"1`, Data: []byte("\x00data")})
	var k events.KinesisEvent
	simulate(t, lambdasim.Simulation{Source: stream, Handler: decoding(&k)})
	r := k.Records[0]
	if r.EventSource != "aws:kinesis" || r.EventID != "shardId-000000000000:"+number || r.EventName != "aws:kinesis:record" || r.EventVersion != "1.0" ||
		r.EventSourceArn != "arn:aws:kinesis:us-east-1:123456789012:stream/clicks" || r.AwsRegion != "us-east-1" || r.InvokeIdentityArn == "" {
		t.Errorf("%+v", r)
	}
	if d := r.Kinesis; d.PartitionKey != `k"1` || string(d.Data) != "\x00data" || d.SequenceNumber != number || len(number) != 56 ||
		d.KinesisSchemaVersion != "1.0" || d.ApproximateArrivalTimestamp.Year() != 2000 {
		t.Errorf("%+v", d)
	}

	table := &lambdasim.DynamoDBStream{Table: "orders"}
	image := map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute("a"), "total": events.NewNumberAttribute("12.50")}
	number = table.Put(lambdasim.Change{Name: "MODIFY", Keys: map[string]events.DynamoDBAttributeValue{"id": image["id"]}, NewImage: image, OldImage: image})
	var d events.DynamoDBEvent
	simulate(t, lambdasim.Simulation{Source: table, Handler: decoding(&d)})
	c := d.Records[0]
	if c.EventSource != "aws:dynamodb" || len(c.EventID) != 32 || c.EventName != "MODIFY" || c.EventVersion != "1.1" || c.AWSRegion != "us-east-1" ||
		c.EventSourceArn != "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000" {
		t.Errorf("%+v", c)
	}
	if x := c.Change; x.SequenceNumber != number || x.Keys["id"].String() != "a" || x.NewImage["total"].Number() != "12.50" || x.OldImage["id"].String() != "a" ||
		x.SizeBytes == 0 || x.StreamViewType != "NEW_AND_OLD_IMAGES" || x.ApproximateCreationDateTime.Year() != 2000 {
		t.Errorf("%+v", x)
	}
}
