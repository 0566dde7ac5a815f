package envelope

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// Pointer refers to the body of a message that its sender has stored in S3.
type Pointer struct {
	// Bucket is one of the allowed buckets.
	Bucket string
	// Key is the object's key.
	Key string
	// Size is the size of the body in bytes, as stated in the message.
	Size int64
}

// OffloadedError is the error of a message whose body could not be read from S3. It contains neither the key nor
// any part of the body (SPEC S9).
type OffloadedError struct {
	// Bucket is the bucket that the message names; it is empty if that is not a valid bucket name.
	Bucket string
	// Problem describes what is wrong.
	Problem string
	// Err is the error of the fetch function or of reading the object; nil for other problems.
	Err error
}

// Error names the bucket and the problem.
func (e *OffloadedError) Error() string {
	text := "troupe: the body of the message is in S3"
	if e.Bucket != "" {
		text += ", in bucket " + strconv.Quote(e.Bucket)
	}
	text += ": " + e.Problem
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *OffloadedError) Unwrap() error { return e.Err }

// Offloaded returns a handler for messages whose body may be in S3, stored by the Amazon SQS Extended Client Library
// or a library with the same format. next receives the message with the body that fetch returned, and without the
// attribute that marks it; everything else is unchanged, including the MD5 sums. With the handler's context
// troupe.MessageFrom returns the message as received.
//
// A message has its body in S3 if it has the attribute ExtendedPayloadSize or SQSLargePayloadSize and its body is a
// JSON array; any other message is passed on unchanged. The array must have the two elements
//
//	["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "…", "s3Key": "…"}]
//
// or the class com.amazon.sqs.javamessaging.MessageS3Pointer of older versions. Anything else cannot be decoded, nor
// can an attribute that is not a size; typed.WithDropUndecodable drops the message then.
// (awslabs/amazon-sqs-java-extended-client-lib at 3f763f6 and payload-offloading-java-common-lib-for-aws at d9c73b6.)
//
// The sender of a message names the bucket, so buckets lists those that may be read. For another one, fetch is not
// called and the message fails with an *OffloadedError that names it and is permanent: it is not retried in place.
//
// fetch returns the content of an object: the Body of a GetObject of the AWS SDK. Offloaded reads it, at most one byte
// more than the size, and closes it. ctx is the handler's. If fetch or reading fails, or the size differs, the message
// fails with an *OffloadedError; an error that wraps fs.ErrNotExist, or has an ErrorCode method that returns NoSuchKey,
// means that the object does not exist. (S3 returns it only to a function that may list the bucket; otherwise access is
// denied.) fetch may reject a Pointer whose Size is too large for the function's memory. As for handlers, the text of
// its errors is logged.
//
// Nothing is deleted from S3: a message may be delivered again after it has succeeded. Use a lifecycle rule that keeps
// objects for longer than the queue and its dead-letter queue keep messages.
//
// Offloaded goes around SNS if the sender of the message to SQS offloads, and inside of it if the publisher to SNS does.
// It panics if fetch or next is nil, or if there is no bucket. fetch is called by several goroutines at once.
func Offloaded[M troupe.SQSRecord](fetch func(ctx context.Context, p Pointer) (io.ReadCloser, error), buckets []string, next troupe.Handler[M], options ...typed.Option) troupe.Handler[M] {
	need("Offloaded", fetch == nil || next == nil)
	if len(buckets) == 0 || slices.Contains(buckets, "") {
		panic(fmt.Errorf("troupe: envelope.Offloaded: buckets %q: must be the names of the buckets that may be read, at least one", buckets))
	}
	o := &offloaded{fetch: fetch, buckets: slices.Clone(buckets)}
	fixed := func(decoder typed.Option) []typed.Option { return append(options[:len(options):len(options)], decoder) }
	o.locate = typed.From("body", func(b *elsewhere) []byte { return []byte(b.pointer) },
		func(ctx context.Context, with typed.With[Pointer, *elsewhere]) error {
			with.Value.Size = with.Record.bytes
			body, err := o.read(ctx, with.Value)
			if err != nil {
				return err
			}
			return with.Record.next(ctx, body)
		}, fixed(typed.WithDecoder(decodePointer))...)
	o.open = typed.From("messageAttributes", func(b *elsewhere) []byte { return []byte(b.size) },
		func(ctx context.Context, with typed.With[int64, *elsewhere]) error {
			with.Record.bytes = with.Value
			return o.locate(ctx, with.Record)
		}, fixed(typed.WithDecoder(decodeSize))...)
	var handler any
	switch next := any(next).(type) {
	case troupe.Handler[events.SQSMessage]:
		handler = o.message(next)
	case troupe.Handler[troupe.Lazy[events.SQSMessage]]:
		handler = o.lazy(next)
	}
	return handler.(troupe.Handler[M])
}

// offloaded reads the bodies of messages.
type offloaded struct {
	fetch        func(context.Context, Pointer) (io.ReadCloser, error)
	buckets      []string
	open, locate troupe.Handler[*elsewhere] // open decodes the size, then locate the pointer
}

// elsewhere is a body that is in S3.
type elsewhere struct {
	pointer, size string // as they are in the message
	bytes         int64
	next          func(ctx context.Context, body string) error
}

// message is Offloaded for handlers of whole messages.
func (o *offloaded) message(next troupe.Handler[events.SQSMessage]) troupe.Handler[events.SQSMessage] {
	return func(ctx context.Context, msg events.SQSMessage) error {
		size, marked := sizeOf(msg)
		if !marked || !isArray(msg.Body) {
			return next(ctx, msg)
		}
		return o.open(ctx, &elsewhere{pointer: msg.Body, size: size, next: func(ctx context.Context, body string) error {
			return next(ctx, restored(msg, body))
		}})
	}
}

// lazy is Offloaded for handlers of lazily decoded messages. The attributes of a message are decoded only if its body
// may be a pointer.
func (o *offloaded) lazy(next troupe.Handler[troupe.Lazy[events.SQSMessage]]) troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	return func(ctx context.Context, lazy troupe.Lazy[events.SQSMessage]) error {
		payload, err := lazy.Payload()
		if err != nil {
			return err
		}
		if !isArray(string(payload)) {
			return next(ctx, lazy)
		}
		msg, err := lazy.Open()
		if err != nil {
			return err
		}
		size, marked := sizeOf(msg)
		if !marked {
			return next(ctx, lazy)
		}
		return o.open(ctx, &elsewhere{pointer: msg.Body, size: size, next: func(ctx context.Context, body string) error {
			return next(ctx, sources.LazyOf(
				func() ([]byte, error) { return []byte(body), nil },
				func() (events.SQSMessage, error) {
					whole, err := lazy.Open()
					if err != nil {
						return whole, err
					}
					return restored(whole, body), nil
				}))
		}})
	}
}

// sizeAttributes mark messages whose body is in S3; the first one takes precedence, as in the library.
var sizeAttributes = []string{"ExtendedPayloadSize", "SQSLargePayloadSize"}

// sizeOf returns the attribute of a message that marks it.
func sizeOf(msg events.SQSMessage) (size string, marked bool) {
	for _, name := range sizeAttributes {
		if attribute, ok := msg.MessageAttributes[name]; ok {
			if attribute.StringValue != nil {
				size = *attribute.StringValue
			}
			return size, true
		}
	}
	return "", false
}

func isArray(body string) bool { return strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "[") }

// restored returns the message with its original body. It leaves the message's map alone, since a retry of the
// record needs it.
func restored(msg events.SQSMessage, body string) events.SQSMessage {
	msg.Body = body
	msg.MessageAttributes = maps.Clone(msg.MessageAttributes)
	for _, name := range sizeAttributes {
		delete(msg.MessageAttributes, name)
	}
	return msg
}

// decodeSize reads the number of bytes. With 62 bits the next larger number is one, too.
func decodeSize(attribute []byte) (int64, error) {
	size, err := strconv.ParseUint(string(attribute), 10, 62)
	if err != nil {
		return 0, &batch.DecodeError{Offset: -1, Problem: "ExtendedPayloadSize or SQSLargePayloadSize is not a number of bytes"}
	}
	return int64(size), nil
}

var pointerClasses = []string{"software.amazon.payloadoffloading.PayloadS3Pointer", "com.amazon.sqs.javamessaging.MessageS3Pointer"}

func decodePointer(body []byte) (p Pointer, err error) {
	var (
		parts []json.RawMessage
		class string
		place struct {
			Bucket string `json:"s3BucketName"`
			Key    string `json:"s3Key"`
		}
	)
	switch {
	case json.Unmarshal(body, &parts) != nil || len(parts) != 2:
		return p, &batch.DecodeError{Offset: -1, Problem: "another array where a pointer to S3 was expected"}
	case json.Unmarshal(parts[0], &class) != nil || !slices.Contains(pointerClasses, class):
		return p, &batch.DecodeError{Field: "[0]", Offset: -1, Problem: "another class where that of a pointer to S3 was expected"}
	case json.Unmarshal(parts[1], &place) != nil:
		return p, &batch.DecodeError{Field: "[1]", Offset: -1, Problem: "another value where a bucket and a key were expected"}
	case place.Bucket == "":
		return p, missing("[1].s3BucketName", "a bucket")
	case place.Key == "":
		return p, missing("[1].s3Key", "an object's key")
	}
	return Pointer{Bucket: place.Bucket, Key: place.Key}, nil
}

// read returns the content of the object.
func (o *offloaded) read(ctx context.Context, p Pointer) (body string, err error) {
	if !slices.Contains(o.buckets, p.Bucket) {
		return "", batch.Permanent(&OffloadedError{Bucket: bucketName(p.Bucket), Problem: "not one of the buckets that may be read"})
	}
	object, err := o.fetch(ctx, p)
	switch {
	case err != nil && isMissing(err):
		return "", &OffloadedError{p.Bucket, "the object does not exist", err}
	case err != nil:
		return "", &OffloadedError{p.Bucket, "the object cannot be fetched", err}
	case object == nil:
		return "", &OffloadedError{p.Bucket, "the fetch function returned neither an object nor an error", nil}
	}
	defer object.Close()
	var content strings.Builder
	content.Grow(int(min(p.Size, 1<<20))) // does not trust the sender's size with all of the memory
	n, err := io.Copy(&content, io.LimitReader(object, p.Size+1))
	switch {
	case err != nil:
		return "", &OffloadedError{p.Bucket, "the object cannot be read", err}
	case n > p.Size:
		return "", &OffloadedError{p.Bucket, fmt.Sprintf("the object has more than the %d bytes that the message says", p.Size), nil}
	case n < p.Size:
		return "", &OffloadedError{p.Bucket, fmt.Sprintf("the object has %d bytes, and the message says %d", n, p.Size), nil}
	}
	return content.String(), nil
}

// isMissing reports whether an error means that an object does not exist; the errors of the AWS SDKs have codes.
func isMissing(err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	return ok && coded.ErrorCode() == "NoSuchKey"
}

// bucketName returns the name of a bucket, or "" if it is not a valid name, which may contain anything.
func bucketName(name string) string {
	other := func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.') }
	if len(name) < 3 || len(name) > 63 || strings.ContainsFunc(name, other) {
		return ""
	}
	return name
}
