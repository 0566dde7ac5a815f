package sources

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The fuzz targets hold Decode to the oracle: D6 where the document is an event, S5 and S6 where it is none,
// D3 always.

func FuzzSQS(f *testing.F) {
	seed(f, "aws:sqs", "sqs.json", "sqs-fifo.json")
	f.Fuzz(func(t *testing.T, payload []byte) { sqsSubject().agree(t, payload) })
}

func FuzzKinesis(f *testing.F) {
	seed(f, "aws:kinesis", "kinesis.json")
	f.Fuzz(func(t *testing.T, payload []byte) { kinesisSubject().agree(t, payload) })
}

func FuzzDynamoDB(f *testing.F) {
	seed(f, "aws:dynamodb", "dynamodb.json")
	f.Fuzz(func(t *testing.T, payload []byte) { dynamoSubject().agree(t, payload) })
}

func FuzzDecodeNeverPanics(f *testing.F) {
	for _, origin := range []string{"aws:sqs", "aws:kinesis", "aws:dynamodb"} {
		seed(f, origin, "sqs.json", "kinesis.json", "dynamodb.json")
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, _ = Detect(payload)
		survive(SQS(), payload)
		survive(Kinesis(), payload)
		survive(DynamoDB(), payload)
	})
}

// FuzzAssembled goes where changing bytes at random does not get: to events that are nearly right.
func FuzzAssembled(f *testing.F) {
	for k := range uint64(20) {
		f.Add(k)
	}
	f.Fuzz(agreeAssembled)
}

func TestDecodeAgreesWithEncodingJSONOnAssembledEvents(t *testing.T) {
	for k := range uint64(600) {
		agreeAssembled(t, k)
	}
}

func agreeAssembled(t *testing.T, n uint64) {
	a := assembler{rand.New(rand.NewPCG(n, 0))}
	sqsSubject().agree(t, a.event("aws:sqs", a.sqsMessage))
	kinesisSubject().agree(t, a.event("aws:kinesis", a.kinesisRecord))
	dynamoSubject().agree(t, a.event("aws:dynamodb", a.dynamoRecord))
	agreePiped(t, a)
}

// FuzzPipes goes to arrays that are nearly what a pipe sends, and to what is made of them.
func FuzzPipes(f *testing.F) {
	for k := range uint64(20) {
		f.Add(k, []byte(nil))
	}
	for _, name := range []string{"sqs.json", "sqs-fifo.json", "dynamodb.json"} {
		f.Add(uint64(0), pipeOf(f, name))
	}
	f.Add(uint64(0), document(f, "kinesis-pipe.json"))
	for _, text := range []string{`[]`, `[{}]`, `[null]`, `[[]]`, ` [ {"messageId":"1"} , 7 ] `, `[{"eventID":"1","kinesis":{}}]`, `[{"eventID":"1","Kinesis":null,"data":"AA=="}]`,
		`[{"eventID":"1","eventID":null,"partitionKey":5}]`, `[{"eventId":"1"}]x`, `[{"eventID":"1"},{"eventSource":"aws:sqs"}]`, strings.Repeat("[", 20000)} {
		f.Add(uint64(0), []byte(text))
	}
	f.Fuzz(func(t *testing.T, n uint64, payload []byte) {
		agreePiped(t, assembler{rand.New(rand.NewPCG(n, 1))})
		array := append([]byte("["), payload...)
		for _, payload := range [][]byte{payload, append(array, ']')} {
			sqsSubject().agree(t, payload)
			kinesisSubject().agree(t, payload)
			dynamoSubject().agree(t, payload)
		}
	})
}

func agreePiped(t *testing.T, a assembler) {
	sqsSubject().agree(t, a.piped("aws:sqs", a.sqsMessage))
	kinesisSubject().agree(t, a.piped("aws:kinesis", a.flatKinesisRecord))
	dynamoSubject().agree(t, a.piped("aws:dynamodb", a.dynamoRecord))
}

func survive[E, T any](s *Source[E, T], payload []byte) {
	if b, err := arrange(s.Decode(payload)); err == nil {
		for i := range b.Results {
			_, _ = b.Record(i)
			if b.Payload != nil {
				_, _ = b.Payload(i)
			}
			if b.Images != nil {
				_, _ = b.Images(i)
			}
		}
	}
	var event E
	if unmarshal(payload, &event) == nil {
		_, _ = arrange(s.Read(event))
	}
}

// seed adds the documents, and events that stray from them.
func seed(f *testing.F, origin string, documents ...string) {
	for _, name := range documents {
		f.Add(document(f, name))
	}
	for _, text := range []string{
		``, `null`, `[]`, `{}`, `{"Records":[]}`, `{"records":[]}`, `{"Recordſ":[]}`, `{"Records":null}`, `{"Records":[],"records":[]}`,
		`{"Records":[null]}`, `{"Records":[{}]} x`, `{"Records":[{]}`, `{"Records":{}}`, strings.Repeat("[", 20000),
	} {
		f.Add([]byte(text))
	}
	for _, record := range []string{
		`{"messageId":"1"}`, `{"messageId":"1","MESSAGEID":"2"}`, `{"messageId":"1","messageId":null}`, `{"meſſageId":"1"}`, `{"messag\u0065Id":"1"}`,
		`{"messageId":"1","attributes":{"MessageGroupId":"g","a":null},"eventSourceARN":"q.fifo"}`,
		`{"messageId":"1","attributes":{"a":"b"},"attributes":{"MessageGroupId":5},"eventSourceARN":"q.FIFO"}`,
		`{"messageId":"1","messageAttributes":{"a":{"StringValue":"x","binaryValue":"AA==","stringListValues":["a",null],"binaryListValues":[null,"AA=="]}}}`,
		`{"kinesis":{"sequenceNumber":"1","data":"AA==","approximateArrivalTimestamp":null},"kinesis":{"partitionKey":"k"}}`,
		`{"Kinesis":{"SequenceNumber":"1"}}`, `{"kinesis":{"sequenceNumber":"1","data":"!"},"eventSource":null}`,
		`{"kinesis":{"sequenceNumber":"1","partitionKey":7},"eventSource":5}`,
		`{"dynamodb":{"SequenceNumber":"1","Keys":{"b":{"N":"1"},"a":{"S":"x"}},"SizeBytes":-0}}`,
		`{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"NULL":1}},"NewImage":{"a":{"BS":[1]}}}}`,
		`{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"S":"x","S":"y"}},"NewImage":{"l":{"L":[{"M":{"a":{"NS":["1"]}}}]}}}}`,
		`{"dynamodb":{"SequenceNumber":"1"},"userIdentity":{"type":"Service","principalId":null,"TYPE":"x"}}`,
	} {
		f.Add([]byte(`{"Records":[` + record + `,` + record + `]}`))
	}
	f.Add([]byte(`{"Records":[{"eventSource":"` + origin + `"}]}`))
}

// assembler writes events that are mostly as they should be.
type assembler struct{ *rand.Rand }

// oneIn is true once in n times.
func (a assembler) oneIn(n int) bool { return a.IntN(n) == 0 }

func (a assembler) pick(from ...string) string { return from[a.IntN(len(from))] }

func (a assembler) space() string {
	if a.oneIn(12) {
		return a.pick(" ", "\n", "\t", "\r", "  ")
	}
	return ""
}

// text is a JSON string.
func (a assembler) text() string {
	return `"` + a.pick("", "a", "plain", "a longer text without anything", `\"q\"`, `\\`, `\/`, `\b\f\n\r\t`, `caf\u00e9`, "café", `\ud83d\ude00`, `\ud83d`, `\ude00\ud83d`,
		"\xff", "a\xe2\x82 b", "日本語", `\u0000`, "\u007f", "\u2028", strings.Repeat(`x\"`, a.IntN(200))) + `"`
}

func (a assembler) base64() string {
	return `"` + a.pick("", "AA==", "AAEC", "AA", "A===", `AAEC\n`, `\u0041AEC`, "!", strings.Repeat("QUJD", a.IntN(90))) + `"`
}

func (a assembler) number() string {
	return a.pick("0", "-0", "1", "-1", "12", "1.5", "1e3", "1E-2", "1e400", "-1e19", "9223372036854775807", "9223372036854775808", "1479499740", "1545084650.987", "1099511627777", "0.1e1")
}

// junk is any value.
func (a assembler) junk() string {
	return a.pick("null", "null", "null", "true", "false", a.number(), a.text(), "{}", "[]", `{"a":[1,{"b":null}]}`, `["x",2]`)
}

// or is mostly value, and sometimes junk.
func (a assembler) or(value string) string {
	if a.oneIn(25) {
		return a.junk()
	}
	return value
}

// name is mostly key, and sometimes something that encoding/json takes for it.
func (a assembler) name(key string) string {
	switch {
	case key == "" || a.IntN(40) > 0:
	case a.oneIn(4):
		key = strings.ToUpper(key)
	case a.oneIn(3):
		key = strings.Replace(key, "s", "ſ", 1)
	case a.oneIn(2):
		key = fmt.Sprintf(`\u%04x`, key[0]) + key[1:]
	default:
		key = a.pick("unknown", "x", "ключ", "k"+key)
	}
	return `"` + key + `"`
}

// object writes members in any order, leaves some out, and repeats some.
func (a assembler) object(members ...[2]string) string {
	var parts []string
	for _, m := range members {
		if a.oneIn(15) {
			continue
		}
		parts = append(parts, a.space()+a.name(m[0])+a.space()+":"+a.space()+m[1]+a.space())
		if a.oneIn(40) {
			parts = append(parts, a.name(m[0])+":"+a.or(m[1]))
		}
	}
	if a.oneIn(5) {
		a.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	return "{" + a.space() + strings.Join(parts, ",") + "}"
}

func (a assembler) list(n int, element func() string) string {
	parts := make([]string, a.IntN(n))
	for i := range parts {
		parts[i] = a.space() + a.or(element())
	}
	return "[" + strings.Join(parts, ",") + a.space() + "]"
}

// dict is an object with keys of the user's.
func (a assembler) dict(element func() string) string {
	members := make([][2]string, a.IntN(5))
	for i := range members {
		members[i] = [2]string{a.pick("a", "b", "c", "Id", "MessageGroupId", `\"`, "é"), a.or(element())}
	}
	return a.object(members...)
}

func (a assembler) event(origin string, record func() string) []byte {
	list := a.records(record)
	text := `{` + a.space() + a.name("Records") + ":" + list + a.space() + "}" + a.space()
	if a.oneIn(40) {
		text = `{"shardId":"s",` + text[1:]
	}
	return a.sent(origin, text)
}

// piped is the bare array of a pipe.
func (a assembler) piped(origin string, record func() string) []byte {
	return a.sent(origin, a.space()+a.records(record)+a.space())
}

// sent is the text as it arrives, mostly whole.
func (a assembler) sent(origin, text string) []byte {
	if a.oneIn(200) {
		text = text[:a.IntN(len(text))]
	}
	return []byte(strings.ReplaceAll(text, "ORIGIN", origin))
}

func (a assembler) records(record func() string) string {
	parts := make([]string, a.IntN(4))
	for i := range parts {
		parts[i] = record()
		if a.oneIn(60) {
			parts[i] = a.junk()
		}
	}
	list := "[" + strings.Join(parts, ","+a.space()) + "]"
	if a.oneIn(60) {
		list = a.junk()
	}
	return list
}

func (a assembler) id() string { return a.or(fmt.Sprintf(`"%d"`, a.IntN(1000))) }

func (a assembler) origin() string {
	if a.oneIn(80) {
		return a.pick(`"aws:s3"`, `""`, `5`, `"\u0061ws:sqs"`)
	}
	return `"ORIGIN"`
}

func (a assembler) sqsMessage() string {
	attribute := func() string {
		return a.object([2]string{"stringValue", a.or(a.text())}, [2]string{"binaryValue", a.or(a.base64())},
			[2]string{"stringListValues", a.or(a.list(3, a.text))}, [2]string{"binaryListValues", a.or(a.list(3, a.base64))}, [2]string{"dataType", a.or(`"String"`)})
	}
	return a.object([2]string{"messageId", a.id()}, [2]string{"receiptHandle", a.or(a.text())}, [2]string{"body", a.or(a.text())},
		[2]string{"attributes", a.or(a.dict(a.text))}, [2]string{"messageAttributes", a.or(a.dict(attribute))},
		[2]string{"md5OfMessageAttributes", a.or(a.text())}, [2]string{"md5OfBody", a.or(a.text())}, [2]string{"eventSource", a.origin()},
		[2]string{"eventSourceARN", a.or(a.pick(`"q"`, `"q.fifo"`, `"q.FiFo"`))}, [2]string{"awsRegion", a.or(a.text())})
}

func (a assembler) kinesisRecord() string {
	kinesis := a.object([2]string{"kinesisSchemaVersion", a.or(a.text())}, [2]string{"partitionKey", a.or(a.text())}, [2]string{"sequenceNumber", a.id()},
		[2]string{"data", a.or(a.base64())}, [2]string{"approximateArrivalTimestamp", a.or(a.number())}, [2]string{"encryptionType", a.or(a.text())})
	return a.object([2]string{"kinesis", a.or(kinesis)}, [2]string{"eventSource", a.origin()}, [2]string{"eventVersion", a.or(a.text())},
		[2]string{"eventID", a.or(a.text())}, [2]string{"eventName", a.or(a.text())}, [2]string{"invokeIdentityArn", a.or(a.text())},
		[2]string{"awsRegion", a.or(a.text())}, [2]string{"eventSourceARN", a.or(a.text())})
}

func (a assembler) flatKinesisRecord() string {
	members := [][2]string{{"kinesisSchemaVersion", a.or(a.text())}, {"partitionKey", a.or(a.text())}, {"sequenceNumber", a.id()},
		{"data", a.or(a.base64())}, {"approximateArrivalTimestamp", a.or(a.number())}, {"encryptionType", a.or(a.text())}, {"eventSource", a.origin()},
		{"eventVersion", a.or(a.text())}, {"eventID", a.id()}, {"eventName", a.or(a.text())}, {"invokeIdentityArn", a.or(a.text())},
		{"awsRegion", a.or(a.text())}, {"eventSourceARN", a.or(a.text())}}
	if a.oneIn(20) {
		members = append(members, [2]string{"kinesis", a.junk()})
	}
	return a.object(members...)
}

func (a assembler) attributeValue() string { return a.nested(4) }

func (a assembler) nested(depth int) string {
	deeper := func() string { return a.nested(depth - 1) }
	kind := a.IntN(8)
	if depth > 0 {
		kind = a.IntN(10)
	}
	member := [...][2]string{
		{"S", a.text()}, {"N", a.text()}, {"B", a.base64()}, {"BOOL", a.pick("true", "false")}, {"NULL", "true"},
		{"SS", a.list(3, a.text)}, {"NS", a.list(3, a.text)}, {"BS", a.list(3, a.base64)}, {"M", ""}, {"L", ""},
	}[kind]
	switch member[0] {
	case "M":
		member[1] = a.dict(deeper)
	case "L":
		member[1] = a.list(4, deeper)
	}
	return `{"` + member[0] + `"` + a.space() + `:` + a.or(member[1]) + a.pick("", "", "", "", "", "", "", "", "", `,"S":"x"`) + `}`
}

func (a assembler) dynamoRecord() string {
	key := func() string {
		return a.pick(`{"S":"x"}`, `{"N":"1.0"}`, `{"B":"AA=="}`, `{"S":`+a.text()+`}`, a.attributeValue())
	}
	change := a.object([2]string{"ApproximateCreationDateTime", a.or(a.number())}, [2]string{"Keys", a.or(a.dict(key))},
		[2]string{"NewImage", a.or(a.dict(a.attributeValue))}, [2]string{"OldImage", a.or(a.dict(a.attributeValue))},
		[2]string{"SequenceNumber", a.id()}, [2]string{"SizeBytes", a.or("59")}, [2]string{"StreamViewType", a.or(a.text())})
	identity := a.object([2]string{"type", a.or(`"Service"`)}, [2]string{"principalId", a.or(`"dynamodb.amazonaws.com"`)})
	return a.object([2]string{"eventID", a.id()}, [2]string{"eventName", a.or(a.text())}, [2]string{"eventVersion", a.or(a.text())},
		[2]string{"eventSource", a.origin()}, [2]string{"awsRegion", a.or(a.text())}, [2]string{"dynamodb", a.or(change)},
		[2]string{"userIdentity", a.or(identity)}, [2]string{"eventSourceARN", a.or(a.text())})
}

// The assembler is of no use if its events are hardly ever any, or always.
func TestAssembledEventsAreAMixture(t *testing.T) {
	events, decodable := 0, 0
	for k := range uint64(500) {
		a := assembler{rand.New(rand.NewPCG(k, 0))}
		payload := a.event("aws:dynamodb", a.dynamoRecord)
		want := dynamoSubject().expect(payload)
		if want.err != nil {
			continue
		}
		events++
		for _, err := range want.errs {
			if err == nil {
				decodable++
			}
		}
	}
	require.Greater(t, events, 200)
	require.Less(t, events, 480)
	require.Greater(t, decodable, 50)
}
