package typed_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/typed"
)

const secret = "s3cr3t-s3cr3t-15"

// chatty has a field for each way in which encoding/json and unmarshalers quote what they read.
type chatty struct {
	Text   string             `json:"text"`
	Small  int8               `json:"small"`
	Number json.Number        `json:"number"`
	Quoted int                `json:"quoted,string"`
	Time   time.Time          `json:"time"`
	Bytes  []byte             `json:"bytes"`
	Big    *big.Int           `json:"big"`
	Keys   map[int8]int8      `json:"keys"`
	Times  map[time.Time]bool `json:"times"`
	Own    quoting            `json:"own"`
	Typed  mistyped           `json:"typed"`
	Deep   []map[string]chatty
}

// quoting refuses whatever it reads, and says so in full.
type quoting struct{}

func (*quoting) UnmarshalJSON(b []byte) error {
	return fmt.Errorf("what is %s? %w", b, quotingError(b))
}

type quotingError string

func (e quotingError) Error() string { return string(e) }

// mistyped puts what it reads into the error that encoding/json's own checks are reported with.
type mistyped struct{}

func (*mistyped) UnmarshalJSON(b []byte) error {
	var of reflect.Type // none: its Error method panics then
	if len(b)%2 == 0 {
		of = reflect.TypeFor[mistyped]()
	}
	return &json.UnmarshalTypeError{Value: string(b), Struct: string(b), Field: string(b), Type: of}
}

// vocabulary is what errors may be made of. An error that matches holds nothing of a payload.
var vocabulary = regexp.MustCompile(`^troupe: record cannot be decoded: ` +
	`(body(\.(text|small|number|quoted|time|bytes|big|keys|times|own|typed|Deep|Text|Small|Number|Quoted|Time|Bytes|Big|Keys|Times|Own|Typed|\*)|\[\d+\])*|dynamodb\.(NewImage|Keys)(\.(S|I|U|F|B|A|Y|L|P|T|X|N|Z|NS|SS|BS|M|K|D|IP|Av|ID|depth|\*)|\[\d+\])*): ` +
	`(empty where JSON was expected|empty where TYPE was expected|JSON is cut short|cut short|not JSON|more after the JSON value|a field that TYPE does not have|null where TYPE was expected` +
	`|not a valid TYPE: the decoder returned an error of type [*\w.]+|(array|boolean|null|number|object|string|key)( out of range| of another form| that is not base64| that its Unmarshal(JSON|Text) refuses)? where (a TYPE that holds )?TYPE was expected` +
	`|(attribute|string|number|boolean|binary|list|map|string set|number set|binary set|name of an attribute)( out of range| of another form| of another length| that is no RFC 3339 time| that its UnmarshalText refuses)? where TYPE was expected)` +
	`( \(at byte \d+ of the payload\))?$`)

var goTypes = regexp.MustCompile(`typed_test\.\w+|map\[[\w.]+\][\w.]+|\[\d*\]+(string|uint8|int|map\[string\]typed_test\.\w+)|\[\]\[\]uint8|\*?big\.Int|time\.Time|json\.Number|netip\.Addr|interface \{\}|\b(string|bool|u?int(8|16|64)?|float(32|64))\b`)

// tellsNothing fails if anything that can be reached from an error might be of the payload.
func tellsNothing(t *testing.T, err error) {
	t.Helper()
	var named *typed.Error
	require.ErrorAs(t, err, &named)
	text := err.Error()
	head, rest, _ := strings.Cut(text, "cannot be decoded: ")
	field, problem, _ := strings.Cut(rest, ": ")
	plain := head + "cannot be decoded: " + field + ": "
	// Kinds of JSON and attributes share names with Go types, which come after the last "where".
	before, after, found := strings.Cut(problem, " where ")
	switch {
	case found:
		plain += before + " where " + goTypes.ReplaceAllString(after, "TYPE")
	case strings.HasPrefix(problem, "not a valid "), strings.HasPrefix(problem, "a field"):
		plain += strings.Replace(problem, "typed_test.chatty", "TYPE", 1)
	default:
		plain += problem
	}
	assert.Regexp(t, vocabulary, plain, "%s", text)
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", inner, inner, inner), "s3cr3t")
	}
}

var chattyBodies = []string{
	secret, `"` + secret + `"`, `["` + secret + `"]`, `{"text":"` + secret, `{"text":"` + secret + `",}`, `{"` + secret + `":1}`, `{"text":{"` + secret + `":1}}`,
	`{"small":1234567}`, `{"small":"` + secret + `"}`, `{"number":"` + secret + `"}`, `{"quoted":"` + secret + `"}`, `{"quoted":123456}`, `{"time":"` + secret + `"}`,
	`{"bytes":"` + secret + `!"}`, `{"big":"` + secret + `"}`, `{"big":1.5}`, `{"keys":{"` + secret + `":1}}`, `{"keys":{"1":"` + secret + `"}}`, `{"times":{"` + secret + `":true}}`,
	`{"own":"` + secret + `"}`, `{"typed":"` + secret + `"}`, `{"typed":"` + secret + `1"}`, `{"Deep":[{"` + secret + `":{"small":"` + secret + `"}}]}`, `{} ` + secret, "{}", "", " ", "null", `{"text":"\` + secret + `"}`, "\xff" + secret,
}

// SPEC S9: whatever is wrong with a payload, no error that is in reach holds anything of it.
func TestNothingOfAPayloadIsInAnError(t *testing.T) {
	failed := 0
	for _, body := range chattyBodies {
		failed += chattyDecoded(t, body)
	}
	assert.Greater(t, failed, 2*(len(chattyBodies)-4))
}

// chattyDecoded decodes a body in each way and counts the errors.
func chattyDecoded(t *testing.T, body string) (failed int) {
	handle := func(context.Context, chatty) error { return nil }
	for _, handler := range []troupe.Handler[troupe.Lazy[events.SQSMessage]]{
		typed.SQS(handle),
		typed.SQS(handle, typed.WithDisallowUnknownFields()),
		typed.SQS(handle, typed.WithDecoder(func(b []byte) (chatty, error) { return chatty{}, quotingError(b) })),
		typed.SQS(handle, typed.WithDecoder(func(b []byte) (c chatty, err error) { return c, json.Unmarshal(b, &c) })),
	} {
		if err := handler(t.Context(), withBody(body)); err != nil {
			failed++
			tellsNothing(t, err)
		}
	}
	return failed
}

func FuzzJSON(f *testing.F) {
	for _, body := range chattyBodies {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) { chattyDecoded(t, body) })
}

var chattyImages = []string{
	`{}`, `{"S":{"S":"` + secret + `"},"I":{"N":"` + secret + `"}}`, `{"I":{"S":"` + secret + `"}}`, `{"T":{"S":"` + secret + `"}}`, `{"T":{"N":"` + secret + `"}}`, `{"IP":{"S":"` + secret + `"}}`,
	`{"D":{"N":"` + secret + `"}}`, `{"K":{"M":{"` + secret + `":{"BOOL":true}}}}`, `{"M":{"M":{"` + secret + `":{"M":{"depth":{"S":"` + secret + `"}}}}}}`, `{"X":{"M":{"` + secret + `":{"L":[{"N":"` + secret + `"}]}}}}`,
	`{"A":{"B":"` + base64.StdEncoding.EncodeToString([]byte(secret)) + `"}}`, `{"` + secret + `":{"S":"` + secret + `"}}`, `{"NS":{"NS":["1","` + secret + `"]}}`, `{"Z":{"S":"` + secret + `"}}`, `{"L":{"L":[{"BOOL":true}]}}`,
	`{"Av":{"BS":["YQ=="]},"BS":{"BS":["YQ=="]},"SS":{"SS":["a"]},"Y":{"NULL":true}}`, `{"s":{"BOOL":true}}`, `{"F":{"N":"1e99"},"U":{"N":"-1"}}`,
}

// SPEC S9: nor is there anything of an item.
func TestNothingOfAnItemIsInAnError(t *testing.T) {
	failed := 0
	for _, image := range chattyImages {
		failed += imageDecoded(t, []byte(image))
	}
	assert.Greater(t, failed, 10)
}

func imageDecoded(t *testing.T, image []byte) (failed int) {
	var attributes map[string]events.DynamoDBAttributeValue
	if err := unmarshaled(image, &attributes); err != nil {
		return 0
	}
	asImage := events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{NewImage: attributes}}
	asKeys := events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{Keys: attributes}}
	for _, handler := range []troupe.Handler[troupe.Lazy[events.DynamoDBEventRecord]]{
		typed.DynamoDB(func(context.Context, typed.Change[kinds]) error { return nil }),
		typed.DynamoDB(func(context.Context, typed.Change[any]) error { return nil }),
		typed.DynamoDB(func(context.Context, typed.Change[map[string]kinds]) error { return nil }),
	} {
		inImage, inKeys := handler(t.Context(), lazily(asImage, nil)), handler(t.Context(), lazily(asKeys, nil))
		assert.Equal(t, inImage == nil, inKeys == nil)
		if inImage != nil {
			failed++
			tellsNothing(t, inImage)
			tellsNothing(t, inKeys)
		}
	}
	return failed
}

// unmarshaled survives the type of aws-lambda-go, which panics on binary sets that hold something else.
func unmarshaled(image []byte, attributes *map[string]events.DynamoDBAttributeValue) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panicked: %v", v)
		}
	}()
	return json.Unmarshal(image, attributes)
}

func FuzzItem(f *testing.F) {
	for _, image := range chattyImages {
		f.Add([]byte(image))
	}
	f.Fuzz(func(t *testing.T, image []byte) { imageDecoded(t, image) })
}
