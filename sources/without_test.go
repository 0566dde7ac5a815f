package sources

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is not a whole JSON object may be an event that was cut off: WithIgnore is not asked about it.
func TestWithoutRecordsIsAboutWholeObjects(t *testing.T) {
	for payload, want := range map[string]bool{
		`{}`: true, `{"source":"warmer"}`: true, ` {"a":{"Records":[]}} `: true,
		``: false, `[]`: false, `null`: false, `{"Records":[]}`: false, `{"rEcords":1}`: false, `{"R\u0065cords":1}`: false,
		`{a}`: false, `{"a`: false, `{"a"}`: false, `{"a":}`: false, `{"a":1`: false, `{"a":1,`: false, `{"a":1}x`: false, `{"a" 1}`: false,
	} {
		assert.Equal(t, want, WithoutRecords([]byte(payload)), payload)
	}
}

// Of a record without a payload and without a text nothing is known but that it is all there is.
func TestARecordOfWhichNothingIsKnownHasNoRaw(t *testing.T) {
	raw, whole := new(Plan[int]).Raw(0)
	assert.Nil(t, raw)
	assert.True(t, whole)

	_, err := Lazy[int]{}.Payload()
	assert.ErrorContains(t, err, "no separate payload")
}

// A Lazy of two functions calls them.
func TestALazyOfFunctionsCallsThem(t *testing.T) {
	l := LazyOf(func() ([]byte, error) { return []byte("p"), nil }, func() (int, error) { return 7, nil })
	payload, err := l.Payload()
	assert.NoError(t, err)
	assert.Equal(t, "p", string(payload))
	record, err := l.Open()
	assert.NoError(t, err)
	assert.Equal(t, 7, record)
	_, ok := l.Images()
	assert.False(t, ok)
}
