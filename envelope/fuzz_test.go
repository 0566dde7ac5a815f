package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/typed"
)

const secret = "s3cr3t-s3cr3t-15"

// vocabulary is what errors may be made of: one that matches holds nothing of a message.
var vocabulary = regexp.MustCompile(`^(troupe: S3 record \d+ of \d+ in the message: )?troupe: record cannot be decoded: [\w.*\[\]-]+: ` +
	`(not JSON|JSON is cut short|empty where JSON was expected|missing or empty where [\w' -]+ was expected|not what SNS writes there|another source where aws:s3 was expected` +
	`|\w+Confirmation where an SNS Notification was expected|more after the JSON value|(array|boolean|null|number|object|string)( out of range| of another form| that is not base64| that its UnmarshalJSON refuses)? where [\w.\[\]]+ was expected)` +
	`( \(at byte \d+ of the payload\))?$`)

// handledSafely gives a body to each envelope, and looks at the errors.
func handledSafely(t *testing.T, body string) {
	handled := 0
	var s3 messageHandler = envelope.S3(func(_ context.Context, r events.S3EventRecord) error {
		handled++
		assert.NotEmpty(t, r.S3.Object.URLDecodedKey)
		return nil
	})
	for name, handler := range map[string]messageHandler{
		"SNS": whole(envelope.SNS(func(ctx context.Context, msg events.SQSMessage) error {
			handled++
			if _, unwrapped := envelope.NotificationFrom(ctx); !unwrapped {
				assert.Equal(t, body, msg.Body)
			}
			return nil
		})),
		"SNS lazily": envelope.SNS(func(ctx context.Context, msg troupe.Lazy[events.SQSMessage]) error {
			handled++
			payload, err := msg.Payload()
			assert.NoError(t, err)
			whole, err := msg.Open()
			assert.NoError(t, err)
			assert.Equal(t, whole.Body, string(payload))
			if _, unwrapped := envelope.NotificationFrom(ctx); !unwrapped {
				assert.Equal(t, body, whole.Body)
			}
			return nil
		}),
		"EventBridge": envelope.EventBridge(func(context.Context, events.EventBridgeEvent) error {
			handled++
			return nil
		}),
		"S3":     s3,
		"SNS/S3": envelope.SNS(s3),
	} {
		handled = 0
		err := handler(t.Context(), lazy(events.SQSMessage{Body: body}))
		if err == nil {
			continue
		}
		if strings.HasPrefix(name, "SNS") && name != "SNS/S3" || name == "EventBridge" {
			assert.Zero(t, handled, "%s was handled, and failed", name)
		}
		_, named := errors.AsType[*typed.Error](err)
		assert.True(t, named)
		for line := range strings.SplitSeq(err.Error(), "\n") { // of errors that were joined
			assert.Regexp(t, vocabulary, line)
		}
		assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), "s3cr3t")
	}
}

var bodies = []string{
	"", "null", "{}", "[]", secret, notice, event, testEvent, s3(), s3(object(secret), "null"), s3(object("%" + secret)), s3(object("x"), `"`+secret+`"`), notified(s3(object("a+b"))), notified(secret),
	`{"Type":"Notification","MessageId":"1","TopicArn":"` + secret + `"}`, `{"Type":"SubscriptionConfirmation","MessageId":"1","TopicArn":"` + secret + `"}`,
	strings.Replace(notice, "2012", secret, 1), strings.Replace(notice, "YWI=", secret+"!", 1), strings.Replace(notice, `"1.5"`, `["`+secret+`"]`, 1),
	strings.Replace(event, "2017", secret, 1), strings.Replace(event, `"source":"shop.orders"`, `"source":["`+secret+`"]`, 1), strings.Replace(event, `"id"`, `"`+secret+`"`, 1),
	`{"Records":{"` + secret + `":1}}`, `{"Records":[{"` + secret + `":1}]}`, s3(strings.Replace(object("x"), "1970", secret, 1)), s3(strings.Replace(object("x"), "1024", `"`+secret+`"`, 1)), s3(strings.Replace(object("x"), "aws:s3", secret, 1)),
	s3(strings.Replace(object("x"), `"x-amz-request-id":"r"`, `"`+secret+`":["`+secret+`"]`, 1)),
}

// SPEC S9: nothing of a message is in an error, whatever is wrong with it.
func TestNothingOfAMessageIsInAnError(t *testing.T) {
	for _, body := range bodies {
		handledSafely(t, body)
	}
}

func FuzzEnvelopes(f *testing.F) {
	for _, body := range bodies {
		f.Add(body)
	}
	f.Fuzz(handledSafely)
}
