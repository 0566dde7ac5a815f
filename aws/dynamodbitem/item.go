package dynamodbitem

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/typed"
)

// Option changes how images are decoded, or what becomes of a record whose images cannot be.
type Option func(*settings) error

type settings struct {
	drop    bool
	decoder []func(*attributevalue.DecoderOptions)
}

// WithDropUndecodable drops records of which an image cannot be decoded, as typed.WithDropUndecodable does.
// Default: such a record fails with an error that matches troupe.ErrUndecodable.
func WithDropUndecodable() Option {
	return func(s *settings) error { s.drop = true; return nil }
}

// WithDecoder passes options to the SDK's decoder, such as one that sets TagKey to "json".
func WithDecoder(options ...func(*attributevalue.DecoderOptions)) Option {
	return func(s *settings) error {
		for _, o := range options {
			if o == nil {
				return errors.New("WithDecoder: an option is nil")
			}
		}
		s.decoder = append(s.decoder, options...)
		return nil
	}
}

// DynamoDB returns a handler for troupe.DynamoDB that decodes the keys and both images of each record as
// attributevalue.UnmarshalMap does. What an UnmarshalDynamoDBAttributeValue returns or says never shows in the
// error of the record, since it may hold parts of the item (SPEC S9).
//
// It panics if handler is nil, an option is invalid, or T cannot be decoded from an item: it must be a struct, a map,
// an interface, a pointer to one of these, or have an UnmarshalDynamoDBAttributeValue method.
func DynamoDB[T any](handler troupe.Handler[typed.Change[T]], options ...Option) troupe.Handler[troupe.Lazy[events.DynamoDBEventRecord]] {
	s, err := settingsOf(handler == nil, reflect.TypeFor[T](), options)
	if err != nil {
		panic(fmt.Errorf("troupe: dynamodbitem: %w", err))
	}
	return func(ctx context.Context, lazy troupe.Lazy[events.DynamoDBEventRecord]) error {
		record, err := lazy.Open()
		if err != nil {
			return err
		}
		change := typed.Change[T]{Operation: record.EventName}
		keys, err := decode[T](s, "dynamodb.Keys", record.Change.Keys)
		if err == nil {
			change.New, err = decode[T](s, "dynamodb.NewImage", record.Change.NewImage)
		}
		if err == nil {
			change.Old, err = decode[T](s, "dynamodb.OldImage", record.Change.OldImage)
		}
		switch {
		case err != nil && s.drop:
			return batch.Drop(err)
		case err != nil:
			return err
		case keys != nil:
			change.Keys = *keys
		}
		return handler(ctx, change)
	}
}

var unmarshaler = reflect.TypeFor[attributevalue.Unmarshaler]()

func settingsOf(none bool, item reflect.Type, options []Option) (*settings, error) {
	if none {
		return nil, errors.New("the handler is nil; a function is needed")
	}
	s := new(settings)
	for _, o := range options {
		if o == nil {
			return nil, errors.New("an option is nil")
		}
		if err := o(s); err != nil {
			return nil, err
		}
	}
	for t := item; ; t = t.Elem() {
		switch {
		case t.Implements(unmarshaler), reflect.PointerTo(t).Implements(unmarshaler), t.Kind() == reflect.Struct, t.Kind() == reflect.Map,
			t.Kind() == reflect.Interface && t.NumMethod() == 0:
			return s, nil
		case t.Kind() != reflect.Pointer:
			return nil, fmt.Errorf("a handler for %v was given; an item is a struct, a map, or what has an UnmarshalDynamoDBAttributeValue", item)
		}
	}
}

// decode decodes an image, or the keys, if they are there.
func decode[T any](s *settings, name string, attributes map[string]events.DynamoDBAttributeValue) (*T, error) {
	if attributes == nil {
		return nil, nil
	}
	item := new(T)
	err := attributevalue.UnmarshalMapWithOptions(mapOf(attributes), item, s.decoder...)
	if err == nil {
		return item, nil
	}
	// The decoder's own errors contain numbers of the item, and those of unmarshalers may contain anything.
	problem := fmt.Sprintf("what the AWS SDK does not decode as %T", *item)
	var mismatch *attributevalue.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Type != nil {
		problem = fmt.Sprintf("an attribute that the AWS SDK does not decode as %v", mismatch.Type)
	}
	return nil, &batch.DecodeError{Field: name, Offset: -1, Problem: problem}
}

func mapOf(attributes map[string]events.DynamoDBAttributeValue) map[string]types.AttributeValue {
	m := make(map[string]types.AttributeValue, len(attributes))
	for name, v := range attributes {
		m[name] = valueOf(v)
	}
	return m
}

// valueOf returns the SDK's attribute of one of aws-lambda-go.
func valueOf(v events.DynamoDBAttributeValue) types.AttributeValue {
	if v.IsNull() { // the zero value too
		return &types.AttributeValueMemberNULL{Value: true}
	}
	switch v.DataType() {
	case events.DataTypeString:
		return &types.AttributeValueMemberS{Value: v.String()}
	case events.DataTypeNumber:
		return &types.AttributeValueMemberN{Value: v.Number()}
	case events.DataTypeBoolean:
		return &types.AttributeValueMemberBOOL{Value: v.Boolean()}
	case events.DataTypeBinary:
		return &types.AttributeValueMemberB{Value: v.Binary()}
	case events.DataTypeStringSet:
		return &types.AttributeValueMemberSS{Value: v.StringSet()}
	case events.DataTypeNumberSet:
		return &types.AttributeValueMemberNS{Value: v.NumberSet()}
	case events.DataTypeBinarySet:
		return &types.AttributeValueMemberBS{Value: v.BinarySet()}
	case events.DataTypeMap:
		return &types.AttributeValueMemberM{Value: mapOf(v.Map())}
	case events.DataTypeList:
		list := make([]types.AttributeValue, 0, len(v.List()))
		for _, e := range v.List() {
			list = append(list, valueOf(e))
		}
		return &types.AttributeValueMemberL{Value: list}
	}
	return &types.UnknownUnionMember{}
}
