package envelope

import (
	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/jsonfault"
	"github.com/troupe-go/troupe/typed"
)

// EventBridge returns a handler for messages that an EventBridge rule sent to the queue unchanged, without an
// input transformer. next receives the event; typed.Detail returns a handler that decodes its detail.
//
// A body without an id, a detail-type, a source or a detail cannot be decoded. (AWS: Amazon EventBridge User
// Guide, "AWS service event metadata", has the fields that all events have.)
func EventBridge(next troupe.Handler[events.EventBridgeEvent], options ...typed.Option) troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	need("EventBridge", next == nil)
	return typed.SQS(next, append(options[:len(options):len(options)], typed.WithDecoder(eventBridge))...)
}

func eventBridge(payload []byte) (event events.EventBridgeEvent, err error) {
	switch fault := jsonfault.Unmarshal(payload, &event, false); {
	case fault != nil:
		return event, fault
	case event.ID == "":
		return event, missing("id", "an EventBridge event's id")
	case event.DetailType == "":
		return event, missing("detail-type", "an EventBridge event's detail-type")
	case event.Source == "":
		return event, missing("source", "an EventBridge event's source")
	case event.Detail == nil:
		return event, missing("detail", "an EventBridge event's detail")
	}
	return event, nil
}
