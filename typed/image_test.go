package typed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// decoded is what comes of a record.
type decoded struct {
	change  any // that the handler is called with
	err     string
	calls   int // of middleware
	outcome troupe.Outcome
}

// decodedBy invokes a processor with an event of one record.
func decodedBy(t testing.TB, record string, processor func(seen *any, options ...troupe.Option) lambda.Handler) *decoded {
	t.Helper()
	d := new(decoded)
	observe := troupe.WithObserver(func(_ context.Context, r *troupe.Report) {
		d.outcome = r.Records[0].Outcome
		if r.Records[0].Err != nil {
			d.err = r.Records[0].Err.Error()
		}
	})
	count := troupe.WithMiddleware(func(next troupe.Handler[troupe.Record]) troupe.Handler[troupe.Record] {
		return func(ctx context.Context, rec troupe.Record) error {
			d.calls++
			return next(ctx, rec)
		}
	})
	_, err := processor(&d.change, observe, count, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever)).
		Invoke(t.Context(), []byte(`{"Records":[`+record+`]}`))
	if err != nil {
		return nil // no event
	}
	return d
}

// agreeOn decodes a record from its JSON and from the record of aws-lambda-go, which is the oracle. Where two attributes
// of a map do not fit, or two names are the same key, the oracle takes either, so it is asked several times.
func agreeOn[T any](t testing.TB, record string) {
	t.Helper()
	handler := func(seen *any) troupe.Handler[troupe.Lazy[events.DynamoDBEventRecord]] {
		return typed.DynamoDB(func(_ context.Context, change typed.Change[T]) error { *seen = change; return nil })
	}
	var got, want *decoded
	for range 50 {
		got = decodedBy(t, record, func(seen *any, options ...troupe.Option) lambda.Handler {
			return troupe.DynamoDB(handler(seen), options...)
		})
		want = decodedBy(t, record, func(seen *any, options ...troupe.Option) lambda.Handler {
			h := handler(seen)
			return troupe.DynamoDB(func(ctx context.Context, r events.DynamoDBEventRecord) error { return h(ctx, lazily(r, nil)) }, options...)
		})
		if got != nil && want != nil && strings.Contains(strings.ToLower(record), "nan") {
			require.Equal(t, want.change == nil, got.change == nil, record)
			got.change, want.change = nil, nil // not equal to itself
		}
		if reflect.DeepEqual(want, got) {
			return
		}
	}
	require.Equal(t, want, got, "%T: %s", *new(T), record)
}

// wide has more fields than most.
type wide struct {
	S, A1, A2, A3, A4, A5, A6, A7, A8, A9, B1, B2, B3, B4, B5, B6, B7, B8, B9, C1, C2, C3, C4, C5, C6, C7, C8, C9, D1, D2, D3, D4, D5, D6, D7, D8, D9 string
	E1, E2, E3, E4, E5, E6, E7, E8, E9, F1, F2, F3, F4, F5, F6, F7, F8, F9, G1, G2, G3, G4, G5, G6, G7, G8, G9, H1, H2, H3, H4, H5, H6, H7, H8, H9    int
	L                                                                                                                                                 any
}

// odd has fields of types that are rare.
type odd struct {
	*Named
	S  **string
	N  map[float64]string
	M  map[netip.Addr]*embedded
	K  map[bool][]any
	L  [2]events.DynamoDBAttributeValue
	SS []events.DynamoDBAttributeValue
	BS [1][3]byte
	NS map[string]any `dynamodbav:",string"`
	X  struct{ Depth, S *int }
	Av *events.DynamoDBAttributeValue
	I  []*chain
	D  map[appending]string
	B  json.RawMessage
}

// appending is a key that depends on what it was before.
type appending string

func (a *appending) UnmarshalText(text []byte) error {
	*a += appending(text)
	return nil
}

// agreements has agreeOn for the types of items.
var agreements = []func(testing.TB, string){
	agreeOn[kinds], agreeOn[any], agreeOn[odd], agreeOn[*withEmbedded], agreeOn[withTwice], agreeOn[withHidden], agreeOn[ambiguous], agreeOn[reader], agreeOn[wide],
	agreeOn[tree], agreeOn[map[string]kinds], agreeOn[map[int8]string], agreeOn[map[string]events.DynamoDBAttributeValue],
}

func agreeOnAll(t testing.TB, record string) {
	t.Helper()
	for _, agree := range agreements {
		agree(t, record)
	}
}

// recordWith is a record with that JSON for its new image.
func recordWith(image string) string {
	return `{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{"ID":{"S":"a"}},"NewImage":` + image + `}}`
}

// generator makes records that are nearly usual: one in so many parts is odd.
type generator struct {
	*rand.Rand
	odd int
}

func generated(n uint64) string {
	r := rand.New(rand.NewPCG(n, 0))
	return generator{r, []int{10, 50, 250, 10000}[r.IntN(4)]}.record()
}

func (g generator) isOdd() bool { return g.IntN(g.odd) == 0 }

func (g generator) oneIn(n int) bool            { return g.IntN(n) == 0 }
func (g generator) pick(texts ...string) string { return texts[g.IntN(len(texts))] }

// or is a text, or rarely one that does not belong there.
func (g generator) or(text string) string {
	if g.isOdd() {
		return g.pick(`null`, `7`, `1e999`, `"x"`, `[]`, `{}`, `[null]`, `{"S":null}`, `true`, `{"S":"a","N":"1"}`, `{"S":"a","S":"b"}`, `{"Q":1}`, `{"\u0053":"a"}`, `{"s":"a"}`)
	}
	return text
}

func (g generator) space() string { return g.pick("", "", "", "", " ", "\n\t", "\r ") }

func (g generator) name() string {
	return g.pick("S", "I", "X", "M", "ID", "depth", "Next", "id", "s", "nS", "Id", "av", "A1", "H9", `\u0053`, `caf\u00e9`, "1", "01", "-1", "true", "10.0.0.1", "NaN", "", "\xff", `\ud800`)
}

func (g generator) text() string {
	return `"` + g.pick("", "a", "text", "1", "2024-05-06T07:08:09.5Z", `caf\u00e9`, "caf\u00e9", `\"\\\n`, "\xff\xfe", `\ud83d\ude00`, `\ud800`) + `"`
}

func (g generator) number() string {
	if g.isOdd() {
		return `"` + g.pick("", "a", "1.5", "300", "1e400", "NaN", "+1", "0x1p-2", " 1", "1_000", `\u0031`, "123456789012345678901234567890") + `"`
	}
	return `"` + g.pick("0", "1", "7", "100", "127") + `"`
}

func (g generator) base64() string {
	if g.isOdd() {
		return g.pick(`"!"`, `"YQ"`, `"YQ=\n="`, `"YWJ\u006a"`, `"A==="`, `"===="`, `"YQ==YQ=="`, `"_-Aa"`)
	}
	return g.pick(`"YWI="`, `"YWI="`, `"YWJ="`, `""`, `"YWJj"`)
}

// fitting is an attribute that has the type of its field in kinds, if it is not odd.
func (g generator) fitting() string {
	member := func(name, kind, value string) string { return `"` + name + `":{"` + kind + `":` + g.or(value) + `}` }
	strings, numbers, binaries := g.list(g.text), g.list(g.number), g.list(g.base64)
	return g.pick(member("S", "S", g.text()), member("I", "N", g.number()), member("U", "N", g.number()), member("F", "N", g.number()), member("B", "B", g.base64()), member("A", "B", `"YWI="`),
		member("A", "L", `[{"N":`+g.number()+`}]`), member("Y", "BOOL", "true"), member("L", "SS", strings), member("P", "S", g.text()), member("T", "N", g.number()), member("N", "N", g.number()),
		member("Z", "S", g.number()), member("NS", "NS", numbers), member("SS", "SS", strings), member("BS", "BS", binaries), member("X", "NS", numbers), member("X", "BS", binaries),
		member("M", "M", `{"a":{"M":{"ID":{"S":`+g.text()+`}}}}`), member("K", "M", `{"1":{"BOOL":false},"2":{"BOOL":true}}`), member("D", "N", g.number()), member("IP", "S", `"10.0.0.1"`))
}

func (g generator) list(element func() string) string {
	parts := make([]string, g.IntN(4))
	for i := range parts {
		parts[i] = g.space() + g.or(element()) + g.space()
	}
	return "[" + g.space() + strings.Join(parts, ",") + "]"
}

func (g generator) item(depth int) string {
	parts := make([]string, g.IntN(6))
	for i := range parts {
		if g.oneIn(2) {
			parts[i] = g.space() + g.fitting() + g.space()
			continue
		}
		parts[i] = g.space() + `"` + g.name() + `"` + g.space() + ":" + g.space() + g.or(g.attribute(depth-1)) + g.space()
		if g.isOdd() { // twice
			parts[i] += "," + parts[i]
		}
	}
	return "{" + g.space() + strings.Join(parts, ",") + "}"
}

func (g generator) attribute(depth int) string {
	kind := g.pick("S", "S", "N", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "M", "L")
	var value string
	switch {
	case kind == "S":
		value = g.text()
	case kind == "N":
		value = g.number()
	case kind == "B":
		value = g.base64()
	case kind == "BOOL":
		value = g.pick("true", "false")
	case kind == "NULL":
		value = "true"
	case kind == "BS":
		value = g.list(g.base64)
	case kind == "SS":
		value = g.list(g.text)
	case kind == "NS":
		value = g.list(g.number)
	case depth <= 0:
		kind, value = "S", g.text()
	case kind == "M":
		value = g.item(depth)
	default:
		value = g.list(func() string { return g.attribute(depth - 1) })
	}
	return "{" + g.space() + `"` + kind + `"` + g.space() + ":" + g.space() + g.or(value) + g.space() + "}"
}

func (g generator) record() string {
	member := func(name, value string) string {
		if g.oneIn(30) {
			return `"other":` + value
		}
		if g.isOdd() {
			name = strings.ToLower(name)
		}
		return `"` + name + `":` + g.space() + g.or(value)
	}
	change := []string{`"SequenceNumber":"1"`, member("Keys", g.item(1)), member("NewImage", g.item(4)), member("OldImage", g.pick("null", g.item(2))), member("ApproximateCreationDateTime", "1479499740"), member("SizeBytes", "5")}
	if g.isOdd() {
		change = append(change, member("NewImage", g.item(1)))
	}
	g.Shuffle(len(change), func(i, j int) { change[i], change[j] = change[j], change[i] })
	record := []string{member("eventName", `"MODIFY"`), member("awsRegion", `"eu-west-1"`), member("userIdentity", `{"type":`+g.or(`"Service"`)+`}`), `"dynamodb":{` + strings.Join(change, ",") + `}`}
	return "{" + strings.Join(record, ",") + "}"
}

var oddRecords = []string{
	`{"dynamodb":{"SequenceNumber":"1"}}`,
	`{"dynamodb":{"SequenceNumber":"1","Keys":null,"NewImage":null,"OldImage":null}}`,
	`{"dynamodb":{"SequenceNumber":"1","Keys":{},"NewImage":{},"OldImage":{}}}`,
	`{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":"now","NewImage":{"S":{"S":"a"}}}}`,
	`{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","SizeBytes":1.5,"NewImage":{"S":{"S":"a"}}}}`,
	`{"eventName":7,"dynamodb":{"SequenceNumber":"1","NewImage":{"S":{"S":"a"}}}}`,
	`{"awsRegion":[],"dynamodb":{"SequenceNumber":"1","NewImage":{"S":{"S":"a"}}}}`,
	`{"userIdentity":{"type":7},"dynamodb":{"SequenceNumber":"1","NewImage":{"S":{"S":"a"}}}}`,
	`{"EVENTNAME":"INSERT","DynamoDB":{"sequencenumber":"1","newimage":{"S":{"S":"a"}}}}`,
	`{"eventName":"caf\u00e9","dynamodb":{"SequenceNumber":"1","NewImage":{"S":{"S":"a"}},"NewImage":{"S":{"S":"b"}}}}`,
	`{"dynamodb":{"SequenceNumber":"1","NewImage":{"S":{"S":"a"}}},"dynamodb":{"OldImage":{"S":{"S":"b"}}}}`,
}

// deep is an image of n nested lists.
func deep(n int) string {
	return `{"X":` + strings.Repeat(`{"L":[`, n) + `{"S":"a"}` + strings.Repeat(`]}`, n) + `}`
}

var oddImages = append([]string{
	`{"S":{"S":"a","N":"1"}}`, `{"S":{"S":"a","S":"b"}}`, `{"S":{}}`, `{"S":"a"}`, `{"S":[]}`, `{"S":null}`, `{"S":{"Q":"a"}}`, `{"S":{"s":"a"}}`, `{"S":{"\u0053":"a"}}`, `{"S":{"S":null}}`,
	`{"S":{"S":"a"},"S":{"S":"b"}}`, `{"S":{"BOOL":true},"S":{"S":"b"}}`, `{"X":{"M":{"a":{"S":"a"},"b":{"S":"b"},"a":{"N":"1"}}}}`, `{"s":{"S":"a"},"S":{"S":"b"}}`, `{"S":{"S":"b"},"s":{"S":"a"}}`,
	`{"sS":{"SS":["d"]},"Ss":{"SS":["c"]}}`, `{"K":{"M":{"1":{"BOOL":true},"01":{"BOOL":false}}}}`, `{"N":{"M":{"NaN":{"S":"a"},"NaN":{"S":"b"}}}}`, `{"Y":{"BOOL":"true"}}`, `{"Y":{"BOOL":null}}`,
	`{"S":{"NULL":false}}`, `{"S":{"NULL":null}}`, `{"S":{"NULL":{"a":[1]}}}`, `{"Av":{"NULL":true}}`, `{"SS":{"SS":[]},"NS":{"NS":[]},"BS":{"BS":[]},"L":{"L":[]},"M":{"M":{}}}`, `{"SS":{"SS":["a","a"]}}`,
	`{"SS":{"SS":[1]}}`, `{"SS":{"SS":"a"}}`, `{"BS":{"BS":["!"]}}`, `{"BS":{"BS":[7]}}`, `{"B":{"B":"Y\nQ=="}}`, `{"B":{"B":"Y\u0051=="}}`, `{"B":{"B":"YQ=\n="}}`, `{"B":{"B":"YQ"}}`, `{"B":{"B":""},"A":{"B":"YWJj"}}`,
	`{"B":{"B":"YR=="}}`, `{"B":{"B":"A==="}}`, `{"L":{"L":[{"S":"a"},7]}}`, `{"L":{"L":{}}}`, `{"M":{"M":[]}}`, `{"M":{"M":{"a":7}}}`, "{\"S\":{\"S\":\"\xff\"},\"\xff\":{\"S\":\"\xff\"}}", `{"S":{"S":"\ud800 \u0000"}}`,
	` { "S" : { "S" : "a" } , "L" : { "L" : [ { "S" : "a" } , { "NULL" : true } ] } } `, `{"Av":{"L":[{"S":"a"}]}}`, `{"SS":{"SS":["a"]},"L":{"NS":["1"]}}`, `7`, `"a"`, `[]`, `[{"S":"a"}]`, `true`,
	`{"M":{"M":{"a":{"M":{"ID":{"S":"x"}}},"b":{"M":{}},"c":{"NULL":true}}}}`, `{"D":{"M":{"a":{"S":"x"},"b":{"S":"y"}}}}`, `{"A":{"L":[{"N":"1"},{"N":"2"},{"S":"x"}]}}`, `{"X":{"M":{"a":{"S":"x"},"b":{"NULL":true}}}}`,
	deep(40), deep(64), deep(65), deep(300),
}, chattyImages...)

// SPEC 9: an image that is decoded from its JSON is what it is by way of the types of aws-lambda-go, and so is the error
// of one that cannot be decoded. The rest of the record still has to be decodable, for it has no payload of its own (D6).
func TestAnImageIsTheSameFromJSON(t *testing.T) {
	for _, record := range oddRecords {
		agreeOnAll(t, record)
	}
	for _, image := range oddImages {
		agreeOnAll(t, recordWith(image))
	}
	for _, record := range sampleRecords(t) {
		agreeOnAll(t, record)
	}
	for n := range uint64(300) {
		agreeOnAll(t, generated(n))
	}
}

// sampleRecords are those of testdata.
func sampleRecords(t testing.TB) (records []string) {
	text, err := os.ReadFile("../testdata/events/dynamodb.json")
	require.NoError(t, err)
	var event struct{ Records []json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &event))
	require.NotEmpty(t, event.Records)
	for _, record := range event.Records {
		records = append(records, string(record))
	}
	return records
}

// FuzzImages holds the decoding of images from JSON to that of attributes: of a record of the generator, and of another.
func FuzzImages(f *testing.F) {
	for n, record := range append(sampleRecords(f), oddRecords...) {
		f.Add(uint64(n), record)
	}
	for n, image := range oddImages {
		f.Add(uint64(n), recordWith(image))
	}
	f.Fuzz(func(t *testing.T, n uint64, record string) {
		agree := agreements[n%uint64(len(agreements))]
		agree(t, generated(n))
		if json.Valid([]byte(record)) {
			agree(t, record)
		}
	})
}

// openings counts how often a handler of images opens a record.
func openings[T any](t *testing.T, record string) (opened int) {
	t.Helper()
	read, err := sources.DynamoDB().Decode([]byte(`{"Records":[` + record + `]}`))
	require.NoError(t, err)
	plan := &sources.Plan[events.DynamoDBEventRecord]{IDs: read.IDs, Images: read.Images, Open: func(i int) (events.DynamoDBEventRecord, error) {
		opened++
		return read.Open(i)
	}}
	lazy, err := plan.Lazy(0)
	if err == nil {
		err = typed.DynamoDB(func(context.Context, typed.Change[T]) error { return nil })(t.Context(), lazy)
	}
	if err != nil {
		require.ErrorIs(t, err, batch.ErrUndecodable)
	}
	return opened
}

// What a table sends is not decoded into the types of aws-lambda-go on the way. What is rare is, once.
func TestOnlyRareImagesAreOpened(t *testing.T) {
	for _, record := range sampleRecords(t) {
		assert.Zero(t, openings[kinds](t, record), record)
		assert.Zero(t, openings[any](t, record), record)
	}
	for image, want := range map[string]int{
		`{"S":{"S":"a"},"B":{"B":"YQ=="},"L":{"L":[{"S":"caf\u00e9"}]},"other":{"NULL":true}}`: 0,
		`{"s":{"S":"a"},"DEPTH":{"N":"1"}}`:                                                    0,
		`{"Av":{"L":[{"S":"a"}]}}`:                                                             0,
		`{"Z":{"S":"-7"}}`:                                                                     0,
		deep(63):                                                                               0,
		deep(64):                                                                               1,
		`{"S":{"S":"a"},"S":{"S":"b"}}`:                                                        1,
		`{"S":{"S":"a"},"s":{"S":"b"}}`:                                                        1,
		`{"X":{"M":{"a":{"S":"a"},"a":{"S":"b"}}}}`:                                            1,
		`{"S":{"S":"a","S":"b"}}`:                                                              1,
		`{"S":{"S":"a","N":"1"}}`:                                                              1,
		`{"B":{"B":"Y\nQ=="}}`:                                                                 1,
		`{"I":{"S":"a"}}`:                                                                      1,
	} {
		assert.Equal(t, want, openings[kinds](t, recordWith(image)), image)
	}
	assert.Zero(t, openings[any](t, recordWith(`{"X":{"L":[{"M":{}}`+strings.Repeat(`,{"L":[]}`, 100)+`]}}`)), "many lists, none in another")
	assert.Equal(t, 1, openings[any](t, `{"EVENTNAME":"INSERT","dynamodb":{"SequenceNumber":"1"}}`))
	assert.Equal(t, 1, openings[map[float64]string](t, `{"dynamodb":{"SequenceNumber":"1","NewImage":{"1":{"S":"a"}}}}`))
}

// A group function may change the record: the handler of images sees that, as ever.
func TestAHandlerOfImagesSeesWhatTheGroupFunctionSaw(t *testing.T) {
	var got []string
	handler := typed.DynamoDB(func(_ context.Context, change typed.Change[kinds]) error {
		got = append(got, fmt.Sprint(change.Operation, " ", change.New.S))
		return nil
	})
	change := troupe.WithGroup(func(r events.DynamoDBEventRecord) string {
		r.Change.NewImage["S"] = events.NewStringAttribute("changed")
		return r.EventName
	})
	_, report := run(t, dynamodb(handler), []byte(`{"Records":[`+recordWith(`{"S":{"S":"a"}}`)+`]}`), change)
	require.NoError(t, report.Records[0].Err)
	assert.Equal(t, []string{"INSERT changed"}, got)
}
