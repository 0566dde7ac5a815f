package sources

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
)

// What is left of an event without its records is what encoding/json would leave, member by member.
func TestTheRestOfAnEvent(t *testing.T) {
	for payload, want := range map[string]string{
		`{}`:                                     `{}`,
		` { "Records" : [ {} , 1 ] } `:           `{}`,
		`{"a":1,"Records":[],"b":{"c":"]}"}}`:    `{"a":1,"b":{"c":"]}"}}`,
		`{"records":1,"RECORDS":2,"x":"\u00e4"}`: `{"x":"\u00e4"}`,
		`{"\u0052ecords":[],"a":[1,2]}`:          `{"a":[1,2]}`,
		`{"a":1,"a":2}`:                          `{"a":1,"a":2}`,
	} {
		rest, err := Rest([]byte(payload))
		require.NoError(t, err, payload)
		assert.Equal(t, want, string(rest))
		assert.True(t, json.Valid(rest))
	}
	for payload, says := range map[string]string{
		``:              "empty",
		`{`:             "cut short",
		`{"a":}`:        "not JSON at byte 5",
		`{"a":1} x`:     "not JSON at byte 8",
		`{"a" 1}`:       "not JSON at byte 5",
		`{"Records":[}`: "not JSON at byte 12",
		`[]`:            "the event is an array, as a pipe of EventBridge sends, where an object was expected",
		`null`:          "the event is null where an object was expected",
	} {
		_, err := Rest([]byte(payload))
		require.ErrorIs(t, err, batch.ErrEvent, payload)
		require.ErrorContains(t, err, says, payload)
	}
}
