package s3batch

import (
	"net/url"
	"strings"

	"github.com/troupe-go/troupe/batch"
)

// Event is what S3 passes to a function, of schema 1.0 or 2.0.
type Event struct {
	InvocationSchemaVersion string      `json:"invocationSchemaVersion"`
	InvocationID            string      `json:"invocationId"`
	Job                     Job         `json:"job"`
	Tasks                   []EventTask `json:"tasks"`
}

// Job is the job that a task belongs to.
type Job struct {
	ID string `json:"id"`
	// UserArguments are the arguments of the job. Only schema 2.0 has them.
	UserArguments map[string]string `json:"userArguments,omitempty"`
}

// EventTask is a task in an event.
type EventTask struct {
	TaskID string `json:"taskId"`
	// S3Key is URL-encoded.
	S3Key       string `json:"s3Key"`
	S3VersionID string `json:"s3VersionId"`
	// S3BucketARN is set in schema 1.0, S3Bucket in schema 2.0.
	S3BucketARN string `json:"s3BucketArn,omitempty"`
	S3Bucket    string `json:"s3Bucket,omitempty"`
}

// Task is one object to handle.
type Task struct {
	// ID identifies the task in the response.
	ID string
	// Key is the key of the object, and RawKey the same key as received, URL-encoded.
	Key, RawKey string
	// VersionID is the version of the object; empty if the manifest has none.
	VersionID string
	// Bucket is the name of the bucket. BucketARN is empty in schema 2.0.
	Bucket, BucketARN string
	// Job is the job that the task belongs to. UserArguments must not be changed.
	Job Job
}

// task returns the task for a handler. The error is a *batch.DecodeError.
func (t *EventTask) task(job Job) (Task, error) {
	key, err := url.QueryUnescape(t.S3Key)
	if err != nil { // its text contains the key
		return Task{}, &batch.DecodeError{Field: "s3Key", Offset: -1, Problem: "not URL-encoded: a % without two hexadecimal digits after it"}
	}
	bucket := t.S3Bucket
	if bucket == "" {
		bucket = t.S3BucketARN[strings.LastIndexByte(t.S3BucketARN, ':')+1:]
	}
	return Task{ID: t.TaskID, Key: key, RawKey: t.S3Key, VersionID: t.S3VersionID, Bucket: bucket, BucketARN: t.S3BucketARN, Job: job}, nil
}
