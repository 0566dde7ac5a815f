// Package typed makes handlers that get the payload of a record decoded, beside the record itself:
//
//	lambda.Start(troupe.SQS(typed.SQS(charge)))
//
//	func charge(ctx context.Context, order Order, msg events.SQSMessage) error { … }
//
// SQS, Kinesis, DynamoDB, Kafka, Detail and From each turn such a handler into one of the kind that the
// constructors of packages troupe and kafka take. What they return is as safe for concurrent use as the handler is, and keeps nothing
// from one record to the next.
//
// # JSON
//
// Payloads are JSON unless WithDecoder says otherwise, read as encoding/json does: names match in any case, fields
// that the type does not have are ignored (WithDisallowUnknownFields refuses them), the last of several equal
// names counts. Beyond that, these cannot be decoded: an empty or blank payload; anything after the value;
// null, where the type has no way to say that there is nothing (it is no pointer, map, slice or interface, and
// has no UnmarshalJSON). For numbers as they were written use json.Number.
//
// # What cannot be decoded
//
// A record whose payload cannot be decoded fails alone, without a call of the handler, and is not tried again
// in place. Its error is an *Error, in which errors.As finds the *troupe.DecodeError and errors.Is
// troupe.ErrUndecodable. With WithDropUndecodable the record is Dropped instead: Lambda does not deliver it again,
// the Report counts it and the log has a line.
//
// The error holds nothing of the payload (SPEC S9). What decoders say of a failure often quotes what they read,
// so their errors are neither repeated nor wrapped. Where the payload is JSON, field, position and problem are
// found by going through it once more, which calls the UnmarshalJSON and UnmarshalText methods of its types
// again. Of an error of another kind the text has no more than its Go type. A Decoder that has more to say
// returns a *troupe.DecodeError, which is passed on. A panic, in an UnmarshalJSON say, is the record's failure as any
// panic is, and what it panics with is told.
//
// # Items of DynamoDB
//
// DynamoDB decodes images by the conventions of the attributevalue package of aws-sdk-go-v2, without importing
// it: what was stored with its Marshal comes back the same.
//
//	dynamodbav:"name"    the attribute's name; without it the field's own. An exact match goes before one in another case
//	dynamodbav:"-"       the field is left alone
//	",string"            a number that is stored as a string
//	",unixtime"          a time.Time that is stored as a number of seconds; read with and without the option
//	",omitempty" etc.    say how to store, and mean nothing here
//
//	S                    strings, time.Time (RFC 3339), encoding.TextUnmarshaler
//	N                    integers, floats, strings such as json.Number, time.Time (seconds), and
//	                     encoding.TextUnmarshaler such as big.Int; out of range is an error
//	B                    slices and arrays of bytes; an array has to be of the very length
//	BOOL                 booleans
//	NULL                 the zero value
//	L, SS, NS, BS        slices and arrays; what an array has no place for is left out
//	M                    structs, and maps whose keys are strings, integers, floats, booleans or encoding.TextUnmarshaler
//
// Pointers are allocated, embedded structs are flattened unless a tag names them, and an any gets a string, float64, []byte, bool, nil,
// []any, map[string]any, []string, []float64 or [][]byte. A field of type events.DynamoDBAttributeValue gets
// the attribute as it is.
//
// What differs from attributevalue: encoding.TextUnmarshaler is always used, where attributevalue does so by
// option; encoding.BinaryUnmarshaler never is. attributevalue.Unmarshaler cannot be called without the SDK, so
// a type that has its method is refused when the handler is made, rather than decoded as something else. If two
// attributes differ in case alone, it does not depend on chance which of them a field gets.
package typed
