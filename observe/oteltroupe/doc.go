// Package oteltroupe records batches with OpenTelemetry: a span per invocation and per attempt at a record, linked
// to the sender of the message, and metrics.
//
//	lambda.Start(oteltroupe.Handler(troupe.SQS(oteltroupe.SQS(charge), oteltroupe.Observe())))
//
// Each part may be left out:
//
//   - Handler: the span of an invocation, "process". The current span, such as that of otellambda, is its parent.
//   - SQS: a span per attempt at a message, "process orders" for a queue called orders, with a link to the
//     span that sent it: by the system attribute AWSTraceHeader, or by the message attribute traceparent.
//     The span of the invocation is its parent, and the handler's context has it.
//   - Wrap: the same for handlers of other types, where the caller finds the trace header and the destination.
//   - Spans: middleware for spans without links. It works for all sources and does not read payloads.
//     Do not combine it with SQS or Wrap, which would create two spans per attempt.
//   - Observe: an observer that counts records, and adds the result of the batch to the span of Handler.
//
// Spans and metrics go to the global providers unless others are given; without an SDK set up there,
// it does nothing. The package needs only OpenTelemetry's API, in the version that troupe requires or a later 1.x.
//
// # Names
//
// They are those of the semantic conventions 1.44.0, whose part on messaging is still in development:
// https://github.com/open-telemetry/semantic-conventions/tree/v1.44.0/docs/messaging and
// https://github.com/open-telemetry/semantic-conventions/blob/v1.44.0/docs/faas/aws-lambda.md#sqs. All spans
// are of kind CONSUMER. Attributes of spans, where they are known:
//
//   - messaging.system: aws_sqs; aws.kinesis and aws.dynamodb, for which the conventions have no name; kafka
//   - messaging.operation.name and messaging.operation.type: process
//   - messaging.destination.name: the queue
//   - messaging.message.id: the record's identifier (per attempt)
//   - messaging.batch.message_count: records in the batch (per invocation)
//   - faas.trigger: pubsub, or datasource for a table
//   - error.type: if it failed: troupe's reason in a word, such as panic or deadline (see batch.Words), or
//     otherwise the Go type of the error, without wrappers of fmt.Errorf
//   - troupe.record.index and troupe.record.attempt: place in the batch from 0, number of the attempt from 1
//   - troupe.outcome: dropped, for a record that its handler dropped
//   - troupe.succeeded, troupe.failed, troupe.dropped, troupe.not_started, troupe.retried and
//     troupe.abandoned: as in troupe.Report (per invocation)
//   - troupe.duplicates, troupe.unrecorded: the same, if one of them is not 0
//
// The status of a failed span contains the error's text, cut after 300 bytes. Spans contain no part of payloads or
// groups (SPEC S9), except in the text of a handler's error.
//
// Metrics, with the attributes messaging.system, messaging.operation.name, messaging.operation.type,
// troupe.outcome (succeeded, failed, dropped) and, for what failed, error.type:
//
//   - messaging.process.duration, a histogram in seconds: for each record that was started, from its first
//     attempt to the end of its last. A record that succeeded at the second attempt is a success.
//   - messaging.client.consumed.messages, a counter: each record, those never started too
//
// and with messaging.system alone the counters troupe.record.retries (attempts beyond the first) and
// troupe.handler.abandoned; and troupe.record.duplicates and troupe.record.unrecorded, of package idempotency.
//
// # Limits
//
// The span of an abandoned handler ends when the handler returns. If it never returns, the span is never exported;
// troupe.abandoned of the invocation's span counts it.
//
// Lambda freezes the process once the response has left. Exporters that send in the background need a flush
// before, such as otellambda.WithFlusher, or a collector in an extension. This package does not flush.
package oteltroupe
