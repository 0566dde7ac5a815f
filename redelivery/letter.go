package redelivery

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Letter is a record for a dead-letter queue (SPEC V4). All of it is valid for SQS.
type Letter struct {
	// Source is where the record comes from, and ID its identifier there (troupe.Record).
	Source troupe.Source
	ID     string
	// Body is the body, data or value of the record. If that is empty or cannot be read it is the JSON of the record,
	// and if SQS does not accept its bytes it is their base64; Reason.Body states which.
	Body string
	// Attributes are those of the message, and Reason as the attribute ReasonAttribute, unless that would make more than
	// ten attributes or 1 MiB.
	Attributes map[string]events.SQSMessageAttribute
	// TraceHeader is the message's AWSTraceHeader; empty if there is none.
	TraceHeader string
	// Group orders the letters of a FIFO queue: the MessageGroupId of a message, or what groups the records of a stream
	// or topic; the record's identifier if there is neither.
	Group string
	// Fair is true if the message had its Group in a standard queue, for fairness.
	Fair bool
	// Deduplication identifies the letter among those of a FIFO queue: the same record has the same one.
	Deduplication string
}

// ReasonAttribute is the name of the message attribute that has the Reason of a letter, as JSON of at most 1 KB.
const ReasonAttribute = "DeadLetterReason"

// Reason describes why a record was dead-lettered.
type Reason struct {
	Source troupe.Source `json:"source"`
	ID     string        `json:"id"`
	// Reasons are the words of batch.Words: "undecodable", "panic", or "error" for the handler's own.
	Reasons []string `json:"reasons"`
	// Error is the text of the record's error, truncated.
	Error string `json:"error"`
	// Permanent is true if the error was marked by troupe.Permanent, or that the record cannot be
	// decoded.
	Permanent bool `json:"permanent,omitempty"`
	// Receives is the receive count of a message; 0 if it is not known.
	Receives int `json:"receives,omitempty"`
	// Body is "record" if the body is the JSON of the record, or "base64"; empty if it is as received.
	Body string `json:"body,omitempty"`
}

const (
	maxReason     = 1 << 10
	maxAttributes = 10
	maxLetter     = 1 << 20
	maxIdentifier = 128
)

// errNoBody is why a record cannot be sent.
var errNoBody = errors.New("troupe: redelivery: nothing of the record can be read")

// letterOf returns the letter for a record; record is nil if it cannot be decoded.
func letterOf(turn batch.Turn, record any, failure error) (Letter, error) {
	rec := turn.Record()
	l := Letter{Source: rec.Source, ID: rec.ID}
	reason := Reason{
		Source: rec.Source, ID: rec.ID, Reasons: batch.Words(failure), Error: acceptable(batch.Text(failure)), Permanent: batch.IsPermanent(failure),
	}
	raw, whole := turn.Raw()
	switch l.Body = string(raw); {
	case len(raw) == 0:
		return l, errNoBody
	case acceptable(l.Body) != l.Body:
		l.Body, reason.Body = base64.StdEncoding.EncodeToString(raw), "base64"
	case whole:
		reason.Body = "record"
	}
	group := rec.Group
	if msg, ok := record.(events.SQSMessage); ok {
		l.Attributes, l.TraceHeader = maps.Clone(msg.MessageAttributes), msg.Attributes["AWSTraceHeader"]
		group = msg.Attributes["MessageGroupId"]
		l.Fair = group != "" && !isFIFO(msg.EventSourceARN)
		reason.Receives = receivesOf(msg)
	}
	if group == "" {
		group = rec.ID
	}
	l.Group = identifier(group)
	l.Deduplication = identifier(rec.ID)
	if rec.Source != batch.SQS { // two streams may have the same position
		sum := sha256.Sum256([]byte(rec.Group + "\n" + l.Body))
		l.Deduplication = identifier(string(rec.Source) + ":" + rec.ID + ":" + hex.EncodeToString(sum[:16]))
	}
	l.give(reason)
	return l, nil
}

// give adds the reason to the attributes, if there is room.
func (l *Letter) give(reason Reason) {
	text := marshal(reason)
	_, replaced := l.Attributes[ReasonAttribute]
	if text == "" || !replaced && len(l.Attributes) >= maxAttributes {
		return
	}
	attributes := maps.Clone(l.Attributes)
	if attributes == nil {
		attributes = make(map[string]events.SQSMessageAttribute, 1)
	}
	attributes[ReasonAttribute] = events.SQSMessageAttribute{DataType: "String", StringValue: &text}
	size := len(l.Body)
	for name, a := range attributes {
		size += len(name) + len(a.DataType) + len(a.BinaryValue)
		if a.StringValue != nil {
			size += len(*a.StringValue)
		}
	}
	if size <= maxLetter {
		l.Attributes = attributes
	}
}

// marshal returns the reason as JSON of at most 1 KB, with as much of the error as there is room for; "" if there is not
// even room for the rest.
func marshal(reason Reason) string {
	for {
		text, err := json.Marshal(reason)
		if err == nil && len(text) <= maxReason {
			return string(text)
		}
		if err != nil || reason.Error == "" {
			return ""
		}
		reason.Error = strings.ToValidUTF8(reason.Error[:len(reason.Error)/2], "")
	}
}

// acceptable replaces what SQS does not accept in a text by U+FFFD.
func acceptable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, refused) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if refused(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// refused reports whether SQS refuses a character (AWS: API reference, SendMessage).
func refused(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// identifier returns what SQS accepts as a group or deduplication identifier: the text, or its SHA-256.
func identifier(text string) string {
	if text != "" && len(text) <= maxIdentifier && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
