package firehose

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonscan"
	"github.com/troupe-go/troupe/sources"
)

// Source reads events. It is a sources.Reader for packages that build their own processors; New uses it internally.
type Source struct{}

// Kind returns batch.Firehose.
func (Source) Kind() batch.Source { return batch.Firehose }

// Limits refuses the options that do not apply to Firehose.
func (Source) Limits() sources.Limits {
	return sources.Limits{
		NoError:  "Firehose repeats an invocation that failed with all of its records, and delivers none of them if that does not help",
		NoIgnore: "a Firehose stream sends nothing but records, and a response without them fails all",
	}
}

// within is how long Firehose waits for a function (AWS: Transform source data in Amazon Data Firehose, Lambda
// invocation duration).
const within = 5 * time.Minute

// Decode reads the bytes of an event. The error matches batch.ErrEvent.
//
// Nothing in the Batch refers to payload. Decode makes one copy of it, and separate copies of the records' data.
func (Source) Decode(payload []byte) (*sources.Batch[Record], error) {
	f := finder{Scanner: jsonscan.Scanner{Text: string(payload)}}
	if err := f.event(); err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	var noted sources.Notes
	b := &sources.Batch[Record]{
		Open: func(i int) (Record, error) {
			record, note, err := f.records[i].open()
			noted.Put(i, note)
			return record, err
		},
		Payload: func(i int) ([]byte, error) { return f.records[i].payload() },
		Notes:   noted.All,
	}
	r := results{data: b.Payload}
	for i := range f.records {
		r.ids = append(r.ids, f.records[i].id)
		r.msk = append(r.msk, f.records[i].value.text != "")
	}
	return r.batch(b)
}

// Read is Decode for an event that is already decoded. The Batch refers to the event's records.
func (Source) Read(event Event) (*sources.Batch[Record], error) {
	if event.Records == nil {
		return nil, batch.Because(batch.ErrEvent, errors.New(`"records" is nil where a slice was expected`))
	}
	r := results{data: func(i int) ([]byte, error) { return event.Records[i].Data, nil }, shared: true}
	for i := range event.Records {
		r.ids = append(r.ids, event.Records[i].ID)
		r.msk = append(r.msk, event.Records[i].FromMSK)
	}
	return r.batch(&sources.Batch[Record]{
		Open:    func(i int) (Record, error) { return event.Records[i], nil },
		Payload: func(i int) ([]byte, error) { return bytes.Clone(event.Records[i].Data), nil },
	})
}

// batch completes a Batch, or returns why no response to its records is possible.
func (r *results) batch(b *sources.Batch[Record]) (*sources.Batch[Record], error) {
	if err := r.admit(); err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	if r.ids == nil {
		r.ids = []string{} // an empty list is valid
	}
	b.IDs, b.Within, b.Review, b.About = r.ids, within, r.review, r
	return b, nil
}

// field is a member of a record.
type field struct {
	text string // of its value; empty if absent
	at   int    // in the record
	many bool   // it is duplicated
}

func (f *field) put(text string, at int) {
	*f = field{text, at, f.text != ""}
}

// located is a record with a known outline.
type located struct {
	id          string
	text        string // its JSON
	data, value field
}

func (l *located) open() (Record, string, error) {
	if l.data.text != "" && l.value.text != "" {
		return Record{}, "", &batch.DecodeError{Field: valueField, Offset: int64(l.value.at), Problem: "given in addition to data"}
	}
	return decode([]byte(l.text), l.value.text != "")
}

// payload returns only the data of the record, as open would.
func (l *located) payload() ([]byte, error) {
	f := &l.data
	if l.value.text != "" {
		f = &l.value
	}
	both := l.data.text != "" && l.value.text != ""
	if !both && !f.many && len(f.text) > 1 && f.text[0] == '"' && strings.IndexByte(f.text, '\\') < 0 {
		if data, err := base64.StdEncoding.DecodeString(f.text[1 : len(f.text)-1]); err == nil {
			return data, nil
		}
	}
	r, _, err := l.open() // handles errors and unusual records
	return r.Data, err
}

// finder scans an event once: it checks that the text is JSON and finds the records.
type finder struct {
	jsonscan.Scanner
	records []located
	found   bool  // there are records
	flaw    error // the first thing that is valid JSON but not an event
}

func (f *finder) mark(format string, args ...any) {
	if f.flaw == nil {
		f.flaw = fmt.Errorf(format, args...)
	}
}

func (f *finder) event() error {
	i := f.Space(0)
	if f.Is(i, '{') {
		i = f.members(i)
	} else if start := i; start < len(f.Text) {
		if i = f.Value(i, 0); i >= 0 {
			f.mark("%s where an object was expected", kindOf(f.Text[start:]))
			f.found = true
		}
	} else {
		i = f.Fail(i)
	}
	if i >= 0 {
		i = f.End(i)
	}
	switch {
	case i < 0:
		return f.Err()
	case !f.found:
		f.mark(`"records" is missing`)
	}
	return f.flaw
}

func (f *finder) members(i int) int {
	return f.Object(i, 0, func(key string, at int) int {
		if strings.EqualFold(key, "records") { // as encoding/json does, in any case
			return f.list(at)
		}
		return f.Value(at, 1)
	})
}

// list scans the value of records.
func (f *finder) list(i int) int {
	if f.found {
		f.mark(`duplicate "records"`)
		return f.Value(i, 1)
	}
	f.found = true
	if start := i; !f.Is(i, '[') {
		if i = f.Value(i, 1); i >= 0 {
			f.mark(`"records" is %s where an array was expected`, kindOf(f.Text[start:]))
		}
		return i
	}
	i, more := f.First(i, ']', 1)
	for more {
		if i = f.record(i); i < 0 {
			return i
		}
		i, more = f.Next(i, ']')
	}
	return i
}

// record scans a record.
func (f *finder) record(i int) int {
	var (
		l     located
		id    field
		start = i
	)
	if !f.Is(i, '{') {
		if i = f.Value(i, 2); i >= 0 {
			f.mark("record %d: %s where an object was expected", len(f.records), kindOf(f.Text[start:]))
			f.records = append(f.records, l)
		}
		return i
	}
	i = f.Object(i, 2, func(key string, at int) int {
		end := f.Value(at, 3)
		if end < 0 {
			return end
		}
		switch text := f.Text[at:end]; {
		case strings.EqualFold(key, "recordId"):
			id.put(text, at-start)
		case strings.EqualFold(key, dataField):
			l.data.put(text, at-start)
		case strings.EqualFold(key, valueField):
			l.value.put(text, at-start)
		}
		return end
	})
	if i < 0 {
		return i
	}
	l.text = f.Text[start:i]
	switch { // null is none
	case l.value.text == "null" && l.data.text != "":
		l.value = field{}
	case l.data.text == "null" && l.value.text != "":
		l.data = field{}
	}
	switch {
	case id.text == "":
		f.mark(`record %d: "recordId" is missing%s`, len(f.records), unanswered)
	case id.many:
		f.mark(`record %d: duplicate "recordId"`, len(f.records))
	case id.text[0] != '"':
		f.mark(`record %d: "recordId" is %s where a string was expected%s`, len(f.records), kindOf(id.text), unanswered)
	default:
		s := jsonscan.Scanner{Text: id.text}
		if l.id = s.Unquote(0, len(id.text)); l.id == "" {
			f.mark(`record %d: "recordId" is empty%s`, len(f.records), unanswered)
		}
	}
	f.records = append(f.records, l)
	return i
}

const unanswered = ", so that the response could not name it"

// kindOf names the kind of a JSON value with its article.
func kindOf(value string) string { return jsonscan.Article(jsonscan.Kind(value)) }
