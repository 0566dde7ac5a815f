package typed

import (
	"context"
	"errors"
	"reflect"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/messages"
)

// Change is what a record of a DynamoDB stream says of an item.
type Change[T any] struct {
	// New is the item as it is now; nil if it was removed.
	New *T
	// Old is the item as it was before; nil if it is new.
	//
	// Of both, only those are there that the stream's view type has: with KEYS_ONLY neither, and the keys
	// are in the record.
	Old *T
}

// DynamoDB returns a handler for troupe.DynamoDB that decodes both images of each record; the package's
// documentation says how. What was done to the item, INSERT, MODIFY or REMOVE, is in the record's EventName.
//
// It panics if handler is nil, an option is bad, T is neither a struct nor a map nor an interface, or T holds
// a type that could only be decoded with the AWS SDK. Decoder and DisallowUnknownFields are bad options here:
// images are not bytes.
func DynamoDB[T any](handler func(context.Context, Change[T], events.DynamoDBEventRecord) error, options ...Option) func(context.Context, events.DynamoDBEventRecord) error {
	if handler == nil {
		panic(errors.New("troupe: typed: the handler is nil; a function is needed"))
	}
	s := settingsOf(options)
	if s.decoder != nil || s.strict {
		panic(errors.New("troupe: typed: Decoder and DisallowUnknownFields are for bytes; DynamoDB has attributes"))
	}
	items, err := itemsOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err)
	}
	return func(ctx context.Context, record events.DynamoDBEventRecord) error {
		var (
			change Change[T]
			cause  *messages.DecodeError
		)
		if change.New, cause = image[T](items, "dynamodb.NewImage", record.Change.NewImage); cause != nil {
			return s.undecodable(ctx, cause)
		}
		if change.Old, cause = image[T](items, "dynamodb.OldImage", record.Change.OldImage); cause != nil {
			return s.undecodable(ctx, cause)
		}
		return handler(ctx, change, record)
	}
}

// image decodes an image if there is one.
func image[T any](items items, name string, attributes map[string]events.DynamoDBAttributeValue) (*T, *messages.DecodeError) {
	if attributes == nil {
		return nil, nil
	}
	item := new(T)
	if m := items.decode(events.NewMapAttribute(attributes), reflect.ValueOf(item).Elem(), false); m != nil {
		return nil, &messages.DecodeError{Field: name + m.path, Offset: -1, Problem: m.problem}
	}
	return item, nil
}
