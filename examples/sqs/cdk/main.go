// Command cdk is an AWS CDK app with the function of examples/sqs, its queue and its alarms.
package main

import (
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	newStack(app, "charge")
	app.Synth(nil)
}

func newStack(app awscdk.App, id string) {
	stack := awscdk.NewStack(app, jsii.String(id), nil)
	paymentsURL := awscdk.NewCfnParameter(stack, jsii.String("PaymentsUrl"), &awscdk.CfnParameterProps{
		Description: jsii.String("Where orders are charged."),
	})

	dead := awssqs.NewQueue(stack, jsii.String("DeadOrders"), &awssqs.QueueProps{
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)), // the maximum
		RemovalPolicy:   awscdk.RemovalPolicy_RETAIN,           // its contents outlive the stack
	})
	orders := awssqs.NewQueue(stack, jsii.String("Orders"), &awssqs.QueueProps{
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(181)), // six times the function's timeout, plus the batching window
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(5)},
	})

	logs := awslogs.NewLogGroup(stack, jsii.String("Logs"), &awslogs.LogGroupProps{Retention: awslogs.RetentionDays_ONE_MONTH})
	role := awsiam.NewRole(stack, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	logs.GrantWrite(role)

	charge := awslambda.NewFunction(stack, jsii.String("Charge"), &awslambda.FunctionProps{
		Code:         awslambda.Code_FromAsset(jsii.String(builtZip()), nil),
		Handler:      jsii.String("bootstrap"),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: awslambda.Architecture_ARM_64(),
		MemorySize:   jsii.Number(256),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(30)),
		Role:         role,
		LogGroup:     logs,
		Environment: &map[string]*string{
			"GOMEMLIMIT":   jsii.String("230MiB"), // nine tenths of MemorySize, which Go does not know
			"PAYMENTS_URL": paymentsURL.ValueAsString(),
		},
	})
	charge.AddEventSource(awslambdaeventsources.NewSqsEventSource(orders, &awslambdaeventsources.SqsEventSourceProps{
		BatchSize:               jsii.Number(100),
		MaxBatchingWindow:       awscdk.Duration_Seconds(jsii.Number(1)),
		ReportBatchItemFailures: jsii.Bool(true),
		MaxConcurrency:          jsii.Number(20), // invocations; with 16 handlers each, at most 320 requests at once
	}))

	newAlarms(stack, orders, dead, charge)
}

// newAlarms creates the alarms and the topic that they notify.
func newAlarms(stack awscdk.Stack, orders, dead awssqs.Queue, charge awslambda.Function) {
	action := awscloudwatchactions.NewSnsAction(awssns.NewTopic(stack, jsii.String("Alarms"), nil))
	everyMinute := func(statistic string) *awscloudwatch.MetricOptions {
		return &awscloudwatch.MetricOptions{Period: awscdk.Duration_Minutes(jsii.Number(1)), Statistic: jsii.String(statistic)}
	}
	for _, a := range []struct {
		id, description string
		metric          awscloudwatch.Metric
		above           float64
	}{
		{"MessagesTooOld", "Messages wait for more than 15 minutes.", orders.MetricApproximateAgeOfOldestMessage(everyMinute("Maximum")), 900},
		{"MessagesDead", "Messages are in the dead-letter queue.", dead.MetricApproximateNumberOfMessagesVisible(everyMinute("Maximum")), 0},
		{"FunctionErrors", "Invocations fail. Batches with partial failures are not included; see the alarm above.", charge.MetricErrors(everyMinute("Sum")), 0},
	} {
		a.metric.CreateAlarm(stack, jsii.String(a.id), &awscloudwatch.CreateAlarmOptions{
			AlarmDescription:   jsii.String(a.description),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
			Threshold:          jsii.Number(a.above),
			EvaluationPeriods:  jsii.Number(1),
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		}).AddAlarmAction(action)
	}
}

// builtZip returns the zip file that make lambda has built, unless ZIP names another file.
func builtZip() string {
	if zip := os.Getenv("ZIP"); zip != "" {
		return zip
	}
	return "../../../bin/sqs-arm64.zip"
}
