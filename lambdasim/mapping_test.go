package lambdasim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim"
)

// AWS's limits, and what belongs to which source.
func TestImpossibleParametersAreRefused(t *testing.T) {
	standard := func() lambdasim.Source { return &lambdasim.Queue{} }
	fifo := func() lambdasim.Source { return &lambdasim.Queue{Name: "q.fifo"} }
	stream := func() lambdasim.Source { return &lambdasim.KinesisStream{} }
	table := func() lambdasim.Source { return &lambdasim.DynamoDBStream{} }
	for _, c := range []struct {
		source  lambdasim.Source
		mapping lambdasim.Mapping
		more    lambdasim.Simulation
		want    string
	}{
		{source: standard(), mapping: lambdasim.Mapping{BatchSize: 10_001, MaximumBatchingWindowInSeconds: 1}, want: "BatchSize is 10001; must be from 1 to 10000 for a standard queue"},
		{source: standard(), mapping: lambdasim.Mapping{BatchSize: -1}, want: "BatchSize is -1"},
		{source: standard(), mapping: lambdasim.Mapping{BatchSize: 11}, want: "BatchSize is 11; more than 10 on a queue need MaximumBatchingWindowInSeconds"},
		{source: standard(), mapping: lambdasim.Mapping{MaximumBatchingWindowInSeconds: 301}, want: "MaximumBatchingWindowInSeconds is 301; must be from 0 to 300"},
		{source: standard(), mapping: lambdasim.Mapping{FunctionResponseTypes: []string{"Report"}}, want: `FunctionResponseTypes has "Report"; must be "ReportBatchItemFailures"`},
		{source: standard(), mapping: lambdasim.Mapping{ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 1}}, want: "ScalingConfig.MaximumConcurrency is 1; must be from 2 to 1000"},
		{source: standard(), mapping: lambdasim.Mapping{ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 1001}}, want: "1001"},
		{source: standard(), mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 1}}, want: "ProvisionedPollerConfig.MinimumPollers is 1; must be from 2 to 200"},
		{source: fifo(), mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 201, MaximumPollers: 300}}, want: "ProvisionedPollerConfig.MinimumPollers is 201; must be from 2 to 200"},
		{source: standard(), mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MaximumPollers: 1}}, want: "ProvisionedPollerConfig.MaximumPollers is 1; must be from 2 to 10000"},
		{source: standard(), mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MaximumPollers: 10_001}}, want: "ProvisionedPollerConfig.MaximumPollers is 10001"},
		{source: standard(), mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 9, MaximumPollers: 8}}, want: "MinimumPollers 9, more than MaximumPollers 8"},
		{source: standard(), mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 2}, ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 9}}, want: "must not be used together"},
		{source: stream(), mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 2}}, want: "ProvisionedPollerConfig is for queues and Kafka topics"},
		{source: standard(), mapping: lambdasim.Mapping{MaximumRetryAttempts: new(0)}, want: "MaximumRetryAttempts is for streams"},
		{source: standard(), mapping: lambdasim.Mapping{MaximumRecordAgeInSeconds: 60}, want: "MaximumRecordAgeInSeconds is for streams"},
		{source: standard(), mapping: lambdasim.Mapping{BisectBatchOnFunctionError: true}, want: "BisectBatchOnFunctionError is for streams"},
		{source: standard(), mapping: lambdasim.Mapping{ParallelizationFactor: 1}, want: "ParallelizationFactor is for streams"},
		{source: standard(), mapping: lambdasim.Mapping{TumblingWindowInSeconds: 1}, want: "TumblingWindowInSeconds is for streams"},
		{source: standard(), mapping: lambdasim.Mapping{DestinationConfig: lambdasim.DestinationConfig{OnFailure: &lambdasim.Queue{}}}, want: "OnFailure is for streams"},
		{source: fifo(), mapping: lambdasim.Mapping{BatchSize: 11}, want: "BatchSize is 11; must be from 1 to 10 for a FIFO queue"},
		{source: fifo(), mapping: lambdasim.Mapping{MaximumBatchingWindowInSeconds: 1}, want: "a FIFO queue has no batching window"},
		{source: &lambdasim.Queue{VisibilityTimeout: 13 * time.Hour}, want: "VisibilityTimeout is 13h0m0s; must be at most 12h0m0s"},
		{source: &lambdasim.Queue{VisibilityTimeout: time.Second}, want: "VisibilityTimeout is 1s, less than the function's timeout of 3s"},
		{source: &lambdasim.Queue{MessageRetentionPeriod: time.Second}, want: "MessageRetentionPeriod is 1s"},
		{source: &lambdasim.Queue{RedrivePolicy: lambdasim.RedrivePolicy{MaxReceiveCount: 3}}, want: "no DeadLetterQueue"},
		{source: &lambdasim.Queue{RedrivePolicy: lambdasim.RedrivePolicy{DeadLetterQueue: &lambdasim.Queue{}}}, want: "MaxReceiveCount is 0; must be from 1 to 1000"},
		{source: &lambdasim.Queue{RedrivePolicy: lambdasim.RedrivePolicy{MaxReceiveCount: 1, DeadLetterQueue: &lambdasim.Queue{Name: "d.fifo"}}}, want: "must have the same type"},
		{source: stream(), mapping: lambdasim.Mapping{BatchSize: 10_001}, want: "BatchSize is 10001; must be from 1 to 10000 for a stream"},
		{source: stream(), mapping: lambdasim.Mapping{MaximumRetryAttempts: new(-2)}, want: "MaximumRetryAttempts is -2; must be from 0 to 10000, or −1"},
		{source: stream(), mapping: lambdasim.Mapping{MaximumRetryAttempts: new(10_001)}, want: "10001"},
		{source: stream(), mapping: lambdasim.Mapping{MaximumRecordAgeInSeconds: 59}, want: "MaximumRecordAgeInSeconds is 59; must be from 60 to 604800"},
		{source: stream(), mapping: lambdasim.Mapping{ParallelizationFactor: 11}, want: "ParallelizationFactor is 11; must be from 1 to 10"},
		{source: table(), mapping: lambdasim.Mapping{TumblingWindowInSeconds: 901}, want: "TumblingWindowInSeconds is 901; must be from 0 to 900"},
		{source: table(), mapping: lambdasim.Mapping{TumblingWindowInSeconds: 9, ParallelizationFactor: 2}, want: "not simulated"},
		{source: table(), mapping: lambdasim.Mapping{ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 2}}, want: "MaximumConcurrency is for queues"},
		{source: table(), mapping: lambdasim.Mapping{DestinationConfig: lambdasim.DestinationConfig{OnFailure: &lambdasim.Queue{Name: "d.fifo"}}}, want: "must be a standard queue"},
		{source: &lambdasim.KinesisStream{Shards: -1}, want: "Shards is -1"},
		{source: &lambdasim.DynamoDBStream{Shards: 1001}, want: "Shards is 1001"},
		{source: &lambdasim.KinesisStream{RetentionPeriod: time.Hour}, want: "RetentionPeriod is 1h0m0s"},
		{source: standard(), more: lambdasim.Simulation{Timeout: time.Hour}, want: "Timeout is 1h0m0s; must be at most 15m0s"},
		{source: standard(), more: lambdasim.Simulation{Invocations: -1}, want: "Invocations is -1"},
		{source: standard(), more: lambdasim.Simulation{Concurrency: -1}, want: "Concurrency is -1"},
		{source: standard(), more: lambdasim.Simulation{Unknown: lambdasim.Unknown{DuplicateRate: 1.5}}, want: "DuplicateRate is 1.5; must be from 0 to 1"},
		{source: nil, want: "Source is missing"},
	} {
		s := c.more
		s.Source, s.Mapping, s.Handler = c.source, c.mapping, &function{}
		if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v does not say %q", err, c.want)
		}
	}
	if _, err := (lambdasim.Simulation{Source: standard(), Mapping: lambdasim.Mapping{BatchSize: -5}}).Run(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "Handler is missing") || !strings.Contains(err.Error(), "BatchSize is -5") {
		t.Errorf("%v does not tell everything that is wrong", err)
	}
	used := standard()
	if _, err := (lambdasim.Simulation{Source: used, Handler: &function{}}).Run(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := (lambdasim.Simulation{Source: used, Handler: &function{}}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "used by a run before") {
		t.Errorf("a second run of a source: %v", err)
	}
}

// What AWS's limits allow is allowed.
func TestParametersAtTheirLimitsAreAccepted(t *testing.T) {
	for _, s := range []lambdasim.Simulation{
		{Source: &lambdasim.Queue{}, Mapping: lambdasim.Mapping{BatchSize: 10_000, MaximumBatchingWindowInSeconds: 300, ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 1000}}},
		{Source: &lambdasim.Queue{Name: "q.fifo", VisibilityTimeout: 12 * time.Hour, MessageRetentionPeriod: 14 * 24 * time.Hour}, Mapping: lambdasim.Mapping{BatchSize: 10}, Timeout: 15 * time.Minute},
		{Source: &lambdasim.Queue{}, Mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 200, MaximumPollers: 10_000}}},
		{Source: &lambdasim.Queue{Name: "q.fifo"}, Mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 2, MaximumPollers: 2}}},
		{Source: &lambdasim.KinesisStream{Shards: 1000}, Mapping: lambdasim.Mapping{BatchSize: 10_000, MaximumRetryAttempts: new(10_000), MaximumRecordAgeInSeconds: 604_800, ParallelizationFactor: 10}},
		{Source: &lambdasim.DynamoDBStream{}, Mapping: lambdasim.Mapping{MaximumRetryAttempts: new(-1), MaximumRecordAgeInSeconds: -1, TumblingWindowInSeconds: 900}},
	} {
		s.Handler = &function{}
		if verdict, err := s.Run(t.Context()); err != nil || !verdict.OK() {
			t.Errorf("%+v: %v, %v", s.Mapping, verdict, err)
		}
	}
}
