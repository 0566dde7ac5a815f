package kpl

import (
	"crypto/md5"
	"encoding/base64"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

var _ sources.Reader[events.KinesisEvent, UserRecord] = reader{}

// SPEC O3, D6: the group of a user record is its own partition key. There is no saying which keys are in an aggregate
// that cannot be unpacked, nor whether a record that cannot be decoded is one.
func TestTheGroupOfWhatCannotBeUnpackedIsNotKnown(t *testing.T) {
	const message = "\x1a\x05\x08\x00\x1a\x01a" // one user record with the first key of an empty table
	sum := md5.Sum([]byte(message))
	data := base64.StdEncoding.EncodeToString([]byte(magic + message + string(sum[:])))
	b, err := reader{sources.Kinesis()}.Decode([]byte(`{"Records":[
		{"kinesis":{"partitionKey":"p","sequenceNumber":"1","data":"YQ=="}},
		{"kinesis":{"partitionKey":"q","sequenceNumber":"2","data":"` + data + `"}},
		{"kinesis":{"partitionKey":"r","sequenceNumber":"3","data":"!"}},
		{"kinesis":{"partitionKey":"s","sequenceNumber":"4","data":"Yg=="}}]}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2", "3", "4"}, b.IDs)
	for i, want := range []string{"p", "", "", "s"} {
		group, ok := b.Group(i)
		assert.Equal(t, want, group)
		assert.Equal(t, want != "", ok)
		_, err := b.Open(i)
		assert.Equal(t, want != "", err == nil)
		_, errPayload := b.Payload(i)
		assert.Equal(t, err, errPayload)
		assert.Contains(t, string(b.Text(i)), `"sequenceNumber":"`+b.IDs[i]+`"`)
		if want == "" {
			assert.ErrorIs(t, err, batch.ErrUndecodable)
		}
	}
	assert.Equal(t, []batch.Policy{batch.Derive, batch.Derive}, []batch.Policy{b.Ordered, b.Unordered})
	assert.False(t, b.NoLowest)
}
