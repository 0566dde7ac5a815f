package typed

import (
	"context"
	"errors"
	"reflect"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Change is the change of an item in a record of a DynamoDB stream.
type Change[T any] struct {
	// Operation is what happened to the item: INSERT, MODIFY or REMOVE.
	Operation string
	// Keys has the item's key attributes, and the zero value for the others.
	Keys T
	// New is the item as it is now; nil if it was removed. Old is the item as it was before; nil if it is new.
	// With the view type KEYS_ONLY both are nil, with NEW_IMAGE and OLD_IMAGE the other one is.
	New, Old *T
}

// DynamoDB returns a handler for troupe.DynamoDB that decodes the keys and both images of each record, as described
// in the package documentation. It decodes them from the record's JSON, or from the record if that has been decoded.
//
// It panics if handler is nil, an option is invalid, T is neither a struct nor a map nor an interface, or T
// contains a type that only the AWS SDK could decode. WithDecoder and WithDisallowUnknownFields are refused:
// images are not bytes.
func DynamoDB[T any](handler troupe.Handler[Change[T]], options ...Option) troupe.Handler[troupe.Lazy[events.DynamoDBEventRecord]] {
	if handler == nil {
		panic(errors.New("troupe: typed.DynamoDB(nil): must be a function"))
	}
	s := settingsOf(options)
	if s.decoder != nil || s.strict {
		panic(errors.New("troupe: typed.DynamoDB: WithDecoder and WithDisallowUnknownFields are for payloads of bytes; an image has attributes"))
	}
	items, err := itemsOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err)
	}
	return func(ctx context.Context, lazy troupe.Lazy[events.DynamoDBEventRecord]) error {
		if change, ok := changeIn[T](items, lazy); ok {
			return handler(ctx, change)
		}
		record, err := lazy.Open()
		if err != nil {
			return err
		}
		change := Change[T]{Operation: record.EventName}
		keys, cause := image[T](items, "dynamodb.Keys", record.Change.Keys)
		if cause == nil {
			change.New, cause = image[T](items, "dynamodb.NewImage", record.Change.NewImage)
		}
		if cause == nil {
			change.Old, cause = image[T](items, "dynamodb.OldImage", record.Change.OldImage)
		}
		if cause != nil {
			return s.undecodable(ctx, cause)
		}
		if keys != nil {
			change.Keys = *keys
		}
		return handler(ctx, change)
	}
}

// changeIn decodes the images of a record from its JSON. ok is false if they have to be decoded from the opened record,
// which also finds the error of a record that cannot be decoded.
func changeIn[T any](items items, lazy troupe.Lazy[events.DynamoDBEventRecord]) (change Change[T], ok bool) {
	images, ok := lazy.Images()
	if !ok {
		return change, false
	}
	change.Operation = images.Operation
	keys, ok := read[T](items, images.Keys)
	if ok {
		change.New, ok = read[T](items, images.New)
	}
	if ok {
		change.Old, ok = read[T](items, images.Old)
	}
	if ok && keys != nil {
		change.Keys = *keys
	}
	return change, ok
}

// image decodes an image if there is one.
func image[T any](items items, name string, attributes map[string]events.DynamoDBAttributeValue) (*T, *batch.DecodeError) {
	if attributes == nil {
		return nil, nil
	}
	item := new(T)
	if m := items.decode(events.NewMapAttribute(attributes), reflect.ValueOf(item).Elem(), false); m != nil {
		return nil, &batch.DecodeError{Field: name + m.path, Offset: -1, Problem: m.problem}
	}
	return item, nil
}
