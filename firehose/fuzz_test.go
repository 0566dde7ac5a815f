package firehose

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Whatever comes, nothing panics; an event that is taken is answered as Firehose expects it, with each record once; and
// what aws-lambda-go can read is read the same.
func FuzzDecode(f *testing.F) {
	for _, path := range []string{sample, mskSample} {
		f.Add(read(f, path))
	}
	for _, records := range []string{
		``, `{"recordId":"a","data":"eA=="}`, `{"recordId":"a","data":"eA=="},{"recordId":"b","kafkaRecordValue":"eA=="}`,
		`{"recordId":"a","data":"fail"},{"recordId":"b","data":"!"},{"recordId":"c","data":7}`,
		`{"recordId":"\ud800","data":"e\u0041=="}`, `{"recordid":"<&>","DATA":null,"Data":""}`,
		`{"recordId":"a","data":"","kafkaRecordValue":""}`, `{"recordId":"a","data":null,"kafkaRecordValue":"eA=="}`,
		`{"recordId":"a","approximateArrivalTimestamp":"x","kinesisRecordMetadata":{"subsequenceNumber":""},"mskRecordMetadata":[]}`,
		`{"recordId":"a","kinesisRecordMetadata":{"shardId":"s"},"KinesisRecordMetadata":{"partitionKey":"p"}}`,
		`{"recordId":"a"},{"recordId":"a"}`, `{"recordId":7}`, `{}`, `7`,
	} {
		f.Add([]byte(`{"records":[` + records + `]}`))
	}
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"records":[],"records":[]}`))
	succeeds := func(data []byte) bool {
		sum := fnv.New32a()
		_, _ = sum.Write(data)
		return sum.Sum32()%3 != 0
	}
	p := New(troupe.Returning(func(_ context.Context, r Record) (Output, error) {
		if !succeeds(r.Data) {
			return Output{}, errors.New("by its hash")
		}
		return Output{Data: append([]byte("done "), r.Data...), PartitionKeys: map[string]string{"key": string(r.Data)}}, nil
	}), quiet)
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := Source{}.Decode(payload)
		response, invoked := p.Invoke(t.Context(), payload)
		require.Equal(t, err == nil, invoked == nil)
		if err != nil {
			require.ErrorIs(t, err, batch.ErrEvent)
			return
		}
		var raw struct {
			Records []json.RawMessage `json:"records"`
		}
		require.NoError(t, json.Unmarshal(payload, &raw))
		require.Len(t, b.IDs, len(raw.Records))
		var answer struct {
			Records []struct {
				ID     string  `json:"recordId"`
				Result string  `json:"result"`
				Data   *string `json:"data"`
				Value  *string `json:"kafkaRecordValue"`
			} `json:"records"`
		}
		require.NoError(t, json.Unmarshal(response, &answer))
		require.Len(t, answer.Records, len(b.IDs))
		for i, text := range raw.Records {
			require.Equal(t, b.IDs[i], answer.Records[i].ID)
			require.NotEqual(t, answer.Records[i].Data == nil, answer.Records[i].Value == nil, "one of the two")
			r, err := b.Open(i)
			data, bad := b.Payload(i)
			require.Equal(t, err == nil, bad == nil)
			var their events.KinesisFirehoseEventRecord
			readable := json.Unmarshal(text, &their) == nil
			if err != nil {
				require.ErrorIs(t, err, batch.ErrUndecodable)
				require.Equal(t, ProcessingFailed, answer.Records[i].Result)
				require.True(t, !readable || strings.Contains(strings.ToLower(string(text)), "kafka") || strings.Contains(string(text), `\`), "%v", err)
				continue
			}
			require.Equal(t, b.IDs[i], r.ID)
			require.Equal(t, string(r.Data), string(data))
			if readable {
				var ours wire
				if json.Unmarshal(text, &ours) == nil { // its description, too
					agree(t, their, r)
				}
			}
			want := ProcessingFailed
			if succeeds(r.Data) {
				want = Ok
			}
			require.Equal(t, want, answer.Records[i].Result)
			require.Equal(t, r.FromMSK, answer.Records[i].Value != nil)
		}
		if !strings.Contains(strings.ToLower(string(payload)), "kafka") { // the checker goes by exact names
			var event struct {
				Records []struct {
					ID   string `json:"recordId"`
					Data any    `json:"data"`
				} `json:"records"`
			}
			require.NoError(t, json.Unmarshal(payload, &event))
			text, err := json.Marshal(event)
			require.NoError(t, err)
			_, err = delivered(text, response)
			require.NoError(t, err)
		}
	})
}
