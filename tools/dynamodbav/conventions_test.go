// Package dynamodbav holds package typed to the conventions of the AWS SDK: a module of its own, so that the
// SDK is nobody's dependency.
package dynamodbav

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

type base struct {
	ID      string
	Version int `dynamodbav:"version,omitempty"`
	Shadow  string
}

type more struct {
	Extra  *string
	Shadow string
	Inner  int `dynamodbav:"V"`
}

type Level int8

type Name string

// Tagged is embedded with a name.
type Tagged struct{ Depth uint8 }

// order has fields of every kind.
type order struct {
	base
	*Linked
	Tagged   `dynamodbav:"tagged"`
	Shadow   bool
	Customer string `dynamodbav:"customer"`
	Nick     *Name  `dynamodbav:"nick"`
	Level    Level
	Total    float64 `dynamodbav:"total"`
	Small    float32
	Count    uint16
	AsText   int64 `dynamodbav:"asText,string"`
	Literal  json.Number
	Paid     bool
	At       time.Time
	Unix     time.Time `dynamodbav:",unixtime"`
	Blob     []byte
	Digest   [4]byte
	Tags     []string
	Prices   []float64
	Chunks   [][]byte
	Lines    []line
	Pair     [2]int
	ByName   map[string]line
	ByNumber map[int]string
	ByFlag   map[bool]int
	Anything any
	Nested   *order
	Ignored  string `dynamodbav:"-"`
	NotJSON  string `json:"json_name"`
	//lint:ignore U1000 an unexported field is left alone, whatever the item has
	unnoticed string
}

// Linked is embedded by a pointer.
type Linked struct {
	Via   string
	Extra string `dynamodbav:"Extra"`
}

type line struct {
	SKU string `dynamodbav:"sku"`
	N   int    `dynamodbav:"n"`
}

type rivals struct {
	base
	more
	V int
}

// attribute is one value in the JSON of an event, and in the SDK's types.
type attribute struct {
	text string
	sdk  types.AttributeValue
}

type drawer struct{ *rand.Rand }

func pick[T any](d drawer, from ...T) T { return from[d.IntN(len(from))] }

func (d drawer) string() string {
	return pick(d, "", "a", "text", "12", "-3", "2024-05-06T07:08:09Z", "2024-05-06T07:08:09.123456789+02:00", "2024-05-06", "true", "ümlaut")
}

func (d drawer) number() string {
	return pick(d, "0", "1", "-1", "127", "128", "-129", "255", "256", "65536", "1.5", "-0.25", "1715000000", "9223372036854775807", "9223372036854775808", "1e3", "1E+40", "12345678901234567890.5", "3.5E+38")
}

func (d drawer) binary() []byte { return []byte(pick(d, "", "abc", "abcd", "abcdefgh")) }

func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// value draws an attribute of any kind.
func (d drawer) value(depth int) attribute {
	kinds := 10
	if depth == 0 {
		kinds = 8
	}
	switch d.IntN(kinds) {
	case 0:
		s := d.string()
		return attribute{`{"S":` + quoted(s) + `}`, &types.AttributeValueMemberS{Value: s}}
	case 1:
		n := d.number()
		return attribute{`{"N":` + quoted(n) + `}`, &types.AttributeValueMemberN{Value: n}}
	case 2:
		b := d.binary()
		return attribute{`{"B":` + quoted(base64.StdEncoding.EncodeToString(b)) + `}`, &types.AttributeValueMemberB{Value: b}}
	case 3:
		yes := d.IntN(2) == 0
		return attribute{`{"BOOL":` + quoted(yes) + `}`, &types.AttributeValueMemberBOOL{Value: yes}}
	case 4:
		return attribute{`{"NULL":true}`, &types.AttributeValueMemberNULL{Value: true}}
	case 5:
		set := d.strings(d.string)
		return attribute{`{"SS":` + quoted(set) + `}`, &types.AttributeValueMemberSS{Value: set}}
	case 6:
		set := d.strings(d.number)
		return attribute{`{"NS":` + quoted(set) + `}`, &types.AttributeValueMemberNS{Value: set}}
	case 7:
		set := [][]byte{d.binary(), d.binary()}
		return attribute{`{"BS":` + quoted(set) + `}`, &types.AttributeValueMemberBS{Value: set}}
	case 8:
		var texts []string
		list := []types.AttributeValue{}
		for range d.IntN(4) {
			v := d.value(depth - 1)
			texts, list = append(texts, v.text), append(list, v.sdk)
		}
		return attribute{`{"L":[` + strings.Join(texts, ",") + `]}`, &types.AttributeValueMemberL{Value: list}}
	default:
		return d.item(depth - 1)
	}
}

func (d drawer) strings(one func() string) []string {
	all := make([]string, d.IntN(3))
	for i := range all {
		all[i] = one()
	}
	return all
}

var names = strings.Fields("ID id version Version VERSION Shadow Extra V Inner tagged Depth customer Customer nick Level level total Small Count asText Literal " +
	"Paid At Unix Blob Digest Tags Prices Chunks Lines Pair ByName ByNumber ByFlag Anything Nested Ignored NotJSON json_name unnoticed Via sku n 1 -7 true unknown")

// item draws a map of attributes. Names that differ in case alone are not drawn together: which of them the
// SDK takes depends on chance.
func (d drawer) item(depth int) attribute {
	var texts []string
	m := map[string]types.AttributeValue{}
	seen := map[string]bool{}
	for range d.IntN(8) {
		name := pick(d, names...)
		if seen[strings.ToLower(name)] {
			continue
		}
		seen[strings.ToLower(name)] = true
		v := d.value(max(depth, 0))
		m[name], texts = v.sdk, append(texts, quoted(name)+":"+v.text)
	}
	return attribute{`{"M":{` + strings.Join(texts, ",") + `}}`, &types.AttributeValueMemberM{Value: m}}
}

// agree decodes an item in both ways.
func agree[T any](t *testing.T, d drawer) (decoded bool) {
	t.Helper()
	item := d.item(3)
	var want T
	var wantErr error
	func() {
		defer func() {
			if v := recover(); v != nil {
				wantErr = fmt.Errorf("the SDK panicked: %v", v)
			}
		}()
		wantErr = attributevalue.Unmarshal(item.sdk, &want)
	}()
	var image struct {
		M map[string]events.DynamoDBAttributeValue
	}
	require.NoError(t, json.Unmarshal([]byte(item.text), &image))
	var got *T
	gotErr := typed.DynamoDB(func(_ context.Context, change typed.Change[T]) error {
		got = change.New
		return nil
	})(t.Context(), opened(events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{NewImage: image.M}}))
	if wantErr != nil {
		assert.Error(t, gotErr, "the SDK says %v\n%s", wantErr, item.text)
		return false
	}
	if gotErr != nil && strings.HasSuffix(gotErr.Error(), "map where time.Time was expected") {
		return false // the SDK leaves out all of the map, and a time is what it is not
	}
	if !assert.NoError(t, gotErr, item.text) || !assert.True(t, reflect.DeepEqual(want, *got), "%s\nSDK   %s\ntyped %s", item.text, quoted(fmt.Sprintf("%+v", want)), quoted(fmt.Sprintf("%+v", *got))) {
		t.FailNow()
	}
	return true
}

// What attributevalue makes of an item, package typed makes of it too.
func TestItemsDecodeAsInTheSDK(t *testing.T) {
	for name, one := range map[string]func(*testing.T, drawer) bool{
		"order":  agree[order],
		"rivals": agree[rivals],
		"line":   agree[line],
		"any":    agree[any],
		"map":    agree[map[string]any],
		"lines":  agree[map[string]*line],
	} {
		t.Run(name, func(t *testing.T) {
			decoded := 0
			for seed := range uint64(20_000) {
				if one(t, drawer{rand.New(rand.NewPCG(seed, 1))}) {
					decoded++
				}
			}
			assert.Greater(t, decoded, 500, "too few items can be decoded for the comparison to mean much")
		})
	}
}

// What attributevalue stores comes back the same.
func TestWhatTheSDKStoresComesBack(t *testing.T) {
	nick, extra := Name("Al"), "x"
	want := order{
		base: base{ID: "o-1", Version: 3}, Linked: &Linked{Via: "web", Extra: extra}, Tagged: Tagged{Depth: 9}, Shadow: true, Customer: "ann", Nick: &nick, Level: -3, Total: 12.5,
		Small: 0.5, Count: 7, AsText: 42, Literal: "12.50", Paid: true, At: time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC), Unix: time.Unix(1715000000, 0),
		Blob: []byte("blob"), Digest: [4]byte{1, 2, 3, 4}, Tags: []string{"a"}, Prices: []float64{1, 2}, Chunks: [][]byte{[]byte("c")}, Lines: []line{{"s", 1}},
		Pair: [2]int{1, 2}, ByName: map[string]line{"l": {"s", 2}}, ByNumber: map[int]string{1: "one"}, ByFlag: map[bool]int{true: 1},
		Anything: map[string]any{"k": []any{"v", 1.5, nil}}, Nested: &order{base: base{ID: "o-0"}, Linked: &Linked{}}, NotJSON: "n",
	}
	stored, err := attributevalue.MarshalMap(want)
	require.NoError(t, err)
	var sdk order
	require.NoError(t, attributevalue.UnmarshalMap(stored, &sdk))
	image := converted(&types.AttributeValueMemberM{Value: stored}).Map()
	var got order
	require.NoError(t, typed.DynamoDB(func(_ context.Context, change typed.Change[order]) error {
		got = *change.Old
		return nil
	})(t.Context(), opened(events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{OldImage: image}})))
	assert.Equal(t, sdk, got)
	assert.Equal(t, want.Lines, got.Lines)
	assert.Equal(t, want.Nested.ID, got.Nested.ID)
}

// converted is an attribute of the SDK as one of an event.
func converted(v types.AttributeValue) events.DynamoDBAttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value)
	case *types.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value)
	case *types.AttributeValueMemberB:
		return events.NewBinaryAttribute(v.Value)
	case *types.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value)
	case *types.AttributeValueMemberSS:
		return events.NewStringSetAttribute(v.Value)
	case *types.AttributeValueMemberNS:
		return events.NewNumberSetAttribute(v.Value)
	case *types.AttributeValueMemberBS:
		return events.NewBinarySetAttribute(v.Value)
	case *types.AttributeValueMemberL:
		list := []events.DynamoDBAttributeValue{}
		for _, element := range v.Value {
			list = append(list, converted(element))
		}
		return events.NewListAttribute(list)
	case *types.AttributeValueMemberM:
		m := map[string]events.DynamoDBAttributeValue{}
		for name, element := range v.Value {
			m[name] = converted(element)
		}
		return events.NewMapAttribute(m)
	default:
		return events.NewNullAttribute()
	}
}

// opened is a record that has been decoded already.
func opened(record events.DynamoDBEventRecord) troupe.Lazy[events.DynamoDBEventRecord] {
	return sources.LazyOf(
		func() ([]byte, error) { return nil, nil },
		func() (events.DynamoDBEventRecord, error) { return record, nil })
}
