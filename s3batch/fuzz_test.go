package s3batch

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Whatever comes, nothing panics; an event that is taken has one task at most and is answered as S3 expects it; and
// what aws-lambda-go can read is read the same.
func FuzzDecode(f *testing.F) {
	f.Add(sampleOf(f, sample1))
	f.Add(sampleOf(f, sample2))
	for _, tasks := range []string{
		`[]`, `null`, `{}`, `[7]`, `[{}]`, `[{"taskId":"a"},{"taskId":"b"}]`, `[{"taskId":"a","TaskID":"b"}]`, `[{"taskId":"a","taskId":null}]`,
		`[{"taskId":"\ud800","s3Key":"%"}]`, `[{"taskId":"<&>","s3Key":"a%2Bb+c"}]`, `[{"taskId":"a","s3Key":7}]`, `[],"tasks":[]`,
	} {
		f.Add([]byte(`{"invocationSchemaVersion":"1.0","invocationId":"i","job":{"id":"j"},"tasks":` + tasks + `}`))
	}
	f.Add([]byte(`{"invocationSchemaVersion":"2.0","invocationId":"i","job":7,"tasks":[{"taskId":"a","s3Key":""}]}`))
	p := New(troupe.Returning(func(_ context.Context, task Task) (string, error) {
		if len(task.Key)%2 == 1 {
			return "", troupe.Permanent(errors.New("odd"))
		}
		return task.Key, nil
	}), quiet)
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := Source{}.Decode(payload)
		response, invoked := p.Invoke(t.Context(), payload)
		require.Equal(t, err == nil, invoked == nil)
		if err != nil {
			require.ErrorIs(t, err, batch.ErrEvent)
			return
		}
		require.LessOrEqual(t, len(b.IDs), 1)
		var answer Response
		require.NoError(t, json.Unmarshal(response, &answer))
		require.Len(t, answer.Results, len(b.IDs))
		require.NotNil(t, answer.Results)
		if len(b.IDs) == 0 {
			return
		}
		require.Equal(t, b.IDs[0], answer.Results[0].TaskID)
		task, err := b.Open(0)
		key, bad := b.Payload(0)
		require.Equal(t, err == nil, bad == nil)
		if err != nil {
			require.ErrorIs(t, err, batch.ErrUndecodable)
			require.Equal(t, TemporaryFailure, answer.Results[0].ResultCode)
			return
		}
		require.Equal(t, b.IDs[0], task.ID)
		require.Equal(t, task.Key, string(key))
		want := Succeeded
		if len(task.Key)%2 == 1 {
			want = PermanentFailure
		}
		require.Equal(t, want, answer.Results[0].ResultCode)
		var (
			ours Event
			one  events.S3BatchJobEvent
			two  events.S3BatchJobEventV2
		)
		require.NoError(t, json.Unmarshal(payload, &ours))
		require.NoError(t, json.Unmarshal(payload, &one))
		require.NoError(t, json.Unmarshal(payload, &two))
		agree1(t, one, ours)
		agree2(t, two, ours)
		require.Equal(t, []string{one.Tasks[0].TaskID, one.Tasks[0].S3Key, one.Tasks[0].S3VersionID}, []string{task.ID, task.RawKey, task.VersionID})
		require.Equal(t, two.Job.UserArguments, task.Job.UserArguments)
		require.Equal(t, one.InvocationID, answer.InvocationID)
		text, err := json.Marshal(Event{InvocationSchemaVersion: one.InvocationSchemaVersion, InvocationID: one.InvocationID, Tasks: ours.Tasks})
		require.NoError(t, err)
		_, _, err = reported(text, response)
		require.NoError(t, err)
	})
}
