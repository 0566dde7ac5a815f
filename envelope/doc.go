// Package envelope makes handlers of SQS messages from handlers of what is in them: notifications of SNS,
// events of EventBridge, events of S3. Envelopes go into each other and around the handlers of package typed:
//
//	troupe.SQS(envelope.SNS(typed.SQS(handle)))               // JSON, by way of SNS
//	troupe.SQS(envelope.EventBridge(typed.Detail(handle)))    // an event's detail
//	troupe.SQS(envelope.SNS(envelope.S3(handle)))             // S3 events, by way of SNS
//
// The handler's context leads to what was around a payload: troupe.MessageFrom returns the SQS message, and
// NotificationFrom the notification of SNS.
//
// A message that does not hold what its envelope says fails alone, with an error of package typed that names it
// and what was missing, and nothing of the payload (SPEC S9); with typed.WithDropUndecodable it is dropped. That is
// the one option of package typed that these functions take; they panic, as they do for a nil handler, if they
// are given another.
//
// The handlers returned are as safe for concurrent use as the one they are given.
package envelope
