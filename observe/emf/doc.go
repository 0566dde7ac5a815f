// Package emf writes a line in the CloudWatch embedded metric format for each batch, from which CloudWatch Logs
// extracts metrics. In a Lambda function standard output reaches CloudWatch Logs without an agent or API calls.
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
// Empty batches have a line too. A refused event has none; the function's Errors metric counts it.
//
// The format is that of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
// and names and values are bounded as in
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html and
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html.
package emf
