package s3batch

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
)

// The result codes of a task.
const (
	Succeeded        = "Succeeded"
	TemporaryFailure = "TemporaryFailure"
	PermanentFailure = "PermanentFailure"
)

// Response is the response to S3.
type Response struct {
	InvocationSchemaVersion string   `json:"invocationSchemaVersion"`
	TreatMissingKeysAs      string   `json:"treatMissingKeysAs"`
	InvocationID            string   `json:"invocationId"`
	Results                 []Result `json:"results"`
}

// Result is the result of a task.
type Result struct {
	TaskID string `json:"taskId"`
	// ResultCode is Succeeded, TemporaryFailure or PermanentFailure.
	ResultCode string `json:"resultCode"`
	// ResultString is written to the completion report of the job.
	ResultString string `json:"resultString"`
}

// Answer returns the writer of responses, for packages that build their own processors.
func Answer() response.Answer[Response] {
	return response.Answer[Response]{For: func(event any) response.Answer[Response] {
		a := event.(*about)
		return response.Answer[Response]{
			Typed: func(report *batch.Report, _ []string) Response { return a.response(report) },
			JSON:  func(report *batch.Report, _ []string) []byte { return encode(a.response(report)) },
		}
	}}
}

func encode(r Response) []byte {
	text, _ := json.Marshal(r) // never fails for strings
	return text
}

// limit is the size in bytes that the response must stay below (AWS: Lambda quotas, invocation payload: 6 MB).
const limit = 6 << 20

// about are the parts of an event that the response repeats.
type about struct{ version, invocation string }

// review fails a task whose text does not fit into the response. A retry would not help.
func (a *about) review(report *batch.Report) {
	for i := range report.Records {
		r := &report.Records[i]
		if r.Outcome != batch.Succeeded {
			continue
		}
		if n := len(encode(a.response(report))); n >= limit {
			r.Outcome, r.Value = batch.Failed, nil
			r.Err = batch.Permanent(fmt.Errorf("troupe: the response with the handler's text has %d bytes; it must stay below %d", n, limit))
		}
	}
}

func (a *about) response(report *batch.Report) Response {
	answer := Response{a.version, TemporaryFailure, a.invocation, make([]Result, len(report.Records))}
	for i, r := range report.Records {
		answer.Results[i] = resultOf(r)
	}
	return answer
}

func resultOf(r batch.Result) Result {
	switch {
	case r.Outcome == batch.Succeeded:
		return Result{r.ID, Succeeded, textOf(r.Value)}
	case r.Outcome == batch.Dropped:
		return Result{r.ID, Succeeded, batch.Text(r.Err)}
	case isPermanent(r.Err):
		return Result{r.ID, PermanentFailure, batch.Text(r.Err)}
	default:
		return Result{r.ID, TemporaryFailure, batch.Text(r.Err)}
	}
}

// isPermanent reports whether a handler marked its error by Permanent. troupe itself marks undecodable records, which a
// new version of the function may be able to decode.
func isPermanent(err error) bool {
	return batch.IsPermanent(err) && !slices.ContainsFunc(batch.Words(err), func(word string) bool {
		return word == batch.ErrUndecodable.Word() || word == batch.ErrAbandoned.Word() || word == batch.ErrNotStarted.Word()
	})
}

// textOf returns the value of a handler as text.
func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return ""
	}
}
