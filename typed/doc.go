// Package typed turns handlers of decoded payloads into handlers of records:
//
//	lambda.Start(troupe.SQS(typed.SQS(charge)))
//
//	func charge(ctx context.Context, order Order) error { … }
//
// SQS, Kinesis, DynamoDB, Kafka, Firehose, Detail, Payload and From return handlers for the constructors of packages
// troupe, kafka and firehose. In such a handler troupe.MessageFrom returns the record that the payload came in, and
// troupe.RecordFrom its metadata. The returned handlers are as safe for concurrent use as the given handler, and
// keep no state between records.
//
//	troupe.SQS(typed.SQS(handle))                                       the body of an SQS message
//	troupe.Kinesis(typed.Kinesis(handle))                               the data of a Kinesis record
//	troupe.DynamoDB(typed.DynamoDB(handle))                             a Change[T]: keys, new and old image
//	kafka.New(typed.Kafka(handle))                                      the value; the zero T for a tombstone
//	kafka.New(kafka.Confluent(typed.Kafka(handle)))                     behind the header of a schema registry; or kafka.Glue
//	firehose.New(typed.Firehose(troupe.Returning(handle)))              the data of a Firehose record
//	troupe.SQS(envelope.SNS(typed.SQS(handle)))                         a message published to SNS
//	troupe.SQS(envelope.EventBridge(typed.Detail(handle)))              the detail of an EventBridge event
//	troupe.SQS(envelope.Offloaded(fetch, buckets, typed.SQS(handle)))   a body that is in S3 if it is large
//	typed.From("field", payload, handle)                                any other payload, together with its record
//
// # JSON
//
// Payloads are JSON unless WithDecoder is set, decoded by the rules of encoding/json: names match in any letter
// case, fields that the type does not have are ignored (WithDisallowUnknownFields rejects them), and the last of
// several equal names counts. In addition, these payloads cannot be decoded: an empty or blank payload; a payload
// with anything after the value; null, unless the type is a pointer, map, slice or interface or has an
// UnmarshalJSON method. Use json.Number to keep numbers as they were written.
//
// # Payloads that cannot be decoded
//
// A record whose payload cannot be decoded fails alone, without a call of the handler, and is not retried in
// place. Its error is an *Error; errors.As finds the *troupe.DecodeError in it, and errors.Is finds
// troupe.ErrUndecodable. With WithDropUndecodable the record is Dropped instead: Lambda does not redeliver it, the
// Report counts it, and the log contains a line.
//
//	troupe: record "m3", index 2, cannot be decoded: body.lines[1].sku: number where string was expected (at byte 29 of the payload)
//
// The error contains no part of the payload (SPEC S9). Decoder errors often quote their input, so they are neither
// repeated nor wrapped. For JSON, a second pass over the payload finds the field, position and problem, and calls the
// UnmarshalJSON and UnmarshalText methods of its types again. For any other error, the text contains only its Go
// type. A Decoder with more information returns a *troupe.DecodeError, which is passed on. A panic in a decoder or an
// UnmarshalJSON method fails the record like any panic, and its value is reported.
//
// # DynamoDB items
//
// DynamoDB decodes images by the conventions of the attributevalue package of aws-sdk-go-v2, without importing
// it: values stored with its Marshal are decoded to the same values.
//
//	dynamodbav:"name"    the attribute's name; without it the field's own. An exact match takes precedence over one in another case
//	dynamodbav:"-"       the field is not set
//	",string"            a number that is stored as a string
//	",unixtime"          a time.Time that is stored as a number of seconds; read with and without the option
//	",omitempty" etc.    affect storing only, and are ignored
//
//	S                    strings, time.Time (RFC 3339), encoding.TextUnmarshaler
//	N                    integers, floats, strings such as json.Number, time.Time (seconds), and
//	                     encoding.TextUnmarshaler such as big.Int; out of range is an error
//	B                    slices and arrays of bytes; an array must have the exact length
//	BOOL                 booleans
//	NULL                 the zero value
//	L, SS, NS, BS        slices and arrays; elements beyond the length of an array are ignored
//	M                    structs, and maps whose keys are strings, integers, floats, booleans or encoding.TextUnmarshaler
//
// Pointers are allocated, embedded structs are flattened unless a tag names them, a value of type any receives a
// string, float64, []byte, bool, nil, []any, map[string]any, []string, []float64 or [][]byte. A field of type
// events.DynamoDBAttributeValue receives the attribute unchanged.
//
// Images are decoded from the JSON of their record, without the types of aws-lambda-go in between, and with the same
// result. A record that cannot be decoded into events.DynamoDBEventRecord fails first (SPEC D6), whichever member is
// the reason: unlike a body, images cannot be read independently of their record. If an attribute does not fit its Go
// type, or a name occurs twice, the record is decoded again through events.DynamoDBEventRecord, and UnmarshalText
// methods may be called again.
//
// The differences from attributevalue:
//
//   - encoding.TextUnmarshaler is always used for strings, and for numbers whose Go type is not a number, string or
//     time; encoding.BinaryUnmarshaler is never used. attributevalue uses both as an option.
//   - attributevalue.Unmarshaler cannot be called without the SDK, so DynamoDB panics for a type that has its method;
//     package aws/dynamodbitem uses the SDK.
//   - TagKey, UseNumber and custom time formats have no counterpart.
//   - If two attributes differ only in case, a field receives the first of them in alphabetical order.
//   - A map for a time.Time, and map keys that are pointers, cannot be decoded.
package typed
