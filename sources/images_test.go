package sources

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Images are found without decoding them. If Open returned an error, or the JSON is unusual, they are not.
func TestTheImagesOfARecordAreFound(t *testing.T) {
	found := func(record string) (Images, bool) {
		b, err := DynamoDB().Decode([]byte(`{"Records":[` + record + `]}`))
		require.NoError(t, err)
		return b.Images(0)
	}
	images, ok := found(`{"eventName":"MO\u0044IFY","dynamodb":{"SequenceNumber":"1","Keys": {"k" : {"S":"a"}} ,"NewImage":{},"OldImage":null}}`)
	assert.True(t, ok)
	assert.Equal(t, Images{Operation: "MODIFY", Keys: `{"k" : {"S":"a"}}`, New: "{}"}, images)
	images, ok = found(`{"dynamodb":{"SequenceNumber":"1"}}`)
	assert.True(t, ok)
	assert.Zero(t, images)

	for attribute, want := range map[string]bool{
		`{"S":"caf\u00e9"}`: true, `{"S":7}`: false, `{"S":null}`: false, `{"s":"a"}`: false, `{"\u0053":"a"}`: false, `{}`: false, `{"S":"a","S":"a"}`: false, `{"S":"a","N":"1"}`: false,
		`"a"`: false, `null`: false, `[]`: false, `{"N":"a"}`: true, `{"N":1}`: false,
		`{"B":"YQ=="}`: true, `{"B":""}`: true, `{"B":"+/Az"}`: true, `{"B":"YQ"}`: false, `{"B":"YQ==YQ=="}`: false, `{"B":"A==="}`: false, `{"B":"===="}`: false, `{"B":"YW_-"}`: false, `{"B":"Y\u0051=="}`: false, `{"B":1}`: false,
		`{"BOOL":true}`: true, `{"BOOL":false}`: true, `{"BOOL":null}`: false, `{"BOOL":"true"}`: false, `{"NULL":true}`: true, `{"NULL":false}`: false, `{"NULL":1e999}`: false,
		`{"L":[]}`: true, `{"L":[{"S":"a"},{"NULL":true}]}`: true, `{"L":[{"S":"a"},null]}`: false, `{"L":["a"]}`: false, `{"L":{}}`: false, `{"M":{}}`: true, `{"M":{"a":{"L":[]}}}`: true, `{"M":{"a":1}}`: false, `{"M":[]}`: false,
		`{"SS":["a","a"]}`: true, `{"SS":[]}`: true, `{"SS":[1]}`: false, `{"SS":"a"}`: false, `{"NS":["1"]}`: true, `{"NS":[1]}`: false, `{"BS":["YQ=="]}`: true, `{"BS":["!"]}`: false, `{"BS":[1]}`: false, `{"Q":1}`: false,
	} {
		for _, name := range []string{"Keys", "NewImage", "OldImage"} {
			_, ok := found(`{"dynamodb":{"SequenceNumber":"1","` + name + `":{"x":{"S":"a"},"a":` + attribute + `}}}`)
			assert.Equal(t, want, ok, "%s: %s", name, attribute)
		}
	}
	for _, record := range []string{
		`{"dynamodb":{"SequenceNumber":"1","NewImage":[]}}`, `{"dynamodb":{"SequenceNumber":"1","NewImage":"{}"}}`, `{"dynamodb":{"SequenceNumber":"1","newImage":{}}}`, `{"dynamodb":{"SequenceNumber":"1","NewImage":{},"NewImage":{}}}`,
		`{"eventName":7,"dynamodb":{"SequenceNumber":"1"}}`, `{"awsRegion":7,"dynamodb":{"SequenceNumber":"1"}}`, `{"userIdentity":{"type":7},"dynamodb":{"SequenceNumber":"1"}}`,
		`{"dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":"now"}}`, `{"dynamodb":{"SequenceNumber":"1","SizeBytes":"5"}}`,
	} {
		_, ok := found(record)
		assert.False(t, ok, record)
	}
}
