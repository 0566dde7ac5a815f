package check

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found is what a report says, a line a finding: the line in the file, the rule, and "?" where it was not known.
func found(t *testing.T, files ...File) []string {
	t.Helper()
	r, err := Check(files...)
	require.NoError(t, err)
	return lines(r)
}

func lines(r Report) []string {
	list := []string{}
	for _, f := range r.Findings {
		known := ""
		if !f.Known {
			known = "?"
		}
		list = append(list, fmt.Sprintf("%d %s%s", f.Line, f.Rule.ID, known))
	}
	return list
}

// rules are the rules that were broken, without lines.
func rules(t *testing.T, files ...File) []string {
	t.Helper()
	list := []string{}
	for _, line := range found(t, files...) {
		_, rule, _ := strings.Cut(line, " ")
		list = append(list, rule)
	}
	return list
}

func file(text string) File { return File{"file", []byte(text)} }

func fixture(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

const examples = "../../../examples/"

// Each template of ours passes, and fails when it is broken in one way.
func TestOurTemplates(t *testing.T) {
	const response = "            FunctionResponseTypes: [ReportBatchItemFailures]\n"
	const noBounds = "            MaximumRetryAttempts: 10\n            MaximumRecordAgeInSeconds: 3600\n"
	type broken struct{ old, new, want string }
	sqsBroken := []broken{
		{response, "", "partial-response"},
		{"FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []", "partial-response"},
		{"VisibilityTimeout: 181", "VisibilityTimeout: 180", "visibility-timeout"},
		{"      VisibilityTimeout: 181", "      #", "visibility-timeout"},
		{"      Timeout: 30", "      Timeout: 31", "visibility-timeout"},
		{"deadLetterTargetArn", "#", "redrive-policy"},
		{"            MaximumBatchingWindowInSeconds: 1\n", "", "batch-window"},
	}
	streamBroken := []broken{
		{response, "", "partial-response"},
		{noBounds, "", "stream-bounds"},
		{noBounds, "            MaximumRetryAttempts: -1\n            MaximumRecordAgeInSeconds: -1\n", "stream-bounds"},
		// Either bound ends the retries (API reference, CreateEventSourceMapping).
		{noBounds, "            MaximumRetryAttempts: 10\n", ""},
		{noBounds, "            MaximumRetryAttempts: -1\n            MaximumRecordAgeInSeconds: 3600\n", ""},
		{"              OnFailure:", "              OnSuccess:", "stream-destination"},
	}
	fifoBroken := []broken{
		{response, "", "partial-response"},
		{"VisibilityTimeout: 180", "VisibilityTimeout: 179", "visibility-timeout"},
		{"      FifoQueue: true\n      MessageRetentionPeriod", "      MessageRetentionPeriod", "dead-letter-type"},
		{"      FifoQueue: true\n      ContentBased", "      ContentBased", "dead-letter-type"},
		{"            BatchSize: 10", "            BatchSize: 11", "batch-window"},
	}
	for name, cases := range map[string][]broken{
		"fifo": fifoBroken, "redelivery/orders": fifoBroken,
		"sqs": sqsBroken, "typed": sqsBroken, "own-handler": sqsBroken, "observability": sqsBroken,
		"kinesis": streamBroken, "dynamodb": streamBroken, "windows": streamBroken,
		"kafka": append(streamBroken, broken{"ProvisionedPollerConfig:", "Nothing:", "kafka-provisioned"}),
	} {
		path := examples + name + "/template.yaml"
		text := fixture(t, path)
		r, err := Check(File{path, []byte(text)})
		require.NoError(t, err)
		assert.Empty(t, lines(r), path)
		assert.Equal(t, 1, r.Mappings, path)
		for _, c := range cases {
			changed := strings.Replace(text, c.old, c.new, 1)
			if changed == text {
				continue // each template has a few settings of its own
			}
			assert.Equal(t, strings.Fields(c.want), rules(t, file(changed)), "%s: %q for %q", path, c.new, c.old)
		}
		assert.NotEqual(t, text, strings.Replace(text, cases[0].old, cases[0].new, 1), path)
	}
}

// A finding is where the setting is, or where the resource is that lacks it.
func TestAFindingHasItsLine(t *testing.T) {
	text := fixture(t, examples+"sqs/template.yaml")
	lineOf := func(what string) int { return 1 + strings.Count(text[:strings.Index(text, what)], "\n") }
	for old, c := range map[string]struct {
		new, want string
	}{
		"VisibilityTimeout: 181": {"VisibilityTimeout: 60", fmt.Sprintf("%d visibility-timeout", lineOf("VisibilityTimeout:"))},
		"            FunctionResponseTypes: [ReportBatchItemFailures]\n": {"", fmt.Sprintf("%d partial-response", lineOf("        Orders:\n          Type: SQS"))},
	} {
		require.Contains(t, text, old)
		r, err := Check(file(strings.Replace(text, old, c.new, 1)))
		require.NoError(t, err)
		assert.Equal(t, []string{c.want}, lines(r))
	}
	r, err := Check(File{"dir/t.yaml", []byte(strings.Replace(text, "VisibilityTimeout: 181", "VisibilityTimeout: 60", 1))})
	require.NoError(t, err)
	require.Len(t, r.Findings, 1)
	f := r.Findings[0]
	assert.Equal(t, "dir/t.yaml", f.File)
	assert.Equal(t, 7, f.Column)
	assert.Equal(t, "the visibility timeout is 60 s; it must be at least 181 s, six times the 30 s timeout of Charge plus the window of 1 s", f.Message)
	assert.Equal(t, "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html", f.Rule.Page)
}

// The findings that lose every failed record come first, and what is not known last.
func TestFindingsComeInTheOrderOfTheirDanger(t *testing.T) {
	text := strings.NewReplacer(
		"            FunctionResponseTypes: [ReportBatchItemFailures]\n", "", "VisibilityTimeout: 181", "VisibilityTimeout: 60",
		"deadLetterTargetArn", "#", "            MaximumBatchingWindowInSeconds: 1\n", "            MaximumBatchingWindowInSeconds: !Ref Window\n",
	).Replace(fixture(t, examples+"sqs/template.yaml"))
	r, err := Check(file(text))
	require.NoError(t, err)
	var ids []string
	for _, f := range r.Findings {
		ids = append(ids, f.Rule.ID)
	}
	assert.Equal(t, []string{"partial-response", "visibility-timeout", "redrive-policy", "batch-window"}, ids)
	assert.Greater(t, r.Findings[0].Line, r.Findings[1].Line, "which is before it in the file")
	assert.False(t, r.Findings[3].Known)
}

// cloudformation is a template without SAM, in JSON, with the long forms of the intrinsic functions.
const cloudformation = `{
  "Resources": {
    "Orders": {"Type": "AWS::SQS::Queue", "Properties": {
      "VisibilityTimeout": 190, "QueueName": "orders",
      "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 5}
    }},
    "Dead": {"Type": "AWS::SQS::Queue"},
    "Charge": {"Type": "AWS::Lambda::Function", "Properties": {"Timeout": 30, "FunctionName": "charge"}},
    "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
      "EventSourceArn": {"Fn::GetAtt": ["Orders", "Arn"]}, "FunctionName": {"Ref": "Charge"},
      "BatchSize": 100, "MaximumBatchingWindowInSeconds": 10,
      "FunctionResponseTypes": ["ReportBatchItemFailures"]
    }}
  }
}`

func TestCloudFormationInJSON(t *testing.T) {
	assert.Empty(t, found(t, file(cloudformation)))
	for _, c := range []struct{ old, new, want string }{
		{`"VisibilityTimeout": 190`, `"VisibilityTimeout": 189`, "4 visibility-timeout"},
		{`"VisibilityTimeout": 190, `, ``, "3 visibility-timeout"},
		{`"Timeout": 30, `, ``, ""}, // 3 s by default
		{`,
      "FunctionResponseTypes": ["ReportBatchItemFailures"]`, ``, "9 partial-response"},
		{`["ReportBatchItemFailures"]`, `["Something"]`, "12 partial-response"},
		{`"MaximumBatchingWindowInSeconds": 10,`, `"MaximumBatchingWindowInSeconds": 0,`, "11 batch-window"},
		{`"BatchSize": 100, "MaximumBatchingWindowInSeconds": 10,`, ``, ""},
		{`"RedrivePolicy"`, `"Nothing"`, "3 redrive-policy"},
		{`{"Type": "AWS::SQS::Queue"}`, `{"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": true}}`, "5 dead-letter-type"},
		{`{"Fn::GetAtt": ["Orders", "Arn"]}`, `{"Fn::Sub": "${Orders.Arn}"}`, ""},
		{`{"Ref": "Charge"}`, `"charge"`, ""},
		{`{"Ref": "Charge"}`, `"arn:aws:lambda:eu-west-1:123456789012:function:charge:live"`, ""},
		{`{"Fn::GetAtt": ["Dead", "Arn"]}`, `"arn:aws:sqs:eu-west-1:123456789012:dead"`, ""},
		{`{"Fn::GetAtt": ["Dead", "Arn"]}`, `"arn:aws:sqs:eu-west-1:123456789012:dead.fifo"`, "5 dead-letter-type"},
		{`{"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 5}`, `"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:123456789012:dead\"}"`, ""},
	} {
		require.Contains(t, cloudformation, c.old)
		want := []string{}
		if c.want != "" {
			want = append(want, c.want)
		}
		assert.Equal(t, want, found(t, file(strings.Replace(cloudformation, c.old, c.new, 1))), c.new)
	}
}

// What an intrinsic function hides is not known, and neither passes nor fails.
func TestWhatAnIntrinsicHidesIsNotKnown(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`["ReportBatchItemFailures"]`, `{"Ref": "Types"}`, "12 partial-response?"},
		{`["ReportBatchItemFailures"]`, `[{"Ref": "Type"}]`, "12 partial-response?"},
		{`["ReportBatchItemFailures"]`, `[{"Ref": "Type"}, "ReportBatchItemFailures"]`, ""},
		{`["ReportBatchItemFailures"]`, `{"Fn::If": ["Prod", ["ReportBatchItemFailures"], {"Ref": "AWS::NoValue"}]}`, "12 partial-response?"},
		{`["ReportBatchItemFailures"]`, `{"Ref": "AWS::NoValue"}`, "9 partial-response"},
		{`"VisibilityTimeout": 190`, `"VisibilityTimeout": {"Ref": "Visibility"}`, "4 visibility-timeout?"},
		{`"Timeout": 30`, `"Timeout": {"Fn::FindInMap": ["Timeouts", "prod", "charge"]}`, "4 visibility-timeout?"},
		{`"BatchSize": 100`, `"BatchSize": {"Ref": "Batch"}`, "11 batch-window?"},
		{`"MaximumBatchingWindowInSeconds": 10`, `"MaximumBatchingWindowInSeconds": {"Ref": "Window"}`, "4 visibility-timeout? 11 batch-window?"},
		{`{"Fn::GetAtt": ["Orders", "Arn"]}`, `{"Fn::ImportValue": "orders"}`, "9 partial-response?"},
		{`{"Fn::GetAtt": ["Orders", "Arn"]}`, `{"Fn::Sub": "arn:aws:sqs:${AWS::Region}:1:orders"}`, "10 redrive-policy? 10 visibility-timeout?"},
		{`{"Ref": "Charge"}`, `{"Fn::ImportValue": "charge"}`, "4 visibility-timeout?"},
		{`{"Fn::GetAtt": ["Dead", "Arn"]}`, `{"Fn::ImportValue": "dead"}`, "5 dead-letter-type?"},
		{`{"Fn::GetAtt": ["Dead", "Arn"]}`, `{"Fn::Sub": "arn:aws:sqs:${AWS::Region}:1:dead"}`, ""},
		{`{"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 5}`, `{"Fn::If": ["Prod", {}, {"Ref": "AWS::NoValue"}]}`, "5 redrive-policy?"},
		{`"Dead": {"Type"`, `"Fn::ForEach::Queues": ["Q", ["A"], {}], "Dead": {"Type"`, "7 not-read?"},
	} {
		require.Contains(t, cloudformation, c.old)
		assert.Equal(t, strings.Fields(c.want), strings.Fields(strings.Join(found(t, file(strings.Replace(cloudformation, c.old, c.new, 1))), " ")), c.new)
	}
	sam := fixture(t, examples+"kinesis/template.yaml")
	for _, c := range []struct{ old, new, want string }{
		{"MaximumRetryAttempts: 10\n            MaximumRecordAgeInSeconds: 3600", "MaximumRetryAttempts: !Ref Retries", "stream-bounds?"},
		{"MaximumRetryAttempts: 10", "MaximumRetryAttempts: !Ref Retries", ""},
		{"OnFailure:\n                Destination: !GetAtt FailedPositions.Arn", "OnFailure: !If [Prod, {}, {}]", "stream-destination?"},
	} {
		require.Contains(t, sam, c.old)
		assert.Equal(t, strings.Fields(c.want), rules(t, file(strings.Replace(sam, c.old, c.new, 1))), c.new)
	}
}

// The timeout that a function has from Globals counts, unless it has its own.
func TestGlobalsOfSAMCount(t *testing.T) {
	sam := fixture(t, examples+"sqs/template.yaml")
	require.Contains(t, sam, "      Timeout: 30\n")
	globals := "Globals:\n  Function:\n    Timeout: 60\n"
	assert.Empty(t, found(t, file(globals+sam)))
	assert.Equal(t, []string{"visibility-timeout"}, rules(t, file(globals+strings.Replace(sam, "      Timeout: 30\n", "", 1))))
	assert.Empty(t, found(t, file(strings.Replace(sam, "      Timeout: 30\n", "", 1))), "3 s by default")
}

// YAML of a mapping for a stream, with the parts of a template that come by anchor and merge key.
func TestAnchorsAndMergeKeysOfYAML(t *testing.T) {
	const text = `
Resources:
  A:
    Type: AWS::Lambda::EventSourceMapping
    Properties: &common
      EventSourceArn: arn:aws:kinesis:eu-west-1:1:stream/a
      FunctionName: a
      FunctionResponseTypes: [ReportBatchItemFailures]
      MaximumRetryAttempts: 3
      DestinationConfig: {OnFailure: {Destination: arn:aws:sqs:eu-west-1:1:a}}
  B:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      <<: *common
      FunctionResponseTypes: []
`
	assert.Equal(t, []string{"15 partial-response"}, found(t, file(text)))
}

func TestPipes(t *testing.T) {
	const text = `
Resources:
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}
  Dead: {Type: AWS::SQS::Queue}
  Charge: {Type: AWS::Lambda::Function, Properties: {Timeout: 10}}
  Steps: {Type: AWS::StepFunctions::StateMachine}
  Pipe:
    Type: AWS::Pipes::Pipe
    Properties:
      Source: !GetAtt Orders.Arn
      Target: !GetAtt Charge.Arn
      TargetParameters:
        LambdaFunctionParameters:
          InvocationType: REQUEST_RESPONSE
`
	assert.Empty(t, found(t, file(text)))
	for _, c := range []struct{ old, new, want string }{
		{"REQUEST_RESPONSE", "FIRE_AND_FORGET", "18 pipe-invocation"},
		{"REQUEST_RESPONSE", "!Ref How", "18 pipe-invocation?"},
		{"      Target: !GetAtt Charge.Arn", "      Enrichment: !GetAtt Charge.Arn\n      Target: !GetAtt Steps.Arn", "15 pipe-enrichment"},
		{"      Target: !GetAtt Charge.Arn", "      Enrichment: !GetAtt Steps.Arn\n      Target: !GetAtt Charge.Arn", ""},
		{"      Target: !GetAtt Charge.Arn", "      Enrichment: !ImportValue enrichment\n      Target: !GetAtt Charge.Arn", "15 pipe-enrichment?"},
		{"VisibilityTimeout: 60", "VisibilityTimeout: 59", "6 visibility-timeout"},
		{"      RedrivePolicy", "      Nothing", "3 redrive-policy"},
		{"Source: !GetAtt Orders.Arn", "Source: arn:aws:kinesis:eu-west-1:1:stream/x", "11 stream-bounds 11 stream-destination"},
		{"Source: !GetAtt Orders.Arn", "Source: arn:aws:kinesis:eu-west-1:1:stream/x\n      SourceParameters: {KinesisStreamParameters: {MaximumRetryAttempts: 5, DeadLetterConfig: {Arn: arn:aws:sqs:eu-west-1:1:x}}}", ""},
		{"Source: !GetAtt Orders.Arn", "Source: !ImportValue source", "14 redrive-policy?"},
	} {
		require.Contains(t, text, c.old)
		assert.Equal(t, strings.Fields(c.want), strings.Fields(strings.Join(found(t, file(strings.Replace(text, c.old, c.new, 1))), " ")), c.new)
	}
}

func TestTerraformPlan(t *testing.T) {
	plan := fixture(t, "testdata/plan.json")
	assert.Empty(t, found(t, file(plan)))
	for _, c := range []struct{ old, new, want string }{
		{`"visibility_timeout_seconds": 181`, `"visibility_timeout_seconds": 180`, "visibility-timeout"},
		{`"function_response_types": ["ReportBatchItemFailures"],
            "maximum_batching`, `"function_response_types": null, "maximum_batching`, "partial-response"},
		{`"maximum_batching_window_in_seconds": 1`, `"maximum_batching_window_in_seconds": 0`, "batch-window"},
		{`"redrive_policy": true`, `"redrive_policy": false`, "redrive-policy"},
		{`"fifo_queue": false, "name": "dead-orders"`, `"fifo_queue": true, "name": "dead-orders.fifo"`, "dead-letter-type"},
		{`"maximum_record_age_in_seconds": 3600,
                "maximum_retry_attempts": 10`, `"maximum_retry_attempts": -1`, "stream-bounds"},
		{`"destination_config": [{ "on_failure": [{}] }],
                "function`, `"destination_config": [], "function`, "stream-destination"},
		{`"references": ["var.stream"]`, `"references": ["local.stream"]`, "partial-response?"},
		{`"references": ["aws_sqs_queue.dead_orders.arn", "aws_sqs_queue.dead_orders"]`, `"references": ["var.dead"]`, "redrive-policy?"},
		{`"timeout": 30`, `"timeout": null`, ""}, // 3 s by default
	} {
		require.Contains(t, plan, c.old)
		assert.Equal(t, strings.Fields(c.want), rules(t, file(strings.Replace(plan, c.old, c.new, 1))), c.new)
	}
}

// A state has the ARNs, and the modules of a plan hand them on by outputs.
func TestTerraformStateAndModules(t *testing.T) {
	const state = `{"format_version":"1.0","terraform_version":"1.9.5","values":{"root_module":{"resources":[
{"address":"aws_lambda_event_source_mapping.m[0]","mode":"managed","type":"aws_lambda_event_source_mapping","values":{
  "event_source_arn":"arn:aws:sqs:eu-west-1:1:orders","function_name":"arn:aws:lambda:eu-west-1:1:function:charge","batch_size":10,"function_response_types":["ReportBatchItemFailures"]}},
{"address":"aws_lambda_function.charge","mode":"managed","type":"aws_lambda_function","values":{"arn":"arn:aws:lambda:eu-west-1:1:function:charge","function_name":"charge","timeout":30}},
{"address":"aws_sqs_queue.orders","mode":"managed","type":"aws_sqs_queue","values":{"arn":"arn:aws:sqs:eu-west-1:1:orders","name":"orders","visibility_timeout_seconds":180,
  "redrive_policy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:1:dead\",\"maxReceiveCount\":5}"}}
]}}}`
	assert.Empty(t, found(t, file(state)))
	assert.Equal(t, []string{"5 visibility-timeout"}, found(t, file(strings.Replace(state, "180", "179", 1))))
	assert.Equal(t, []string{"5 redrive-policy"}, found(t, file(strings.Replace(state, "redrive_policy", "x", 1))))
	assert.Equal(t, []string{"6 dead-letter-type"}, found(t, file(strings.Replace(state, "1:dead", "1:dead.fifo", 1))))

	plan := fixture(t, "testdata/plan.json")
	through := strings.NewReplacer(
		`"references": ["aws_kinesis_stream.stock.arn", "aws_kinesis_stream.stock"]`, `"references": ["module.stream.arn"]`,
		`"module_calls": {`, `"module_calls": { "stream": {"module": {"outputs": {"arn": {"expression": {"references": ["aws_kinesis_stream.stock.arn"]}}}}},`,
		`"address": "aws_kinesis_stream.stock",
          "mode"`, `"address": "module.stream.aws_kinesis_stream.stock", "mode"`,
	).Replace(plan)
	assert.NotEqual(t, plan, through)
	assert.Empty(t, found(t, file(through)))
	assert.Equal(t, []string{"stream-bounds"}, rules(t, file(strings.NewReplacer(
		`"maximum_retry_attempts": 10`, `"x": 1`, `"maximum_record_age_in_seconds": 3600,`, ``).Replace(through))))
}

// The files of the AWS CLI are checked together.
func TestJSONOfTheAWSCLI(t *testing.T) {
	const mappings = `{"EventSourceMappings": [
  {"UUID": "1", "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": "arn:aws:sqs:eu-west-1:1:orders",
   "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:charge:live", "State": "Enabled", "FunctionResponseTypes": ["ReportBatchItemFailures"]}
]}`
	const function = `{"FunctionName": "charge", "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:charge", "Timeout": 30}`
	const orders = `{"Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:1:orders", "CreatedTimestamp": "1", "VisibilityTimeout": "180",
  "RedrivePolicy": "{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:1:dead\",\"maxReceiveCount\":5}"}}`
	all := func(change func(name, text string) string) (files []File) {
		for _, f := range []File{{"mappings", []byte(mappings)}, {"function", []byte(function)}, {"orders", []byte(orders)}} {
			files = append(files, File{f.Name, []byte(change(f.Name, string(f.Data)))})
		}
		return files
	}
	same := func(_, text string) string { return text }
	assert.Empty(t, found(t, all(same)...))
	for _, c := range []struct{ old, new, want string }{
		{`"VisibilityTimeout": "180"`, `"VisibilityTimeout": "30"`, "visibility-timeout"},
		{`"Timeout": 30`, `"Timeout": 31`, "visibility-timeout"},
		{`["ReportBatchItemFailures"]`, `[]`, "partial-response"},
		{`"RedrivePolicy"`, `"X"`, "redrive-policy"},
		{`"CreatedTimestamp": "1", "VisibilityTimeout": "180",
  "RedrivePolicy"`, `"VisibilityTimeout": "180", "X"`, "redrive-policy?"},
		{`1:dead\`, `1:dead.fifo\`, "dead-letter-type"},
	} {
		assert.Equal(t, strings.Fields(c.want), rules(t, all(func(_, text string) string { return strings.Replace(text, c.old, c.new, 1) })...), c.new)
	}
	assert.Equal(t, []string{"redrive-policy?", "visibility-timeout?"}, rules(t, File{"mappings", []byte(mappings)}), "the queue is not given")
	assert.Equal(t, []string{"visibility-timeout?"}, rules(t, File{"mappings", []byte(mappings)}, File{"orders", []byte(orders)}), "the function is not given")
	assert.Equal(t, []string{"redrive-policy"}, rules(t, file(strings.Replace(orders, "RedrivePolicy", "X", 1))), "a queue alone")

	const kafka = `{"UUID": "1", "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:f", "EventSourceArn": "arn:aws:kafka:eu-west-1:1:cluster/c/1",
  "Topics": ["t"], "FunctionResponseTypes": ["ReportBatchItemFailures"], "MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": 600,
  "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:1:x"}}, "ProvisionedPollerConfig": {"MinimumPollers": 1}}`
	assert.Empty(t, found(t, file(kafka)))
	assert.Equal(t, []string{"kafka-provisioned"}, rules(t, file(strings.Replace(kafka, "Provisioned", "X", 1))))
	assert.Equal(t, []string{"stream-destination"}, rules(t, file(strings.Replace(kafka, `{"Destination": "arn:aws:sqs:eu-west-1:1:x"}`, "{}", 1))))
}

// A mapping in one file finds its queue in another by the ARN or, where a template has no ARN, by the name.
func TestFilesAreCheckedTogether(t *testing.T) {
	mapping := file(`{"Resources": {"M": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": "charge",
	  "EventSourceArn": "arn:aws:sqs:eu-west-1:1:orders", "FunctionResponseTypes": ["ReportBatchItemFailures"]}}}}`)
	assert.Equal(t, []string{"redrive-policy?", "visibility-timeout?"}, rules(t, mapping))
	other := File{"other", []byte(strings.Replace(cloudformation, `"VisibilityTimeout": 190`, `"VisibilityTimeout": 20`, 1))}
	r, err := Check(mapping, other)
	require.NoError(t, err)
	require.Len(t, r.Findings, 2, "each of the two mappings needs another time")
	assert.Equal(t, []string{"other", "other"}, []string{r.Findings[0].File, r.Findings[1].File}, "it is the queue's file that has to change")
}

func TestWhatIsNoneOfTheFormatsIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "the file is empty",
		"hello":                          "must be a SAM or CloudFormation template",
		`{"a": 1}`:                       "must be a SAM or CloudFormation template",
		`[]`:                             "must be a SAM or CloudFormation template",
		"{\n\"a\": ]}":                   "not YAML or JSON: line 2",
		`{"Resources": {}} {}`:           "not YAML or JSON",
		`{"Resources": {`:                "not YAML or JSON",
		"a: [b\nc: d":                    "not YAML or JSON",
		"Resources: &a\n  X: *a":         "contains itself",
		"a: *nothing":                    "not YAML or JSON",
		strings.Repeat("[", 100_000):     "not YAML or JSON",
		`{"Resources": "x"}`:             "must be a SAM or CloudFormation template",
		`{"Attributes": {"Other": "x"}}`: "must be a SAM or CloudFormation template",
	} {
		_, err := Check(File{"t.yaml", []byte(text)})
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
		assert.True(t, strings.HasPrefix(err.Error(), "t.yaml: "), err.Error())
	}
}

// Anchors that contain each other many times over take neither time nor memory.
func TestALaughOfAnchorsIsRead(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: 1}\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, "a%d: &a%d {<<: [*a%d, *a%d], l: [*a%d, *a%d], k%d: 1}\n", i, i, i-1, i-1, i-1, i-1, i)
	}
	b.WriteString("Resources: {Q: {Type: AWS::SQS::Queue, Properties: *a59}}\n")
	assert.Empty(t, found(t, file(b.String())))
}

// Whatever a file has in it, check returns.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(cloudformation))
	for _, path := range []string{"testdata/plan.json", examples + "sqs/template.yaml", examples + "kafka/template.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Check(File{"f", data})
		if err != nil {
			return
		}
		for _, finding := range r.Findings {
			if finding.Line < 1 || finding.Column < 1 || finding.Message == "" {
				t.Errorf("%+v", finding)
			}
		}
	})
}
