package firehose

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
)

// The results of a record.
const (
	Ok               = "Ok"
	Dropped          = "Dropped"
	ProcessingFailed = "ProcessingFailed"
)

// Response is the response to Firehose: each record of the event, in order.
type Response struct {
	Records []ResponseRecord `json:"records"`
}

// ResponseRecord is the result of a record.
type ResponseRecord struct {
	ID string
	// Result is Ok, Dropped or ProcessingFailed.
	Result string
	// Data is written as base64. Nil is written as an empty string, since Firehose does not accept null.
	Data []byte
	// FromMSK is the Record's: the data is then called kafkaRecordValue.
	FromMSK       bool
	PartitionKeys map[string]string
	Table         *Table
}

// MarshalJSON writes the record as Firehose expects it.
func (r ResponseRecord) MarshalJSON() ([]byte, error) { return r.append(nil), nil }

// metadata is the destination of a record.
type metadata struct {
	PartitionKeys map[string]string `json:"partitionKeys,omitempty"`
	Table         *Table            `json:"otfMetadata,omitempty"`
}

// append writes the record to out.
func (r *ResponseRecord) append(out []byte) []byte {
	out = append(out, `{"recordId":`...)
	out = appendJSON(out, r.ID)
	out = append(append(append(out, `,"result":"`...), r.Result...), `","`...)
	out = append(append(out, nameOf(r.FromMSK)...), `":"`...)
	out = base64.StdEncoding.AppendEncode(out, r.Data)
	out = append(out, '"')
	if len(r.PartitionKeys) > 0 || r.Table != nil {
		out = appendJSON(append(out, `,"metadata":`...), metadata{r.PartitionKeys, r.Table})
	}
	return append(out, '}')
}

// appendJSON writes a value of strings to out.
func appendJSON(out []byte, value any) []byte {
	text, _ := json.Marshal(value) // never fails for strings
	return append(out, text...)
}

// size is the length of what append writes.
func (r *ResponseRecord) size() int {
	frame := *r
	frame.Data = nil
	var room [256]byte
	return len(frame.append(room[:0])) + base64.StdEncoding.EncodedLen(len(r.Data))
}

// append writes the response to out.
func (r *Response) append(out []byte) []byte {
	out = append(out, head...)
	for i := range r.Records {
		if i > 0 {
			out = append(out, ',')
		}
		out = r.Records[i].append(out)
	}
	return append(out, tail...)
}

const head, tail = `{"records":[`, `]}`

// Answer returns the writer of responses, for packages that build their own processors.
func Answer() response.Answer[Response] {
	return response.Answer[Response]{For: func(about any) response.Answer[Response] {
		r := about.(*results)
		return response.Answer[Response]{
			Typed: func(*batch.Report, []string) Response { return r.response },
			JSON: func(*batch.Report, []string) []byte {
				return r.response.append(make([]byte, 0, r.total))
			},
		}
	}}
}

// limit is the size in bytes that the response must stay below (AWS: Lambda quotas, invocation payload: 6 MB).
const limit = 6 << 20

// results makes the response to one event.
type results struct {
	ids []string
	msk []bool // whether the data is called kafkaRecordValue
	// data returns the data of record i unchanged.
	data func(i int) ([]byte, error)
	// shared reports that data belongs to the event, so an abandoned handler may still change it.
	shared bool

	response Response
	total    int // the length of the response
}

// admit refuses an event that has no valid response: one with a duplicate record, or with so many records
// that the response is too large even without data.
func (r *results) admit() error {
	seen := make(map[string]int, len(r.ids))
	for i, id := range r.ids {
		if id == "" {
			return fmt.Errorf(`record %d: "recordId" is empty%s`, i, unanswered)
		}
		if first, again := seen[id]; again {
			return fmt.Errorf(`records %d and %d have the same "recordId"; must be unique`, first, i)
		}
		seen[id] = i
	}
	r.response.Records = make([]ResponseRecord, len(r.ids))
	r.total = len(head) + len(tail) + max(0, len(r.ids)-1)
	for i, id := range r.ids {
		r.response.Records[i] = ResponseRecord{ID: id, Result: ProcessingFailed, FromMSK: r.msk[i]}
		r.total += r.response.Records[i].size()
	}
	if r.total >= limit {
		return fmt.Errorf("%d records need a response of %d bytes even without data; must be less than %d", len(r.ids), r.total, limit)
	}
	return nil
}

// review fails the records whose results do not fit into the response, and writes the response. Until then, all
// records count as failed.
func (r *results) review(report *batch.Report) {
	base := r.total
	for i := range report.Records {
		switch record := &report.Records[i]; record.Outcome {
		case batch.Succeeded:
			output, ok := outputOf(record.Value)
			if !ok {
				fail(record, fmt.Errorf("troupe: the handler returned no firehose.Output, []byte or string but a %T; wrap it with troupe.Returning", record.Value))
				continue
			}
			ok = r.put(i, ResponseRecord{Result: Ok, Data: output.Data, PartitionKeys: output.PartitionKeys, Table: output.Table}, base)
			if !ok {
				fail(record, ErrTooLarge)
			}
		case batch.Dropped:
			r.put(i, ResponseRecord{Result: Dropped}, base)
		}
	}
	for i := len(report.Records) - 1; i >= 0 && r.total >= limit; i-- {
		if record := &report.Records[i]; record.Outcome == batch.Succeeded && r.shrink(i) {
			fail(record, ErrTooLarge)
		}
	}
	r.restore(report)
}

// put replaces the entry of record i, unless it does not fit even though the other entries carry no
// data: base is the length of that response.
func (r *results) put(i int, entry ResponseRecord, base int) bool {
	old := &r.response.Records[i]
	entry.ID, entry.FromMSK = old.ID, old.FromMSK
	more := entry.size() - old.size()
	if base+more >= limit {
		return false
	}
	r.total += more
	*old = entry
	return true
}

// shrink fails the entry of record i, if the response is shorter then.
func (r *results) shrink(i int) bool {
	entry := &r.response.Records[i]
	failed := ResponseRecord{ID: entry.ID, Result: ProcessingFailed, FromMSK: entry.FromMSK}
	less := entry.size() - failed.size()
	if less <= 0 {
		return false
	}
	r.total -= less
	*entry = failed
	return true
}

// restore gives failed records their own data back, as long as there is room.
func (r *results) restore(report *batch.Report) {
	for i := range report.Records {
		failed := &report.Records[i]
		if failed.Outcome != batch.Failed || r.shared && slices.Contains(batch.Words(failed.Err), batch.ErrAbandoned.Word()) {
			continue
		}
		data, err := r.data(i)
		if more := base64.StdEncoding.EncodedLen(len(data)); err == nil && r.total+more < limit {
			r.response.Records[i].Data = data
			r.total += more
		}
	}
}

// outputOf returns the value of a handler as an Output.
func outputOf(value any) (Output, bool) {
	switch v := value.(type) {
	case Output:
		return v, true
	case []byte:
		return Output{Data: v}, true
	case string:
		return Output{Data: []byte(v)}, true
	default:
		return Output{}, false
	}
}

func fail(r *batch.Result, err error) { r.Outcome, r.Err, r.Value = batch.Failed, err, nil }
