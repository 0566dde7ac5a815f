// Package emf writes what became of each batch as a line in the CloudWatch embedded metric format, from
// which CloudWatch Logs makes metrics. In a Lambda function what is written to standard output gets there by
// itself: no agent, no API calls.
//
//	lambda.Start(troupe.SQS(charge, emf.Observe("Orders")))
//
// The metrics, with the dimensions Source ("sqs", "kinesis", …) and FunctionName:
//
//	Processed   Count         records that were started: Processed + NotStarted is the batch
//	Failed      Count         records that failed, those never started included
//	Dropped     Count         records that an option left out
//	NotStarted  Count         failed records that were never started
//	Retried     Count         attempts beyond the first of each record
//	Abandoned   Count         handlers that the batch gave up waiting for
//	Duration    Milliseconds  from the arrival of the batch to its report
//
// A line of a batch with duplicates or unrecorded completions (package idempotency) also has:
//
//	Duplicates  Count         records that succeeded since an earlier handling of them had completed
//	Unrecorded  Count         records that succeeded although their completion could not be stored
//
// An empty batch makes a line too. An event that is refused makes none, as it has no report; it is in the
// function's Errors metric.
//
// The format is that of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
// and names and values are bounded as in
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html and
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html.
package emf
