package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

const (
	piped15 = `{"topic":"orders","partition":0,"offset":15,"timestamp":1764000000000,"timestampType":"CREATE_TIME","key":"aw==","value":"MTU=","headers":[],"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:eu-west-1:111122223333:cluster/c","bootstrapServers":"b:9092","eventSourceKey":"orders-0"}`
	piped16 = `{"topic":"orders","partition":0,"offset":16,"value":"MTY=","eventSource":"aws:kafka","eventSourceKey":"orders-0"}`
	pipedB  = `{"topic":"orders","partition":1,"offset":3,"value":null,"eventSource":"SelfManagedKafka","eventSourceKey":"orders-1"}`
)

// SPEC S10: the array of a pipe is a batch like another, in the same order and groups, for a processor that returns
// an error after any failure, and refused for any other.
func TestS10ThePipeOfATopicNeedsErrorWhenAny(t *testing.T) {
	payload := []byte("[" + strings.Join([]string{pipedB, piped16, piped15}, ",") + "]")
	var got []Record
	handle := func(ctx context.Context, r Record) error {
		got = append(got, r)
		if deadline, ok := troupe.DeadlineFrom(ctx); !ok || time.Until(deadline) > 5*time.Minute {
			t.Error("a pipe waits for five minutes")
		}
		return nil
	}
	one := troupe.WithConcurrency(1)
	for _, when := range []troupe.ErrorWhen{troupe.ErrorWhenAll, troupe.ErrorWhenNever} {
		_, err := New(handle, one, troupe.WithErrorWhen(when)).Invoke(t.Context(), payload)
		require.ErrorIs(t, err, troupe.ErrEvent)
		require.ErrorContains(t, err, "for Kafka a pipe knows no partial batch response; WithErrorWhen(ErrorWhenAny) is needed here")
		require.Empty(t, got)
	}
	response, err := New(handle, one, troupe.WithErrorWhen(troupe.ErrorWhenAny)).Invoke(t.Context(), payload)
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[]}`, string(response))
	require.Len(t, got, 3)
	assert.Equal(t, []string{"orders-0@15", "orders-0@16", "orders-1@3"}, []string{got[0].ID(), got[1].ID(), got[2].ID()})
	assert.Equal(t, []byte("15"), got[0].Value)
	assert.Nil(t, got[2].Value)

	failing := New(func(context.Context, Record) error { return errors.New("no") }, troupe.WithErrorWhen(troupe.ErrorWhenAny))
	_, err = failing.Invoke(t.Context(), payload)
	var failed *troupe.BatchError
	require.ErrorAs(t, err, &failed)
}

func TestS10AnArrayThatIsNoPipeIsRefused(t *testing.T) {
	for payload, message := range map[string]string{
		`[` + piped15 + `,null]`:                      `record 1: null where an object was expected`,
		`[` + piped15 + `,7]`:                         `record 1: a number where an object was expected`,
		`[{"topic":"orders","offset":1,"value":""}]`:  `record 0: "partition" is missing` + untold,
		`[{"body":"x","messageId":"1"}]`:              `record 0: "topic" is missing or empty` + untold,
		`[{"eventSource":"aws:sqs","messageId":"1"}]`: `record 0: "eventSource" is aws:sqs where aws:kafka or SelfManagedKafka was expected`,
		`[` + piped15:                                 `the JSON is cut short after `,
		`[` + piped15 + `]]`:                          `not JSON at byte `,
	} {
		_, err := (Source{}).Decode([]byte(payload))
		require.ErrorIs(t, err, troupe.ErrEvent, payload)
		assert.ErrorContains(t, err, message, payload)
	}
	b, err := (Source{}).Decode([]byte(` [ ] `))
	require.NoError(t, err)
	assert.Empty(t, b.IDs)

	var event Event
	assert.Error(t, event.UnmarshalJSON([]byte(`[]`)), "an Event is an object")
}
