// Package s3batch handles the tasks of S3 Batch Operations jobs that invoke a function for each object of a manifest:
//
//	func main() { lambda.Start(s3batch.New(troupe.Returning(resize))) }
//
//	// resize returns a text for the completion report of the job.
//	func resize(ctx context.Context, task s3batch.Task) (string, error) { … }
//
// A handler without a text is a func(context.Context, s3batch.Task) error, without troupe.Returning.
//
// # Results
//
// S3 invokes the function with one task. The response contains one of three result codes:
//
//   - Succeeded, with the text that the handler returned, if it returned nil in time; with the text of the error, if
//     it is marked by troupe.Drop.
//   - PermanentFailure, if its error is marked by troupe.Permanent: S3 does not retry the task.
//   - TemporaryFailure otherwise: the handler failed, panicked or was abandoned, the task could not be decoded, or
//     there was no time to start it. S3 invokes the function again for the task, until the job ends.
//
// The result string of a failure is the error, cut after a few hundred bytes. It is written to the completion report.
// An invocation never fails because of its task, since S3 would then have no reason to report; troupe.WithErrorWhen
// accepts only troupe.ErrorWhenNever. treatMissingKeysAs, which applies to a task without a result, is
// TemporaryFailure.
//
// # Keys
//
// S3 passes keys as they are in the manifest, URL-encoded: "a+b%2Fc" for "a b/c". Task.Key is decoded, and Task.RawKey
// is unchanged. A task whose key cannot be decoded is a TemporaryFailure. If the manifest contains JSON instead of
// keys, with information for each task, typed.Payload[s3batch.Task]("s3Key", handler) decodes it.
//
// # Events
//
// The invocation fails with troupe.ErrEvent for more than one task, for a schema other than 1.0 and 2.0, and without an
// invocationId or taskId. A text that makes the response larger than 6 MB fails the task for good.
//
// S3 invokes the function with schema 1.0, which contains the ARN of the bucket, or 2.0, which contains its name
// and the arguments of the job. The response repeats the version. Task contains the name of the bucket with both.
//
// The format is described in the Amazon S3 User Guide, Invoke AWS Lambda function
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html), and in the AWS Lambda Developer
// Guide (https://docs.aws.amazon.com/lambda/latest/dg/services-s3-batch.html).
package s3batch
