package envelope

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// Notification is the envelope that SNS puts around a message.
type Notification struct {
	events.SNSEntity
	// SequenceNumber is set for FIFO topics only.
	SequenceNumber string
}

type notificationKey struct{}

// NotificationFrom returns the SNS notification of the handler's message. It accepts the handler's context and
// those derived from it; ok is false for any other context, and for a message with raw delivery.
func NotificationFrom(ctx context.Context) (n Notification, ok bool) {
	p, ok := ctx.Value(notificationKey{}).(*Notification)
	if !ok {
		return Notification{}, false
	}
	return *p, true
}

// SNS returns a handler for messages of a queue that is subscribed to a topic, standard or FIFO. next receives
// the message with the published body, and with the published attributes among its message attributes; everything
// else is unchanged, including the MD5 sums.
//
// With raw message delivery there is no envelope, and next receives the message unchanged. A body is a
// notification if it is a JSON object whose Type is "Notification" and which has a MessageId and a TopicArn, in
// exactly this case; any other body is raw. So a raw message that looks like a notification is unwrapped too. A
// subscription confirmation of SNS cannot be decoded: confirm subscriptions manually. (AWS: Amazon SNS
// Developer Guide, "Amazon SNS raw message delivery" and "Fanout Amazon SNS notifications to Amazon SQS
// queues".)
//
// The signature is not verified: the queue's policy decides who may send to the queue.
func SNS[M troupe.SQSRecord](next troupe.Handler[M], options ...typed.Option) troupe.Handler[M] {
	need("SNS", next == nil)
	options = append(options[:len(options):len(options)], typed.WithDecoder(open))
	var handler any
	switch next := any(next).(type) {
	case troupe.Handler[events.SQSMessage]:
		handler = snsMessage(next, options)
	case troupe.Handler[troupe.Lazy[events.SQSMessage]]:
		handler = snsLazy(next, options)
	}
	return handler.(troupe.Handler[M])
}

// snsMessage is SNS for handlers of whole messages.
func snsMessage(next troupe.Handler[events.SQSMessage], options []typed.Option) troupe.Handler[events.SQSMessage] {
	body := func(m events.SQSMessage) []byte { return []byte(m.Body) }
	return typed.From("body", body, func(ctx context.Context, msg typed.With[*opened, events.SQSMessage]) error {
		if msg.Value == nil {
			return next(ctx, msg.Record)
		}
		return next(msg.Value.in(ctx), msg.Value.published(msg.Record))
	}, options...)
}

// snsLazy is SNS for handlers of lazily decoded messages.
func snsLazy(next troupe.Handler[troupe.Lazy[events.SQSMessage]], options []typed.Option) troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	return typed.FromLazy("body", func(ctx context.Context, msg typed.With[*opened, troupe.Lazy[events.SQSMessage]]) error {
		n := msg.Value
		if n == nil {
			return next(ctx, msg.Record)
		}
		return next(n.in(ctx), sources.LazyOf(
			func() ([]byte, error) { return []byte(n.Message), nil },
			func() (events.SQSMessage, error) {
				whole, err := msg.Record.Open()
				if err != nil {
					return whole, err
				}
				return n.published(whole), nil
			}))
	}, options...)
}

// in returns a context that has the notification.
func (n *opened) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, notificationKey{}, &n.Notification)
}

// published is a message with the body and the attributes that were published.
func (n *opened) published(msg events.SQSMessage) events.SQSMessage {
	msg.Body = n.Message
	msg.MessageAttributes = merged(msg.MessageAttributes, n.attributes)
	return msg
}

// merged has both maps' attributes, those of SNS first. The message's own map is left alone: if the record is
// tried again it is needed as it was.
func merged(own, published map[string]events.SQSMessageAttribute) map[string]events.SQSMessageAttribute {
	if len(own) == 0 {
		return published
	}
	all := maps.Clone(own)
	maps.Copy(all, published)
	return all
}

// opened is a notification that was in a message.
type opened struct {
	Notification
	attributes map[string]events.SQSMessageAttribute
}

// open returns nil for a message without a notification.
func open(payload []byte) (*opened, error) {
	text := string(payload)
	if !strings.Contains(text, `"TopicArn"`) || !strings.Contains(text, `"MessageId"`) {
		return nil, nil // the common case of raw delivery, without parsing
	}
	// A map, because encoding/json would match a user's "type" to SNS's "Type".
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return nil, nil
	}
	kind, _ := textOf(members["Type"])
	id, _ := textOf(members["MessageId"])
	topic, _ := textOf(members["TopicArn"])
	switch {
	case id == "" || topic == "":
		return nil, nil
	case kind == "Notification":
		return notification(members)
	case kind == "SubscriptionConfirmation", kind == "UnsubscribeConfirmation":
		return nil, &batch.DecodeError{Field: "Type", Offset: -1, Problem: kind + " where an SNS Notification was expected"}
	default:
		return nil, nil
	}
}

func notification(members map[string]json.RawMessage) (*opened, error) {
	n := new(opened)
	for _, field := range []struct {
		name string
		to   *string
	}{
		{"Type", &n.Type},
		{"MessageId", &n.MessageID},
		{"TopicArn", &n.TopicArn},
		{"Message", &n.Message},
		{"Subject", &n.Subject},
		{"SequenceNumber", &n.SequenceNumber},
		{"SignatureVersion", &n.SignatureVersion},
		{"Signature", &n.Signature},
		{"SigningCertURL", &n.SigningCertURL},
		{"UnsubscribeURL", &n.UnsubscribeURL},
	} {
		text, ok := textOf(members[field.name])
		if !ok {
			return nil, strange(field.name)
		}
		*field.to = text
	}
	if raw := members["Message"]; raw == nil || string(raw) == "null" {
		return nil, missing("Message", "the message of an SNS notification")
	}
	if raw := members["Timestamp"]; raw != nil && json.Unmarshal(raw, &n.Timestamp) != nil {
		return nil, strange("Timestamp")
	}
	if raw := members["MessageAttributes"]; raw != nil {
		return n, n.publish(raw)
	}
	return n, nil
}

// publish reads the attributes of a notification: as they are, and as raw delivery would have given them to
// the message.
func (n *opened) publish(raw json.RawMessage) error {
	var written map[string]struct{ Type, Value string }
	if json.Unmarshal(raw, &written) != nil {
		return strange("MessageAttributes")
	}
	n.MessageAttributes = make(map[string]any, len(written))
	n.attributes = make(map[string]events.SQSMessageAttribute, len(written))
	for name, a := range written {
		n.MessageAttributes[name] = map[string]any{"Type": a.Type, "Value": a.Value}
		attribute := events.SQSMessageAttribute{DataType: a.Type}
		if a.Type == "Binary" {
			data, err := base64.StdEncoding.DecodeString(a.Value)
			if err != nil {
				return strange("MessageAttributes")
			}
			attribute.BinaryValue = data
		} else {
			attribute.StringValue = &a.Value
		}
		n.attributes[name] = attribute
	}
	return nil
}

func strange(field string) error {
	return &batch.DecodeError{Field: field, Offset: -1, Problem: "not what SNS writes there"}
}

// textOf returns the JSON string raw; it is empty for null and for no text. ok is false for anything
// else.
func textOf(raw json.RawMessage) (text string, ok bool) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1]), true
	}
	return text, raw == nil || json.Unmarshal(raw, &text) == nil
}
