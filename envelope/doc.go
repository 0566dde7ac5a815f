// Package envelope unwraps SQS messages: it turns handlers of SNS notifications, EventBridge events and S3 events
// into handlers of SQS messages. Envelopes nest, and go around the handlers of package typed:
//
//	troupe.SQS(envelope.SNS(typed.SQS(handle)))               // JSON, by way of SNS
//	troupe.SQS(envelope.EventBridge(typed.Detail(handle)))    // an event's detail
//	troupe.SQS(envelope.SNS(envelope.S3(handle)))             // S3 events, by way of SNS
//
// Offloaded fetches the bodies that a sender has put into S3 because they are too large for SQS.
//
// With the handler's context, troupe.MessageFrom returns the SQS message, and NotificationFrom the notification
// of SNS.
//
// A message that does not contain the expected envelope fails alone. Its error is a *typed.Error that names the
// message and the missing part, and contains no part of the payload (SPEC S9). With typed.WithDropUndecodable the
// message is dropped. The functions accept no other option of package typed: they panic for one, and for a nil
// handler.
//
// The returned handlers are as safe for concurrent use as the given ones.
package envelope
