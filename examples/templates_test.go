package examples_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/troupe-go/troupe/cmd/demo/check"
)

// deployment is what a template deploys, as far as records can be lost by it.
type deployment struct {
	runtime, handler, arch string
	timeout                int // seconds, as are the other times
	source                 string
	mapping                mapping
	metrics                []string // those that have an alarm
	lost                   []string // tables that go with the stack
	statements             []statement
}

// mapping is an event source mapping and the queue that it reads from, if that is what it reads from.
type mapping struct {
	responses        []string
	batch, window    int
	visibility       int
	fifo, leftoverOf bool // whether the queue, and the queue for what was given up on, are FIFO queues
	leftovers        bool // whether there is that queue
	received         int  // how often a message may be
	most             int  // invocations of a queue
	kept             bool // whether that queue outlives the stack
	retries          *int
	age              int
	provisioned      bool
}

type statement struct{ actions, resources []string }

// faults returns what is wrong with a deployment. The rules are those of these pages of the AWS Lambda
// Developer Guide: "Creating and configuring an Amazon SQS event source mapping", "Configuring error handling
// controls for Kafka event sources", "Retain discarded batch records for a Kinesis Data Streams event source
// in Lambda", "Configuring scaling behavior for SQS event source mappings", "Deploy Go Lambda functions with .zip file archives"; and of the Amazon SQS Developer Guide:
// "Using dead-letter queues in Amazon SQS".
func faults(d deployment) (found []string) {
	must := func(ok bool, fault string) {
		if !ok {
			found = append(found, fault)
		}
	}
	m := d.mapping
	must(d.runtime == "provided.al2023", "runtime is not provided.al2023")
	must(d.handler == "bootstrap", "handler is not bootstrap")
	must(d.arch == "arm64", "architecture is not arm64")
	must(d.timeout > 0, "no timeout")
	must(slices.Equal(m.responses, []string{"ReportBatchItemFailures"}), "ReportBatchItemFailures is missing")
	must(m.leftovers, "what is given up on goes nowhere")
	must(!m.leftovers || m.kept, "what is given up on goes with the stack")
	must(len(d.lost) == 0, "a table goes with the stack")
	must(slices.Contains(d.metrics, "Errors"), "no alarm on errors")
	switch d.source {
	case "SQS":
		must(m.visibility >= 6*d.timeout+m.window, "visibility timeout is less than six timeouts and a window")
		must(m.received >= 2, "a message has one try only")
		must(m.most >= 2 && m.most <= 1000, "no bound on invocations")
		must(m.fifo == m.leftoverOf, "dead-letter queue is of another type")
		must(slices.Contains(d.metrics, "ApproximateAgeOfOldestMessage"), "no alarm on age")
		if m.fifo {
			must(m.batch <= 10 && m.window == 0, "no such batch of a FIFO queue")
		}
		must(m.batch <= 10 || m.window >= 1, "more than 10 messages need a window")
	case "Kinesis", "DynamoDB", "MSK":
		must(m.retries != nil && *m.retries > 0, "retries have no bound")
		must(m.age > 0, "age has no bound")
		if d.source == "MSK" {
			must(m.provisioned, "no provisioned mode, so responses are ignored")
			must(slices.Contains(d.metrics, "OffsetLag"), "no alarm on lag")
		} else {
			must(slices.Contains(d.metrics, "IteratorAge"), "no alarm on age")
		}
	default:
		must(false, "unknown source "+d.source)
	}
	must(len(d.statements) > 0, "no policy")
	for _, s := range d.statements {
		for _, action := range s.actions {
			must(!strings.Contains(action, "*"), "policy allows "+action)
			// What Lambda does to a VPC's network interfaces cannot be narrowed down.
			must(strings.HasPrefix(action, "ec2:") || !slices.Contains(s.resources, "*"), "policy allows "+action+" on everything")
		}
	}
	return found
}

// samTemplate is what is looked at of an AWS SAM template.
type samTemplate struct {
	Parameters map[string]json.RawMessage
	Resources  map[string]struct {
		Type                                string
		DeletionPolicy, UpdateReplacePolicy string
		Properties                          json.RawMessage
	}
}

// parseSAM parses a template by way of JSON. Of a reference the text behind its tag is left.
func parseSAM(text string) (template samTemplate, err error) {
	var document map[string]any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return template, err
	}
	asJSON, err := json.Marshal(document)
	if err != nil {
		return template, err
	}
	err = json.Unmarshal(asJSON, &template)
	return template, err
}

type samFunction struct {
	Runtime, Handler string
	Architectures    []string
	Timeout          int
	Role             string
	Events           map[string]struct {
		Type       string
		Properties struct {
			Queue                          string
			BatchSize                      int
			MaximumBatchingWindowInSeconds int
			FunctionResponseTypes          []string
			MaximumRetryAttempts           *int
			MaximumRecordAgeInSeconds      int
			DestinationConfig              struct{ OnFailure struct{ Destination string } }
			ProvisionedPollerConfig        map[string]int
			ScalingConfig                  struct{ MaximumConcurrency int }
		}
	}
}

type samQueue struct {
	FifoQueue         bool
	VisibilityTimeout int
	RedrivePolicy     struct {
		DeadLetterTargetArn string
		MaxReceiveCount     int
	}
}

type samRole struct {
	Policies []struct {
		PolicyDocument struct {
			Statement []struct{ Action, Resource oneOrMore }
		}
	}
}

// oneOrMore is a list of strings that is written as a string if it has one.
type oneOrMore []string

func (l *oneOrMore) UnmarshalJSON(text []byte) error {
	if one := ""; json.Unmarshal(text, &one) == nil {
		*l = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// readSAM reads a template's functions, each with each of its events.
func readSAM(text string) (deployments []deployment, err error) {
	template, err := parseSAM(text)
	if err != nil {
		return nil, err
	}
	// decode finds the resource of a type that a reference such as Orders.Arn is to.
	decode := func(reference, kind string, into any) bool {
		name, _, _ := strings.Cut(reference, ".")
		resource, ok := template.Resources[name]
		return ok && resource.Type == kind && json.Unmarshal(resource.Properties, into) == nil
	}
	retained := func(reference string) bool {
		name, _, _ := strings.Cut(reference, ".")
		r := template.Resources[name]
		return r.DeletionPolicy == "Retain" && r.UpdateReplacePolicy == "Retain"
	}
	var metrics, lost []string
	for name, r := range template.Resources {
		if r.Type == "AWS::DynamoDB::Table" && !retained(name) {
			lost = append(lost, name)
		}
		var alarm struct{ MetricName string }
		if r.Type == "AWS::CloudWatch::Alarm" && json.Unmarshal(r.Properties, &alarm) == nil {
			metrics = append(metrics, alarm.MetricName)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(template.Resources)) {
		var f samFunction
		if !decode(name, "AWS::Serverless::Function", &f) {
			continue
		}
		var statements []statement
		var role samRole
		if decode(f.Role, "AWS::IAM::Role", &role) {
			for _, p := range role.Policies {
				for _, s := range p.PolicyDocument.Statement {
					statements = append(statements, statement{s.Action, s.Resource})
				}
			}
		}
		for _, event := range f.Events {
			p := event.Properties
			m := mapping{
				responses: p.FunctionResponseTypes, batch: p.BatchSize, window: p.MaximumBatchingWindowInSeconds,
				retries: p.MaximumRetryAttempts, age: p.MaximumRecordAgeInSeconds, provisioned: len(p.ProvisionedPollerConfig) > 0, most: p.ScalingConfig.MaximumConcurrency,
			}
			leftovers := p.DestinationConfig.OnFailure.Destination
			var source, dead samQueue
			if decode(p.Queue, "AWS::SQS::Queue", &source) {
				m.fifo, m.visibility, m.received, leftovers = source.FifoQueue, source.VisibilityTimeout, source.RedrivePolicy.MaxReceiveCount, source.RedrivePolicy.DeadLetterTargetArn
			}
			m.leftovers = decode(leftovers, "AWS::SQS::Queue", &dead)
			m.leftoverOf, m.kept = dead.FifoQueue, retained(leftovers)
			deployments = append(deployments, deployment{
				runtime: f.Runtime, handler: f.Handler, arch: strings.Join(f.Architectures, ", "), timeout: f.Timeout,
				source: event.Type, mapping: m, metrics: metrics, lost: lost, statements: statements,
			})
		}
	}
	return deployments, nil
}

// dangling returns the references of a template that lead nowhere.
func dangling(t *testing.T, text string) (names []string) {
	t.Helper()
	template, err := parseSAM(text)
	require.NoError(t, err)
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &document))
	check := func(name string) {
		_, resource := template.Resources[name]
		_, parameter := template.Parameters[name]
		if !resource && !parameter && !strings.HasPrefix(name, "AWS::") {
			names = append(names, name)
		}
	}
	var walk func(*yaml.Node)
	walk = func(node *yaml.Node) {
		switch node.Tag {
		case "!Ref", "!GetAtt":
			name, _, _ := strings.Cut(node.Value, ".")
			check(name)
		case "!Sub":
			for _, match := range regexp.MustCompile(`\$\{([\w:]+)`).FindAllStringSubmatch(node.Value, -1) {
				check(match[1])
			}
		}
		for _, child := range node.Content {
			walk(child)
		}
	}
	walk(&document)
	return names
}

var (
	terraformBlock = regexp.MustCompile(`(?ms)^(?:resource|data) "(\w+)" "(\w+)" \{\n(.*?)^\}`)
	terraformValue = regexp.MustCompile(`(?m)^\s+(\w+)\s+= (.*?)(?: #.*)?$`)
	quoted         = regexp.MustCompile(`"([^"]*)"`)
)

// readTerraform reads the one function of a Terraform configuration that is formatted as terraform fmt does.
func readTerraform(text string) deployment {
	var d deployment
	blocks := map[string]map[string]string{}
	for _, block := range terraformBlock.FindAllStringSubmatch(text, -1) {
		values := map[string]string{}
		for _, value := range terraformValue.FindAllStringSubmatch(block[3], -1) {
			values[value[1]] = value[2]
			switch value[1] {
			case "metric_name":
				d.metrics = append(d.metrics, unquoted(value[2])...)
			case "actions":
				d.statements = append(d.statements, statement{actions: unquoted(value[2])})
			case "resources":
				d.statements[len(d.statements)-1].resources = unquoted(value[2])
			}
		}
		blocks[block[1]+"."+block[2]] = values
	}
	number := func(text string) int { n, _ := strconv.Atoi(text); return n }
	for name, values := range blocks {
		switch {
		case strings.HasPrefix(name, "aws_lambda_function."):
			d.runtime, d.handler, d.arch = strings.Trim(values["runtime"], `"`), strings.Trim(values["handler"], `"`), strings.Join(unquoted(values["architectures"]), ", ")
			d.timeout = number(values["timeout"])
		case strings.HasPrefix(name, "aws_lambda_event_source_mapping."):
			queue := blocks[strings.TrimSuffix(values["event_source_arn"], ".arn")]
			dead, exists := blocks[strings.TrimSuffix(queue["deadLetterTargetArn"], ".arn")]
			d.source = "SQS"
			d.mapping = mapping{
				responses: unquoted(values["function_response_types"]), batch: number(values["batch_size"]), window: number(values["maximum_batching_window_in_seconds"]),
				visibility: number(queue["visibility_timeout_seconds"]), received: number(queue["maxReceiveCount"]),
				fifo: queue["fifo_queue"] == "true", leftovers: exists, leftoverOf: dead["fifo_queue"] == "true",
				most: number(values["maximum_concurrency"]), kept: dead["prevent_destroy"] == "true",
			}
		}
	}
	return d
}

func unquoted(text string) (values []string) {
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		values = append(values, match[1])
	}
	return values
}

// readCDK reads the one function of a CDK app in Go. The policy is what the CDK makes of the grants.
func readCDK(text string) deployment {
	find := func(pattern string) string {
		match := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if match == nil {
			return ""
		}
		return match[1]
	}
	number := func(pattern string) int { n, _ := strconv.Atoi(find(pattern)); return n }
	d := deployment{
		runtime: strings.ToLower(strings.Replace(find(`awslambda\.Runtime_(\w+)\(\)`), "_", ".", 1)), handler: find(`Handler:\s+jsii\.String\("(\w+)"\)`),
		arch: strings.ToLower(strings.Replace(find(`awslambda\.Architecture_(\w+)\(\)`), "_", "", 1)), timeout: number(`\sTimeout:\s+awscdk\.Duration_Seconds\(jsii\.Number\((\d+)\)\)`), source: "SQS",
		mapping: mapping{
			batch: number(`BatchSize:\s+jsii\.Number\((\d+)\)`), window: number(`MaxBatchingWindow:\s+awscdk\.Duration_Seconds\(jsii\.Number\((\d+)\)\)`),
			visibility: number(`VisibilityTimeout:\s+awscdk\.Duration_Seconds\(jsii\.Number\((\d+)\)\)`), received: number(`MaxReceiveCount:\s+jsii\.Number\((\d+)\)`),
			leftovers: find(`DeadLetterQueue:\s+&awssqs\.DeadLetterQueue\{Queue: (\w+)`) != "",
			most:      number(`MaxConcurrency:\s+jsii\.Number\((\d+)\)`), kept: strings.Contains(text, "RemovalPolicy_RETAIN"),
		},
		statements: []statement{{}},
	}
	if find(`ReportBatchItemFailures:\s+jsii\.Bool\((true)\)`) != "" {
		d.mapping.responses = []string{"ReportBatchItemFailures"}
	}
	for _, match := range regexp.MustCompile(`\w\.Metric(\w+)\(everyMinute`).FindAllStringSubmatch(text, -1) {
		d.metrics = append(d.metrics, match[1])
	}
	return d
}

// deployed reads a template, or an app, of any kind.
func deployed(t *testing.T, path, text string) []deployment {
	t.Helper()
	switch filepath.Ext(path) {
	case ".tf":
		return []deployment{readTerraform(text)}
	case ".go":
		return []deployment{readCDK(text)}
	}
	deployments, err := readSAM(text)
	require.NoError(t, err, path)
	require.Empty(t, dangling(t, text), path)
	return deployments
}

// source reads a file; of a Terraform configuration, all of it.
func source(t *testing.T, path string) (text string) {
	t.Helper()
	files := []string{path}
	if filepath.Ext(path) == ".tf" {
		var err error
		files, err = filepath.Glob(filepath.Join(filepath.Dir(path), "*.tf"))
		require.NoError(t, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		text += string(content)
	}
	return text
}

// Whoever deploys an example loses no record: each template has what the AWS pages that faults names ask for.
func TestNoTemplateLosesRecords(t *testing.T) {
	mains, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, mains)
	templates := []string{"sqs/terraform/main.tf", "sqs/cdk/main.go", redeliveryTemplate}
	for _, main := range mains {
		templates = append(templates, filepath.Join(filepath.Dir(main), "template.yaml"))
	}
	for _, path := range templates {
		deployments := deployed(t, path, source(t, path))
		assert.Len(t, deployments, 1, path)
		for _, d := range deployments {
			assert.Empty(t, faults(d), path)
		}
	}
}

// The test above would find a template that is not as it should be.
func TestATemplateThatLosesRecordsIsFound(t *testing.T) {
	const sam, fifo, kinesis = "sqs/template.yaml", "fifo/template.yaml", "kinesis/template.yaml"
	const kafka, dynamodb = "kafka/template.yaml", "dynamodb/template.yaml"
	const terraform, cdk = "sqs/terraform/main.tf", "sqs/cdk/main.go"
	for _, c := range []struct{ path, old, new, fault string }{
		{sam, "            FunctionResponseTypes: [ReportBatchItemFailures]\n", "", "ReportBatchItemFailures is missing"},
		{sam, "VisibilityTimeout: 181", "VisibilityTimeout: 180", "visibility timeout is less than six timeouts and a window"},
		{sam, "deadLetterTargetArn: !GetAtt DeadOrders.Arn", "deadLetterTargetArn: !GetAtt Alarms.TopicArn", "what is given up on goes nowhere"},
		{sam, "maxReceiveCount: 5", "maxReceiveCount: 1", "a message has one try only"},
		{sam, "Architectures: [arm64]", "Architectures: [x86_64]", "architecture is not arm64"},
		{sam, "provided.al2023", "provided.al2", "runtime is not provided.al2023"},
		{sam, "Handler: bootstrap", "Handler: main", "handler is not bootstrap"},
		{sam, "MetricName: ApproximateAgeOfOldestMessage", "MetricName: NumberOfMessagesSent", "no alarm on age"},
		{sam, "MetricName: Errors", "MetricName: Invocations", "no alarm on errors"},
		{sam, "Resource: !GetAtt Orders.Arn", `Resource: "*"`, "policy allows sqs:ReceiveMessage on everything"},
		{sam, "sqs:DeleteMessage", "sqs:*", "policy allows sqs:*"},
		{sam, "MaximumConcurrency: 20", "MaximumConcurrency: 1", "no bound on invocations"},
		{sam, "    DeletionPolicy: Retain", "    DeletionPolicy: Delete", "what is given up on goes with the stack"},
		{sam, "    UpdateReplacePolicy: Retain\n", "", "what is given up on goes with the stack"},
		{dynamodb, "    DeletionPolicy: Retain # the data", "    # the data", "a table goes with the stack"},
		{kafka, "    DeletionPolicy: Retain", "    DeletionPolicy: Delete", "what is given up on goes with the stack"},
		{fifo, "BatchSize: 10", "BatchSize: 100", "no such batch of a FIFO queue"},
		{fifo, "      FifoQueue: true\n      MessageRetentionPeriod", "      MessageRetentionPeriod", "dead-letter queue is of another type"},
		{kinesis, "            MaximumRetryAttempts: 10\n", "", "retries have no bound"},
		{kinesis, "            MaximumRecordAgeInSeconds: 3600\n", "", "age has no bound"},
		{kinesis, "Destination: !GetAtt FailedPositions.Arn", "Destination: !GetAtt Positions.Arn", "what is given up on goes nowhere"},
		{kinesis, "MetricName: IteratorAge", "MetricName: Duration", "no alarm on age"},
		{kafka, "ProvisionedPollerConfig:", "NoPollerConfig:", "no provisioned mode, so responses are ignored"},
		{kafka, "MetricName: OffsetLag", "MetricName: Duration", "no alarm on lag"},
		{terraform, `["ReportBatchItemFailures"]`, "[]", "ReportBatchItemFailures is missing"},
		{terraform, "visibility_timeout_seconds = 181", "visibility_timeout_seconds = 30", "visibility timeout is less than six timeouts and a window"},
		{terraform, "    deadLetterTargetArn = aws_sqs_queue.dead_orders.arn\n", "", "what is given up on goes nowhere"},
		{terraform, `["arm64"]`, `["x86_64"]`, "architecture is not arm64"},
		{terraform, `"ApproximateAgeOfOldestMessage"`, `"NumberOfMessagesSent"`, "no alarm on age"},
		{terraform, "[aws_sqs_queue.orders.arn]", `["*"]`, "policy allows sqs:ReceiveMessage on everything"},
		{cdk, "jsii.Bool(true)", "jsii.Bool(false)", "ReportBatchItemFailures is missing"},
		{terraform, "prevent_destroy = true", "prevent_destroy = false", "what is given up on goes with the stack"},
		{terraform, "maximum_concurrency = 20", "maximum_concurrency = 0", "no bound on invocations"},
		{cdk, "RemovalPolicy_RETAIN", "RemovalPolicy_DESTROY", "what is given up on goes with the stack"},
		{cdk, "MaxConcurrency:          jsii.Number(20)", "MaxConcurrency:          jsii.Number(0)", "no bound on invocations"},
		{cdk, "jsii.Number(181)", "jsii.Number(30)", "visibility timeout is less than six timeouts and a window"},
		{cdk, "Architecture_ARM_64", "Architecture_X86_64", "architecture is not arm64"},
	} {
		text := source(t, c.path)
		require.Contains(t, text, c.old, c.path)
		deployments := deployed(t, c.path, strings.Replace(text, c.old, c.new, 1))
		require.Len(t, deployments, 1, c.path)
		assert.Contains(t, faults(deployments[0]), c.fault, fmt.Sprint(c.path, ": ", c.new))
	}
	assert.Equal(t, []string{"Oders"}, dangling(t, strings.Replace(source(t, sam), "!GetAtt Orders.Arn", "!GetAtt Oders.Arn", 1)))
}

// guideBlock returns the block in a language that the guide to idempotency shows.
func guideBlock(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/guides/idempotency.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(page), "```"+language+"\n")
	require.True(t, found, language)
	block, _, found = strings.Cut(block, "```\n")
	require.True(t, found, language)
	return block
}

// storeActions are what dynamodbstore.Client has.
var storeActions = []string{"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:GetItem"}

// The table of the guide to idempotency is the one that dynamodbstore and Powertools use, it outlives the stack, and what is
// added to the example loses no records.
func TestTheGuideToIdempotencyHasTheTable(t *testing.T) {
	text := strings.Replace(source(t, "sqs/template.yaml"), "\nResources:\n", "\nResources:\n"+guideBlock(t, "yaml")+"\n", 1)
	deployments := deployed(t, "template.yaml", text)
	require.Len(t, deployments, 1)
	assert.Empty(t, faults(deployments[0]))
	report, err := check.Check(check.File{Name: "template.yaml", Data: []byte(text)})
	require.NoError(t, err)
	assert.Equal(t, 1, report.Mappings)
	assert.Empty(t, report.Findings)

	template, err := parseSAM(text)
	require.NoError(t, err)
	var table struct {
		BillingMode             string
		AttributeDefinitions    []struct{ AttributeName, AttributeType string }
		KeySchema               []struct{ AttributeName, KeyType string }
		TimeToLiveSpecification struct {
			AttributeName string
			Enabled       bool
		}
	}
	require.Equal(t, "AWS::DynamoDB::Table", template.Resources["Once"].Type)
	require.NoError(t, json.Unmarshal(template.Resources["Once"].Properties, &table))
	assert.Equal(t, "PAY_PER_REQUEST", table.BillingMode)
	assert.Equal(t, "[{id S}]", fmt.Sprint(table.AttributeDefinitions))
	assert.Equal(t, "[{id HASH}]", fmt.Sprint(table.KeySchema))
	assert.Equal(t, "{expiration true}", fmt.Sprint(table.TimeToLiveSpecification))
	var policy struct {
		RoleName       string
		PolicyDocument struct {
			Statement []struct{ Action, Resource oneOrMore }
		}
	}
	require.Equal(t, "AWS::IAM::RolePolicy", template.Resources["OncePolicy"].Type)
	require.NoError(t, json.Unmarshal(template.Resources["OncePolicy"].Properties, &policy))
	assert.Equal(t, "ChargeRole", policy.RoleName)
	require.Len(t, policy.PolicyDocument.Statement, 1)
	assert.Equal(t, oneOrMore(storeActions), policy.PolicyDocument.Statement[0].Action)
	assert.Equal(t, oneOrMore{"Once.Arn"}, policy.PolicyDocument.Statement[0].Resource)

	block := guideBlock(t, "hcl")
	d := readTerraform(source(t, "sqs/terraform/main.tf") + block)
	assert.Empty(t, faults(d))
	assert.Equal(t, statement{storeActions, nil}, d.statements[len(d.statements)-1])
	resources := map[string]string{}
	for _, match := range terraformBlock.FindAllStringSubmatch(block, -1) {
		resources[match[1]] = strings.Join(strings.Fields(match[3]), " ")
	}
	assert.Equal(t, `name = "once" billing_mode = "PAY_PER_REQUEST" hash_key = "id" attribute { name = "id" type = "S" } `+
		`ttl { attribute_name = "expiration" enabled = true } lifecycle { prevent_destroy = true # without it, work is done again }`, resources["aws_dynamodb_table"])
	assert.Contains(t, resources["aws_iam_policy_document"], "resources = [aws_dynamodb_table.once.arn]")
	assert.Contains(t, resources["aws_iam_role_policy"], "role = aws_iam_role.charge.id policy = data.aws_iam_policy_document.once.json")
}

// redeliveryTemplate is the template of a nested module.
const redeliveryTemplate = "redelivery/orders/template.yaml"

// redeliveryStatements are what package redelivery needs besides the statements of the mapping and the log.
var redeliveryStatements = []statement{
	{oneOrMore{"sqs:ChangeMessageVisibility"}, oneOrMore{"Orders.Arn"}},
	{oneOrMore{"sqs:SendMessage"}, oneOrMore{"DeadOrders.Arn"}},
}

// The role of the example has each permission that package redelivery needs, and no more. The example's own test compares
// them with the calls.
func TestTheRedeliveryExampleHasItsPermissions(t *testing.T) {
	want := append([]statement{
		{oneOrMore{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}, oneOrMore{"Orders.Arn"}},
		{oneOrMore{"logs:CreateLogStream", "logs:PutLogEvents"}, oneOrMore{"ShipLogs.Arn"}},
	}, redeliveryStatements...)
	deployments := deployed(t, redeliveryTemplate, source(t, redeliveryTemplate))
	require.Len(t, deployments, 1)
	assert.ElementsMatch(t, want, deployments[0].statements)
}

// The statements of the guide to retries are enough, with other names.
func TestTheGuideToRetriesHasThePermissions(t *testing.T) {
	page, err := os.ReadFile("../docs/guides/retries.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(page), "```yaml\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```\n")
	block = strings.NewReplacer("DeadPayments", "DeadOrders", "Payments", "Orders").Replace(block)
	var statements []map[string]string
	require.NoError(t, yaml.Unmarshal([]byte(block), &statements))
	var got []statement
	for _, s := range statements {
		got = append(got, statement{oneOrMore{s["Action"]}, oneOrMore{s["Resource"]}})
	}
	assert.Equal(t, redeliveryStatements, got)
}

// There is one way to build with SAM: without cgo, and without the RPC mode of aws-lambda-go.
func TestSAMBuildsAreTheSameEverywhere(t *testing.T) {
	const build, command = "CGO_ENABLED=0 GOFLAGS=-tags=lambda.norpc sam build", "sam build"
	for _, page := range []string{"../README.md", "README.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		assert.NotZero(t, strings.Count(string(text), build), page)
		assert.Equal(t, strings.Count(string(text), build), strings.Count(string(text), command), page)
	}
}
