package typed_test

import (
	"context"
	"encoding/json"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/typed"
)

func dynamodb[M troupe.DynamoDBRecord](handler troupe.Handler[M]) func(...troupe.Option) lambda.Handler {
	return func(options ...troupe.Option) lambda.Handler { return troupe.DynamoDB(handler, options...) }
}

// changed is an event of one record whose new image is that.
func changed(image string) []byte {
	return []byte(`{"Records":[{"eventSource":"aws:dynamodb","eventName":"INSERT","dynamodb":{"SequenceNumber":"1","NewImage":` + image + `}}]}`)
}

// itemOf decodes a new image by way of a processor.
func itemOf[T any](t testing.TB, image string, options ...typed.Option) (item *T, err error) {
	t.Helper()
	_, report := run(t, dynamodb(typed.DynamoDB(func(_ context.Context, change typed.Change[T]) error {
		item = change.New
		return nil
	}, options...)), changed(image))
	return item, report.Records[0].Err
}

// becomes is a row of the table below.
func becomes[T any](image string, want T) func(*testing.T) {
	return func(t *testing.T) {
		got, err := itemOf[T](t, image)
		require.NoError(t, err)
		assert.Equal(t, &want, got)
	}
}

// refuses is a row whose image cannot be decoded.
func refuses[T any](image, says string) func(*testing.T) {
	return func(t *testing.T) {
		got, err := itemOf[T](t, image)
		assert.Nil(t, got)
		require.ErrorIs(t, err, troupe.ErrUndecodable)
		assert.EqualError(t, err, `troupe: record "1", index 0, cannot be decoded: dynamodb.NewImage`+says)
	}
}

type embedded struct {
	ID    string
	Depth int `dynamodbav:"depth"`
}

type hidden struct{ ID string }

// Named is embedded with a name of its own.
type Named struct{ A int }

type (
	kinds struct {
		S  string
		I  int8
		U  uint16
		F  float32
		B  []byte
		A  [2]byte
		Y  bool
		L  []string
		P  *string
		T  time.Time
		X  any
		N  json.Number
		Z  int64 `dynamodbav:",string"`
		NS []int
		SS []string
		BS [][]byte
		M  map[string]embedded
		K  map[int]bool
		D  big.Int
		IP netip.Addr
		Av events.DynamoDBAttributeValue
	}
	withEmbedded struct {
		embedded
		Named `dynamodbav:"named"`
		Depth string
	}
	withHidden struct{ *hidden }
	withTwice  struct {
		ID string `dynamodbav:"id"`
		Id string `dynamodbav:"ID"`
	}
	ambiguous struct {
		embedded
		hidden
	}
	reader struct {
		X interface{ Read([]byte) (int, error) }
	}
	tree  map[string]tree
	chain struct{ Next *chain }
)

// SPEC 9: the conventions that Go users know, as the package's documentation has them. (Package attributevalue
// of aws-sdk-go-v2; tools/dynamodbav compares with it item by item.)
func TestAnImageBecomesAStruct(t *testing.T) {
	text := "x"
	for name, row := range map[string]func(*testing.T){
		"string":                    becomes(`{"S":{"S":"a"}}`, kinds{S: "a"}),
		"string for a pointer":      becomes(`{"P":{"S":"x"}}`, kinds{P: &text}),
		"string for a time":         becomes(`{"T":{"S":"2024-05-06T07:08:09.5Z"}}`, kinds{T: time.Date(2024, 5, 6, 7, 8, 9, 5e8, time.UTC)}),
		"string for a text":         becomes(`{"IP":{"S":"10.0.0.1"}}`, kinds{IP: netip.MustParseAddr("10.0.0.1")}),
		"integer":                   becomes(`{"I":{"N":"-128"}}`, kinds{I: -128}),
		"unsigned integer":          becomes(`{"U":{"N":"65535"}}`, kinds{U: 65535}),
		"float":                     becomes(`{"F":{"N":"1.5"}}`, kinds{F: 1.5}),
		"number for a json.Number":  becomes(`{"N":{"N":"1.50"}}`, kinds{N: "1.50"}),
		"number for a string":       becomes(`{"S":{"N":"1.50"}}`, kinds{S: "1.50"}),
		"number for a time":         becomes(`{"T":{"N":"1715000000"}}`, kinds{T: time.Unix(1715000000, 0)}),
		"number for a text":         becomes(`{"D":{"N":"123456789012345678901234567890"}}`, kinds{D: *huge}),
		"number that is a string":   becomes(`{"Z":{"S":"-7"}}`, kinds{Z: -7}),
		"binary":                    becomes(`{"B":{"B":"YWI="},"A":{"B":"YWI="}}`, kinds{B: []byte("ab"), A: [2]byte{'a', 'b'}}),
		"boolean":                   becomes(`{"Y":{"BOOL":true}}`, kinds{Y: true}),
		"null":                      becomes(`{"S":{"NULL":true},"P":{"NULL":true},"X":{"NULL":true},"M":{"NULL":true},"L":{"NULL":true}}`, kinds{}),
		"list":                      becomes(`{"L":{"L":[{"S":"a"},{"NULL":true}]}}`, kinds{L: []string{"a", ""}}),
		"empty list":                becomes(`{"L":{"L":[]}}`, kinds{L: []string{}}),
		"sets":                      becomes(`{"SS":{"SS":["a"]},"NS":{"NS":["1","2"]},"BS":{"BS":["YQ=="]}}`, kinds{SS: []string{"a"}, NS: []int{1, 2}, BS: [][]byte{[]byte("a")}}),
		"more than an array holds":  becomes(`{"A":{"L":[{"N":"1"},{"N":"2"},{"N":"3"}]}}`, kinds{A: [2]byte{1, 2}}),
		"less than an array holds":  becomes(`{"A":{"L":[{"N":"1"}]}}`, kinds{A: [2]byte{1, 0}}),
		"map":                       becomes(`{"M":{"M":{"k":{"M":{"ID":{"S":"a"}}}}},"K":{"M":{"-1":{"BOOL":true}}}}`, kinds{M: map[string]embedded{"k": {ID: "a"}}, K: map[int]bool{-1: true}}),
		"as it is":                  becomes(`{"Av":{"S":"a"}}`, kinds{Av: events.NewStringAttribute("a")}),
		"null as it is":             becomes(`{"Av":{"NULL":true}}`, kinds{Av: events.NewNullAttribute()}),
		"any of everything":         becomes(`{"X":{"M":{"s":{"S":"a"},"n":{"N":"1"},"b":{"B":"YQ=="},"y":{"BOOL":false},"0":{"NULL":true},"l":{"L":[{"S":"a"}]},"ss":{"SS":["a"]},"ns":{"NS":["1"]},"bs":{"BS":["YQ=="]}}}}`, kinds{X: map[string]any{"s": "a", "n": 1.0, "b": []byte("a"), "y": false, "0": nil, "l": []any{"a"}, "ss": []string{"a"}, "ns": []float64{1}, "bs": [][]byte{[]byte("a")}}}),
		"unknown attributes":        becomes(`{"S":{"S":"a"},"other":{"S":"b"}}`, kinds{S: "a"}),
		"another case":              becomes(`{"s":{"S":"a"},"Ns":{"NS":["1"]}}`, kinds{S: "a", NS: []int{1}}),
		"the very name goes before": becomes(`{"s":{"S":"a"},"S":{"S":"b"}}`, kinds{S: "b"}),
		"two in other cases":        becomes(`{"nS":{"NS":["2"]},"Ns":{"NS":["1"]},"sS":{"SS":["d"]},"Ss":{"SS":["c"]}}`, kinds{NS: []int{1}, SS: []string{"c"}}),
		"names that differ in case": becomes(`{"id":{"S":"a"},"ID":{"S":"b"}}`, withTwice{ID: "a", Id: "b"}),
		"embedded":                  becomes(`{"ID":{"S":"a"},"Depth":{"S":"b"},"depth":{"N":"3"},"named":{"M":{"A":{"N":"1"}}}}`, withEmbedded{embedded: embedded{"a", 3}, Named: Named{1}, Depth: "b"}),
		"ambiguous":                 becomes(`{"ID":{"S":"a"},"depth":{"N":"3"}}`, ambiguous{embedded: embedded{Depth: 3}}),
		"a map as the item":         becomes(`{"a":{"N":"1"},"b":{"N":"2"}}`, map[string]int{"a": 1, "b": 2}),
		"an any as the item":        becomes[any](`{"a":{"N":"1"}}`, map[string]any{"a": 1.0}),
		"an empty item":             becomes(`{}`, kinds{}),
		"types that hold their own": becomes(`{"a":{"M":{"b":{"M":{}}}}}`, tree{"a": {"b": {}}}),
		"structs that do":           becomes(`{"Next":{"M":{"Next":{"M":{}}}}}`, chain{&chain{&chain{}}}),

		"string, not a number":        refuses[kinds](`{"I":{"S":"1"}}`, `.I: string where int8 was expected`),
		"number, not a boolean":       refuses[kinds](`{"Y":{"N":"1"}}`, `.Y: number where bool was expected`),
		"out of range":                refuses[kinds](`{"I":{"N":"128"}}`, `.I: number out of range where int8 was expected`),
		"unsigned out of range":       refuses[kinds](`{"U":{"N":"65536"}}`, `.U: number out of range where uint16 was expected`),
		"negative":                    refuses[kinds](`{"U":{"N":"-1"}}`, `.U: number of another form where uint16 was expected`),
		"float out of range":          refuses[kinds](`{"F":{"N":"1E+100"}}`, `.F: number out of range where float32 was expected`),
		"no integer":                  refuses[kinds](`{"I":{"N":"1.5"}}`, `.I: number of another form where int8 was expected`),
		"no number for an any":        refuses[kinds](`{"X":{"N":"abc"}}`, `.X: number of another form where float64 was expected`),
		"no time":                     refuses[kinds](`{"T":{"S":"today"}}`, `.T: string that is no RFC 3339 time where time.Time was expected`),
		"a map for a time":            refuses[kinds](`{"T":{"M":{}}}`, `.T: map where time.Time was expected`),
		"text that is refused":        refuses[kinds](`{"IP":{"S":"here"}}`, `.IP: string that its UnmarshalText refuses where netip.Addr was expected`),
		"binary, not a string":        refuses[kinds](`{"S":{"B":"YQ=="}}`, `.S: binary where string was expected`),
		"binary of another length":    refuses[kinds](`{"A":{"B":"YQ=="}}`, `.A: binary of another length where [2]uint8 was expected`),
		"list for a struct":           refuses[kinds](`{"M":{"M":{"secret":{"L":[]}}}}`, `.M.*: list where typed_test.embedded was expected`),
		"in a list":                   refuses[kinds](`{"L":{"L":[{"S":"a"},{"N":"1"},{"BOOL":true}]}}`, `.L[2]: boolean where string was expected`),
		"in a set":                    refuses[kinds](`{"NS":{"NS":["1","1.5"]}}`, `.NS[1]: number of another form where int was expected`),
		"in another case":             refuses[kinds](`{"l":{"S":"a"}}`, `.L: string where []string was expected`),
		"a key of a map":              refuses[kinds](`{"K":{"M":{"secret":{"BOOL":true}}}}`, `.K.*: name of an attribute of another form where int was expected`),
		"an interface with methods":   refuses[reader](`{"X":{"S":"a"}}`, `.X: attribute where interface { Read([]uint8) (int, error) } was expected`),
		"an embedded unexported type": refuses[withHidden](`{"ID":{"S":"a"}}`, `.ID: attribute of an embedded pointer to an unexported type where *typed_test.hidden was expected`),
	} {
		t.Run(name, row)
	}
}

var huge, _ = new(big.Int).SetString("123456789012345678901234567890", 10)

// SPEC 9: what happened, the key, and new and old image, those that are there; a bad one is named.
func TestAChangeHasTheKeyAndBothImages(t *testing.T) {
	type item struct {
		ID     string `dynamodbav:"id"`
		Status string `dynamodbav:"status"`
	}
	image := func(status string) map[string]events.DynamoDBAttributeValue {
		return map[string]events.DynamoDBAttributeValue{"status": events.NewStringAttribute(status)}
	}
	bad := map[string]events.DynamoDBAttributeValue{"status": events.NewBooleanAttribute(true)}
	keys := map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute("o-1")}
	badKeys := map[string]events.DynamoDBAttributeValue{"id": events.NewBooleanAttribute(true)}
	key := item{ID: "o-1"}
	var got typed.Change[item]
	calls := 0
	handler := typed.DynamoDB(func(_ context.Context, change typed.Change[item]) error {
		got = change
		calls++
		return nil
	})
	for _, c := range []struct {
		event          string
		keys, new, old map[string]events.DynamoDBAttributeValue
		want           typed.Change[item]
		says           string
	}{
		{event: "INSERT", keys: keys, new: image("new"), want: typed.Change[item]{Operation: "INSERT", Keys: key, New: &item{Status: "new"}}},
		{event: "MODIFY", keys: keys, new: image("paid"), old: image("new"), want: typed.Change[item]{Operation: "MODIFY", Keys: key, New: &item{Status: "paid"}, Old: &item{Status: "new"}}},
		{event: "REMOVE", keys: keys, old: image("paid"), want: typed.Change[item]{Operation: "REMOVE", Keys: key, Old: &item{Status: "paid"}}},
		{event: "MODIFY", keys: keys, want: typed.Change[item]{Operation: "MODIFY", Keys: key}}, // KEYS_ONLY
		{event: "MODIFY", want: typed.Change[item]{Operation: "MODIFY"}},
		{want: typed.Change[item]{}},
		{event: "MODIFY", keys: keys, new: bad, old: bad, says: "dynamodb.NewImage.status: boolean where string was expected"},
		{event: "REMOVE", keys: keys, old: bad, says: "dynamodb.OldImage.status: boolean where string was expected"},
		{event: "MODIFY", keys: badKeys, new: bad, old: bad, says: "dynamodb.Keys.id: boolean where string was expected"},
	} {
		got = typed.Change[item]{}
		before := calls
		err := handler(t.Context(), lazily(events.DynamoDBEventRecord{EventName: c.event, Change: events.DynamoDBStreamRecord{Keys: c.keys, NewImage: c.new, OldImage: c.old}}, nil))
		if c.says != "" {
			assert.EqualError(t, err, "troupe: record cannot be decoded: "+c.says)
			assert.Equal(t, before, calls)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, before+1, calls)
		assert.Equal(t, c.want, got)
	}
}

// SPEC 9: keys are decoded as images are, so a key that has no field in the item's type is left out, and a change
// that is read from an event is the same.
func TestTheChangeOfAnEvent(t *testing.T) {
	type item struct {
		Customer string `dynamodbav:"customer"`
		Number   int    `dynamodbav:"number"`
		Total    float64
	}
	var got []typed.Change[item]
	_, report := run(t, dynamodb(typed.DynamoDB(func(ctx context.Context, change typed.Change[item]) error {
		got = append(got, change)
		record, err := troupe.MessageFrom[events.DynamoDBEventRecord](ctx)
		require.NoError(t, err)
		assert.Equal(t, change.Operation, record.EventName)
		return nil
	})), []byte(`{"Records":[
		{"eventName":"MODIFY","dynamodb":{"SequenceNumber":"1","Keys":{"customer":{"S":"ann"},"number":{"N":"7"}},"OldImage":{"customer":{"S":"ann"},"number":{"N":"7"}},"NewImage":{"customer":{"S":"ann"},"number":{"N":"7"},"Total":{"N":"2.5"}}}},
		{"eventName":"REMOVE","dynamodb":{"SequenceNumber":"2","Keys":{"customer":{"S":"bob"},"shelf":{"S":"x"}}}}
	]}`), troupe.WithConcurrency(1))
	assert.Equal(t, 2, report.Succeeded)
	assert.Equal(t, []typed.Change[item]{
		{Operation: "MODIFY", Keys: item{Customer: "ann", Number: 7}, New: &item{"ann", 7, 2.5}, Old: &item{Customer: "ann", Number: 7}},
		{Operation: "REMOVE", Keys: item{Customer: "bob"}},
	}, got)
}

// SPEC 9: an item that cannot be decoded is dropped by option too.
func TestByOptionAnItemThatCannotBeDecodedIsDropped(t *testing.T) {
	_, report := run(t, dynamodb(typed.DynamoDB(func(context.Context, typed.Change[kinds]) error { return nil }, typed.WithDropUndecodable())), changed(`{"I":{"S":"x"}}`))
	assert.Equal(t, 1, report.Dropped)
	assert.ErrorIs(t, report.Records[0].Err, troupe.ErrUndecodable)
}

// What a handler changes in the item must not change the record, which it may be given again.
func TestAnItemSharesNoBytesWithItsRecord(t *testing.T) {
	record := events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{NewImage: map[string]events.DynamoDBAttributeValue{
		"B": events.NewBinaryAttribute([]byte("abc")), "X": events.NewBinaryAttribute([]byte("abc")), "SS": events.NewStringSetAttribute([]string{"a"}),
	}}}
	handler := typed.DynamoDB(func(_ context.Context, change typed.Change[kinds]) error {
		assert.Equal(t, "abc", string(change.New.B))
		change.New.B[0], change.New.X.([]byte)[0], change.New.SS[0] = 'x', 'x', "x"
		return nil
	})
	require.NoError(t, handler(t.Context(), lazily(record, nil)))
	require.NoError(t, handler(t.Context(), lazily(record, nil)))
	assert.Equal(t, "abc", string(record.Change.NewImage["X"].Binary()))
	assert.Equal(t, []string{"a"}, record.Change.NewImage["SS"].StringSet())
}
