package envelope_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// What the Amazon SQS Extended Client Library for Java 2 sends, and what its first version sent.
const (
	pointer = `["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"large","s3Key":"0d3a3f6c-7b0e-4f0e-9a51-2b1f6f3c9d11"}]`
	older   = `["com.amazon.sqs.javamessaging.MessageS3Pointer",{"s3BucketName":"large","s3Key":"0d3a3f6c-7b0e-4f0e-9a51-2b1f6f3c9d11"}]`
	key     = "0d3a3f6c-7b0e-4f0e-9a51-2b1f6f3c9d11"
)

// inS3 is a message whose body is in S3; attributes are names and values.
func inS3(body string, attributes ...string) events.SQSMessage {
	msg := events.SQSMessage{MessageId: "m0", Body: body, MessageAttributes: map[string]events.SQSMessageAttribute{"kind": {DataType: "String", StringValue: new("order")}}}
	for i := 0; i < len(attributes); i += 2 {
		msg.MessageAttributes[attributes[i]] = events.SQSMessageAttribute{DataType: "Number", StringValue: &attributes[i+1]}
	}
	return msg
}

// store has objects by bucket and key, counts what is fetched, and checks that objects are closed.
type store struct {
	objects       map[string]string
	fetched, open atomic.Int64
	bytes         int64
}

func (s *store) fetch(_ context.Context, p envelope.Pointer) (io.ReadCloser, error) {
	s.fetched.Add(1)
	content, ok := s.objects[p.Bucket+"/"+p.Key]
	if !ok {
		return nil, fmt.Errorf("fetch: %w", fs.ErrNotExist)
	}
	s.open.Add(1)
	return &download{store: s, Reader: strings.NewReader(content)}, nil
}

type download struct {
	store *store
	io.Reader
}

func (o *download) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	o.store.bytes += int64(n)
	return n, err
}

func (o *download) Close() error { o.store.open.Add(-1); return nil }

type fetch = func(context.Context, envelope.Pointer) (io.ReadCloser, error)

// offloading is Offloaded for a handler of whole messages, with the buckets large and other.
type offloading func(fetch, troupe.Handler[events.SQSMessage], ...typed.Option) troupe.Handler[events.SQSMessage]

// bothWays runs a test with Offloaded for handlers of whole messages and of Lazy ones.
func bothWays(t *testing.T, test func(t *testing.T, offloaded offloading)) {
	t.Run("whole", func(t *testing.T) {
		test(t, func(fetch fetch, next troupe.Handler[events.SQSMessage], options ...typed.Option) troupe.Handler[events.SQSMessage] {
			return envelope.Offloaded(fetch, []string{"other", "large"}, next, options...)
		})
	})
	t.Run("lazily", func(t *testing.T) {
		test(t, func(fetch fetch, next troupe.Handler[events.SQSMessage], options ...typed.Option) troupe.Handler[events.SQSMessage] {
			handle := envelope.Offloaded(fetch, []string{"other", "large"}, func(ctx context.Context, lazy troupe.Lazy[events.SQSMessage]) error {
				payload, err := lazy.Payload()
				if err != nil {
					return err
				}
				body := string(payload)
				clear(payload) // it is the caller's own
				msg, err := lazy.Open()
				if err != nil {
					return err
				}
				assert.Equal(t, msg.Body, body)
				return next(ctx, msg)
			}, options...)
			return func(ctx context.Context, msg events.SQSMessage) error { return handle(ctx, lazy(msg)) }
		})
	})
}

// SPEC 3: a body that is in S3 is fetched, and the message is as its sender wanted it to be.
func TestABodyInS3IsFetched(t *testing.T) {
	bothWays(t, func(t *testing.T, offloaded offloading) {
		const content = `{"id":"é"}` // 11 bytes
		for _, msg := range []events.SQSMessage{
			inS3(pointer, "ExtendedPayloadSize", "11"),
			inS3(older, "SQSLargePayloadSize", "11"),
			inS3(" \n"+older, "ExtendedPayloadSize", "11"),
			inS3(pointer, "ExtendedPayloadSize", "11", "SQSLargePayloadSize", "12"), // the first one counts, as in the library
		} {
			s := &store{objects: map[string]string{"large/" + key: content}}
			var asked envelope.Pointer
			handled := 0
			handle := offloaded(func(ctx context.Context, p envelope.Pointer) (io.ReadCloser, error) {
				asked = p
				return s.fetch(ctx, p)
			}, func(_ context.Context, got events.SQSMessage) error {
				handled++
				assert.Equal(t, content, got.Body)
				assert.Equal(t, "m0", got.MessageId)
				assert.Equal(t, map[string]events.SQSMessageAttribute{"kind": {DataType: "String", StringValue: new("order")}}, got.MessageAttributes)
				return nil
			})
			attributes := len(msg.MessageAttributes)
			assert.NoError(t, handle(t.Context(), msg))
			assert.NoError(t, handle(t.Context(), msg), "an attempt leaves the message as it was")
			assert.Len(t, msg.MessageAttributes, attributes)
			assert.Equal(t, envelope.Pointer{Bucket: "large", Key: key, Size: 11}, asked)
			assert.Equal(t, 2, handled)
			assert.Zero(t, s.open.Load(), "objects are closed")
		}
	})
}

// Only a message with the attribute and a pointer for a body is looked at; what it looks like otherwise is not asked.
func TestOtherBodiesAreLeftAlone(t *testing.T) {
	bothWays(t, func(t *testing.T, offloaded offloading) {
		for _, msg := range []events.SQSMessage{
			inS3(pointer), inS3(older, "extendedpayloadsize", "3"), inS3(`{"id":"o-1"}`), inS3(`{"id":"o-1"}`, "ExtendedPayloadSize", "3"), inS3(""), inS3("[1,2]"),
		} {
			s, handled := new(store), 0
			assert.NoError(t, offloaded(s.fetch, func(_ context.Context, got events.SQSMessage) error {
				handled++
				assert.Equal(t, msg, got)
				return nil
			})(t.Context(), msg))
			assert.Equal(t, 1, handled)
			assert.Zero(t, s.fetched.Load())
		}
	})
}

// coded is an error as the AWS SDKs have them.
type coded struct{ code string }

func (c coded) Error() string     { return "api error " + c.code }
func (c coded) ErrorCode() string { return c.code }

// SPEC 3, S9: each way to fail has a clear error without the key and the body, and the handler is not called.
func TestABodyThatCannotBeReadFromS3(t *testing.T) {
	bothWays(t, func(t *testing.T, offloaded offloading) {
		s := &store{objects: map[string]string{"large/" + key: secret, "large/x": "x", "forbidden/" + key: secret}}
		failing := func(err error) fetch {
			return func(context.Context, envelope.Pointer) (io.ReadCloser, error) { return nil, err }
		}
		sized := func(n string) events.SQSMessage { return inS3(pointer, "ExtendedPayloadSize", n) }
		body := func(body string) events.SQSMessage { return inS3(body, "ExtendedPayloadSize", "16") }
		const in = `troupe: the body of the message is in S3, in bucket "large": `
		for _, c := range []struct {
			name      string
			msg       events.SQSMessage
			fetch     fetch
			want      string
			fetched   int64
			permanent bool
		}{
			{"another bucket", body(strings.Replace(pointer, "large", "forbidden", 1)), s.fetch, `troupe: the body of the message is in S3, in bucket "forbidden": not one of the buckets that may be read`, 0, true},
			{"a bucket that starts alike", body(strings.Replace(pointer, "large", "large-2", 1)), s.fetch, `troupe: the body of the message is in S3, in bucket "large-2": not one of the buckets that may be read`, 0, true},
			{"no bucket's name", body(strings.Replace(pointer, "large", secret+"/..", 1)), s.fetch, "troupe: the body of the message is in S3: not one of the buckets that may be read", 0, true},
			{"a missing object", body(strings.Replace(pointer, key, "y", 1)), s.fetch, in + "the object does not exist: fetch: file does not exist", 1, false},
			{"a missing object of the SDK", sized("16"), failing(fmt.Errorf("GetObject: %w", coded{"NoSuchKey"})), in + "the object does not exist: GetObject: api error NoSuchKey", 0, false},
			{"no access", sized("16"), failing(coded{"AccessDenied"}), in + "the object cannot be fetched: api error AccessDenied", 0, false},
			{"nothing fetched", sized("16"), failing(nil), in + "the fetch function returned neither an object nor an error", 0, false},
			{"too small", sized("17"), s.fetch, in + "the object has 16 bytes, and the message says 17", 1, false},
			{"far too small", sized("4611686018427387903"), s.fetch, in + "the object has 16 bytes, and the message says 4611686018427387903", 1, false},
			{"too large", sized("15"), s.fetch, in + "the object has more than the 15 bytes that the message says", 1, false},
			{"not empty", sized("0"), s.fetch, in + "the object has more than the 0 bytes that the message says", 1, false},
			{"cut off", sized("16"), func(context.Context, envelope.Pointer) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader(secret[:5]), iotest.ErrReader(errors.New("connection reset")))), nil
			}, in + "the object cannot be read: connection reset", 0, false},

			{"a size that is none", sized("many"), s.fetch, "troupe: record cannot be decoded: messageAttributes: ExtendedPayloadSize or SQSLargePayloadSize is not a number of bytes", 0, true},
			{"a negative size", sized("-1"), s.fetch, "troupe: record cannot be decoded: messageAttributes: ExtendedPayloadSize or SQSLargePayloadSize is not a number of bytes", 0, true},
			{"a size out of range", sized("4611686018427387904"), s.fetch, "troupe: record cannot be decoded: messageAttributes: ExtendedPayloadSize or SQSLargePayloadSize is not a number of bytes", 0, true},
			{"a binary size", func() events.SQSMessage {
				msg := sized("1")
				msg.MessageAttributes["ExtendedPayloadSize"] = events.SQSMessageAttribute{DataType: "Binary", BinaryValue: []byte("16")}
				return msg
			}(), s.fetch, "troupe: record cannot be decoded: messageAttributes: ExtendedPayloadSize or SQSLargePayloadSize is not a number of bytes", 0, true},
			{"no JSON", body(pointer[:40]), s.fetch, "troupe: record cannot be decoded: body: another array where a pointer to S3 was expected", 0, true},
			{"three elements", body(strings.Replace(pointer, "]", ",1]", 1)), s.fetch, "troupe: record cannot be decoded: body: another array where a pointer to S3 was expected", 0, true},
			{"another class", body(strings.Replace(pointer, "PayloadS3Pointer", secret, 1)), s.fetch, "troupe: record cannot be decoded: body[0]: another class where that of a pointer to S3 was expected", 0, true},
			{"a class that is no string", body(`[1,{}]`), s.fetch, "troupe: record cannot be decoded: body[0]: another class where that of a pointer to S3 was expected", 0, true},
			{"no place", body(strings.Replace(pointer, `"large"`, "1", 1)), s.fetch, "troupe: record cannot be decoded: body[1]: another value where a bucket and a key were expected", 0, true},
			{"no bucket", body(strings.Replace(pointer, "large", "", 1)), s.fetch, "troupe: record cannot be decoded: body[1].s3BucketName: missing or empty where a bucket was expected", 0, true},
			{"no key", body(strings.Replace(pointer, key, "", 1)), s.fetch, "troupe: record cannot be decoded: body[1].s3Key: missing or empty where an object's key was expected", 0, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				s.fetched.Store(0)
				handle := func(options ...typed.Option) error {
					return offloaded(c.fetch, func(context.Context, events.SQSMessage) error {
						t.Error("handled")
						return nil
					}, options...)(t.Context(), c.msg)
				}
				err := handle()
				assert.EqualError(t, err, c.want)
				assert.Equal(t, c.fetched, s.fetched.Load())
				assert.Equal(t, c.permanent, batch.IsPermanent(err), "retried in place")
				assert.NotContains(t, fmt.Sprintf("%+v", err), secret)
				assert.NotContains(t, err.Error(), key)
				undecodable := errors.Is(err, troupe.ErrUndecodable)
				assert.Equal(t, strings.HasPrefix(c.want, "troupe: record cannot be decoded"), undecodable)
				assert.Equal(t, undecodable, batch.IsDrop(handle(typed.WithDropUndecodable())))
				assert.Zero(t, s.open.Load(), "objects are closed")
			})
		}
	})
}

// No more than one byte beyond the size is read, and the size is not trusted with memory.
func TestAnObjectIsReadNoFurtherThanItsSize(t *testing.T) {
	s := &store{objects: map[string]string{"large/" + key: strings.Repeat("x", 1<<20)}}
	handle := envelope.Offloaded(s.fetch, []string{"large"}, func(context.Context, events.SQSMessage) error { return nil })
	assert.Error(t, handle(t.Context(), inS3(pointer, "ExtendedPayloadSize", "1000")))
	assert.Equal(t, int64(1001), s.bytes)

	small := &store{objects: map[string]string{"large/" + key: "x"}}
	handle = envelope.Offloaded(small.fetch, []string{"large"}, func(context.Context, events.SQSMessage) error { return nil })
	bytes := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_ = handle(b.Context(), inS3(pointer, "ExtendedPayloadSize", "2000000000"))
		}
	}).AllocedBytesPerOp()
	assert.Less(t, bytes, int64(2<<20))
}

// The envelope composes: inside SNS, around SNS and around typed handlers, and the message is in reach as it came.
func TestOffloadedComposes(t *testing.T) {
	content := `{"id":"o-1"}`
	quoted, err := json.Marshal(pointer)
	require.NoError(t, err)
	published := `{"Type":"Notification","MessageId":"n-1","TopicArn":"arn:aws:sns:us-west-2:123456789012:orders","Message":` + string(quoted) +
		`,"MessageAttributes":{"ExtendedPayloadSize":{"Type":"Number","Value":"12"}}}`
	s := &store{objects: map[string]string{"large/" + key: content, "large/notification": notified(content)}}
	var got []string
	charge := typed.SQS(func(ctx context.Context, o order) error {
		msg, err := troupe.MessageFrom[events.SQSMessage](ctx)
		assert.NoError(t, err)
		got = append(got, fmt.Sprint(o.ID, " ", msg.MessageId, " ", len(msg.Body) > len(content)))
		return nil
	})
	process := func(handler messageHandler, msg events.SQSMessage) {
		t.Helper()
		response, err := troupe.SQS(handler).Process(t.Context(), events.SQSEvent{Records: []events.SQSMessage{msg}})
		assert.NoError(t, err)
		assert.Empty(t, response.BatchItemFailures)
	}
	process(envelope.Offloaded(s.fetch, []string{"large"}, charge), inS3(pointer, "ExtendedPayloadSize", "12"))
	process(envelope.SNS(envelope.Offloaded(s.fetch, []string{"large"}, charge)), inS3(published))
	process(envelope.Offloaded(s.fetch, []string{"large"}, envelope.SNS(charge)), inS3(strings.Replace(pointer, key, "notification", 1), "ExtendedPayloadSize", fmt.Sprint(len(notified(content)))))
	assert.Equal(t, []string{"o-1 m0 true", "o-1 m0 true", "o-1 m0 true"}, got)
}

// A record that cannot be opened fails, and nothing is fetched for it.
func TestALazyMessageThatCannotBeOpened(t *testing.T) {
	s := new(store)
	handle := envelope.Offloaded(s.fetch, []string{"large"}, messageHandler(func(context.Context, troupe.Lazy[events.SQSMessage]) error {
		t.Error("handled")
		return nil
	}))
	unreadable := errors.New("unreadable")
	broken := func(body string, payload, open error) troupe.Lazy[events.SQSMessage] {
		return sources.LazyOf(func() ([]byte, error) { return []byte(body), payload }, func() (events.SQSMessage, error) { return events.SQSMessage{}, open })
	}
	assert.ErrorIs(t, handle(t.Context(), broken(pointer, unreadable, nil)), unreadable)
	assert.ErrorIs(t, handle(t.Context(), broken(pointer, nil, unreadable)), unreadable)
	assert.Zero(t, s.fetched.Load())

	opened := 0
	open := func() (events.SQSMessage, error) {
		if opened++; opened > 1 {
			return events.SQSMessage{}, unreadable
		}
		return inS3(pointer, "ExtendedPayloadSize", "1"), nil
	}
	s.objects = map[string]string{"large/" + key: "x"}
	handle = envelope.Offloaded(s.fetch, []string{"large"}, func(_ context.Context, lazy troupe.Lazy[events.SQSMessage]) error {
		_, err := lazy.Open()
		return err
	})
	assert.ErrorIs(t, handle(t.Context(), sources.LazyOf(func() ([]byte, error) { return []byte(pointer), nil }, open)), unreadable)
}

func TestOffloadedNeedsAFetchFunctionAHandlerAndBuckets(t *testing.T) {
	next := func(context.Context, events.SQSMessage) error { return nil }
	fetch := new(store).fetch
	for want, construct := range map[string]func(){
		"troupe: envelope.Offloaded(nil): must be a function":                                                                   func() { envelope.Offloaded(nil, []string{"large"}, next) },
		"troupe: envelope.Offloaded: buckets []: must be the names of the buckets that may be read, at least one":               func() { envelope.Offloaded(fetch, nil, next) },
		"troupe: envelope.Offloaded: buckets [\"large\" \"\"]: must be the names of the buckets that may be read, at least one": func() { envelope.Offloaded(fetch, []string{"large", ""}, next) },
	} {
		assert.PanicsWithError(t, want, construct)
	}
	assert.PanicsWithError(t, "troupe: envelope.Offloaded(nil): must be a function", func() { envelope.Offloaded[events.SQSMessage](fetch, []string{"large"}, nil) })
}

// SPEC S9: whatever a message says, nothing of it but the bucket's name is in an error, and nothing outside the allowed
// buckets is fetched.
func FuzzOffloaded(f *testing.F) {
	for _, body := range []string{pointer, older, strings.Replace(pointer, "large", "forbidden", 1), pointer[:50], "[]", "[1,2]", `["a",{}]`, `["com.amazon.sqs.javamessaging.MessageS3Pointer",{"S3bucketname":"large","s3Key":"k"}]`, `["com.amazon.sqs.javamessaging.MessageS3Pointer",{"s3BucketName":"` + secret + `","s3Key":"` + secret + `"}]`} {
		for _, size := range []string{"16", "15", "17", "", "-1", "x", "99999999999999999999"} {
			f.Add(body, size)
		}
	}
	f.Fuzz(func(t *testing.T, body, size string) {
		handled := 0
		fetch := func(_ context.Context, p envelope.Pointer) (io.ReadCloser, error) {
			require.Equal(t, "large", p.Bucket)
			require.NotEmpty(t, p.Key)
			require.GreaterOrEqual(t, p.Size, int64(0))
			return io.NopCloser(strings.NewReader(secret)), nil
		}
		handle := envelope.Offloaded(fetch, []string{"large"}, func(_ context.Context, msg events.SQSMessage) error {
			handled++
			require.Contains(t, []string{body, secret}, msg.Body)
			return nil
		})
		err := handle(t.Context(), inS3(body, "ExtendedPayloadSize", size))
		require.Equal(t, err == nil, handled == 1)
		if err == nil {
			return
		}
		text := err.Error()
		if e, ok := errors.AsType[*envelope.OffloadedError](err); ok && e.Bucket != "" {
			require.Regexp(t, `^[a-z0-9.-]{3,63}$`, e.Bucket)
			text = strings.Replace(text, e.Bucket, "", 1)
		}
		require.Regexp(t, `^troupe: the body of the message is in S3(, in bucket "")?: (not one of the buckets that may be read|the object has (16 bytes, and the message says \d+|more than the \d+ bytes that the message says))$`+
			`|^troupe: record cannot be decoded: (messageAttributes|body[\w.\[\]]*): [\w' ]+$`, text)
	})
}
