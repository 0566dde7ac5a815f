package envelope

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonfault"
	"github.com/troupe-go/troupe/typed"
)

// S3 returns a handler for messages with event notifications of S3. A message may contain several records: next
// receives them one at a time, in order. If it fails for one, the others are still handled, and the message fails
// with all errors; Lambda then redelivers it, and next receives each of its records again. A panic fails the
// message immediately, and so does the end of the context, with its cause.
//
// The test message that S3 sends when notifications are set up, s3:TestEvent, is a success without a call of
// next. A record that cannot be decoded, or is not from S3, fails as if next had failed. With
// typed.WithDropUndecodable the message is dropped for it, unless another record fails.
//
// Keys of objects come URL-encoded from S3. S3.Object.URLDecodedKey has the decoded key. (AWS: Amazon S3 User
// Guide, "Event message structure".)
func S3(next troupe.Handler[events.S3EventRecord], options ...typed.Option) troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	need("S3", next == nil)
	handle := typed.From("body.Records",
		func(raw json.RawMessage) []byte { return raw },
		func(ctx context.Context, record typed.With[events.S3EventRecord, json.RawMessage]) error {
			return next(ctx, record.Value)
		},
		append(options[:len(options):len(options)], typed.WithDecoder(s3Record))...)
	return typed.SQS(func(ctx context.Context, event s3Event) error { return event.each(ctx, handle) },
		append(options[:len(options):len(options)], typed.WithDecoder(decodeS3))...)
}

// s3Event is a message of S3: records, or a test.
type s3Event struct {
	Records []json.RawMessage
	Event   string
}

func decodeS3(payload []byte) (event s3Event, err error) {
	if fault := jsonfault.Unmarshal(payload, &event, false); fault != nil {
		return event, fault
	}
	if event.Records == nil && event.Event != "s3:TestEvent" {
		return event, missing("Records", "an S3 event's list of records")
	}
	return event, nil
}

func s3Record(payload []byte) (record events.S3EventRecord, err error) {
	switch fault := jsonfault.Unmarshal(payload, &record, false); {
	case fault != nil:
		return record, fault
	case record.EventSource != "aws:s3":
		return record, &batch.DecodeError{Field: "eventSource", Offset: -1, Problem: "another source where aws:s3 was expected"}
	case record.S3.Bucket.Name == "":
		return record, missing("s3.bucket.name", "a bucket")
	case record.S3.Object.Key == "":
		return record, missing("s3.object.key", "an object's key")
	}
	return record, nil
}

// each calls next for each record and returns the failures. A dropped record must not hide the failure of another:
// the message is dropped only if there are no other errors.
func (e s3Event) each(ctx context.Context, handle func(context.Context, json.RawMessage) error) error {
	var failed, dropped []error
	for i, raw := range e.Records {
		if ctx.Err() != nil {
			failed = append(failed, e.at(i, context.Cause(ctx)))
			break
		}
		switch err := handle(ctx, raw); {
		case err == nil:
		case batch.IsDrop(err):
			dropped = append(dropped, e.at(i, err))
		default:
			failed = append(failed, e.at(i, err))
		}
	}
	if failed == nil {
		failed = dropped
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return errors.Join(failed...)
}

// at adds the index of the record, one of several, to its error.
func (e s3Event) at(i int, err error) error {
	if len(e.Records) == 1 {
		return err
	}
	return fmt.Errorf("troupe: S3 record %d of %d in the message: %w", i+1, len(e.Records), err)
}
