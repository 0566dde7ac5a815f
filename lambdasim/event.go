package lambdasim

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

const (
	region  = "us-east-1"
	account = "123456789012"
)

// appendRecord appends a message in the format of an event.
func (q *Queue) appendRecord(b []byte, m *message) []byte {
	b = append(b, `{"messageId":`...)
	b = appendString(b, m.id)
	b = append(b, `,"receiptHandle":"`...)
	b = append(b, q.receiptHandle(m)...)
	b = append(b, `","body":`...)
	b = appendString(b, m.Body)
	b = append(b, `,"attributes":{"ApproximateReceiveCount":"`...)
	b = strconv.AppendInt(b, int64(m.receives), 10)
	b = append(b, `","SentTimestamp":"`...)
	b = strconv.AppendInt(b, m.sentAt.UnixMilli(), 10)
	if q.fifo() {
		b = append(b, `","SequenceNumber":"`...)
		b = append(b, m.sequence...)
	}
	b = append(b, '"')
	if m.Group != "" {
		b = append(b, `,"MessageGroupId":`...)
		b = appendString(b, m.Group)
	}
	b = append(b, `,"SenderId":"AIDASIMULATEDSENDER01"`...)
	if q.fifo() {
		b = append(b, `,"MessageDeduplicationId":`...)
		b = appendString(b, m.Deduplication)
	}
	if m.TraceHeader != "" {
		b = append(b, `,"AWSTraceHeader":`...)
		b = appendString(b, m.TraceHeader)
	}
	b = append(b, `,"ApproximateFirstReceiveTimestamp":"`...)
	b = strconv.AppendInt(b, m.firstAt.UnixMilli(), 10)
	b = append(b, `"},"messageAttributes":`...)
	if len(m.Attributes) == 0 {
		b = append(b, "{}"...)
	} else {
		attributes, _ := json.Marshal(m.Attributes) // strings and bytes never fail
		b = append(b, attributes...)
	}
	b = append(b, `,"md5OfBody":"`...)
	sum := md5.Sum([]byte(m.Body))
	b = hex.AppendEncode(b, sum[:])
	b = append(b, `","eventSource":"aws:sqs","eventSourceARN":`...)
	b = appendString(b, q.arn())
	return append(b, `,"awsRegion":"`+region+`"}`...)
}

// event returns a message in the format of an event.
func (q *Queue) event(m *message) (e events.SQSMessage) {
	_ = json.Unmarshal(q.appendRecord(nil, m), &e) // appendRecord writes valid JSON
	return e
}

// receiptHandle identifies the last receive of a message.
func (q *Queue) receiptHandle(m *message) string {
	return receiptPrefix + m.name + "+" + strconv.Itoa(m.receives)
}

const receiptPrefix = "AQEB"

// splitReceipt parses a receipt handle into the name of the message and the number of the receive.
func (q *Queue) splitReceipt(handle string) (name string, number int, ok bool) {
	rest, ok := strings.CutPrefix(handle, receiptPrefix)
	if !ok {
		return "", 0, false
	}
	name, last, ok := strings.Cut(rest, "+")
	number, err := strconv.Atoi(last)
	return name, number, ok && err == nil && name != ""
}

// appendString appends text as a JSON string. Invalid UTF-8 becomes the replacement character.
func appendString(b []byte, text string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, text[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			default:
				b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
			}
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, text[from:i]...)
			b = append(b, "\ufffd"...)
			from = i + 1
		}
		i += size
	}
	b = append(b, text[from:]...)
	return append(b, '"')
}
