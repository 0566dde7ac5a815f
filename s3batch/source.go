package s3batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonfault"
	"github.com/troupe-go/troupe/internal/jsonscan"
	"github.com/troupe-go/troupe/sources"
)

// Source reads events. It is a sources.Reader for packages that build their own processors; New uses it internally.
type Source struct{}

// Kind returns batch.S3Batch.
func (Source) Kind() batch.Source { return batch.S3Batch }

// Limits refuses the options that do not apply to S3 Batch Operations.
func (Source) Limits() sources.Limits {
	return sources.Limits{
		NoError:  "S3 reads the result of a task from the response, and an invocation that fails has none",
		NoIgnore: "S3 sends nothing but tasks, and a response without a result fails the task",
	}
}

// Decode reads the bytes of an event. The error matches batch.ErrEvent. Nothing in the Batch refers to payload.
func (Source) Decode(payload []byte) (*sources.Batch[Task], error) {
	b, err := decode(payload)
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	return b, nil
}

// envelope is an event whose task and job are decoded later.
type envelope struct {
	Version *string         `json:"invocationSchemaVersion"`
	ID      *string         `json:"invocationId"`
	Job     json.RawMessage `json:"job"`
	Tasks   tasks           `json:"tasks"`
}

// tasks are the tasks of an event.
type tasks struct {
	list    []json.RawMessage
	given   int    // number of members "tasks"
	problem string // with them
}

// UnmarshalJSON records what is wrong with the tasks, for a descriptive error.
func (t *tasks) UnmarshalJSON(raw []byte) error {
	t.given++
	if raw[0] != '[' {
		t.problem = `"tasks" is ` + kindOf(raw) + " where an array was expected"
		return nil
	}
	_ = json.Unmarshal(raw, &t.list) // never fails for an array
	return nil
}

func decode(payload []byte) (*sources.Batch[Task], error) {
	var e envelope
	if err := read(payload, &e); err != nil {
		return nil, err
	}
	switch t := &e.Tasks; {
	case t.problem != "":
		return nil, errors.New(t.problem)
	case t.given == 0:
		return nil, errors.New(`"tasks" is missing`)
	case t.given > 1:
		return nil, errors.New(`duplicate "tasks"`)
	}
	a, err := aboutOf(orEmpty(e.Version), orEmpty(e.ID), len(e.Tasks.list))
	if err != nil {
		return nil, err
	}
	if len(e.Tasks.list) == 0 {
		return a.batch("", nil)
	}
	raw := e.Tasks.list[0]
	var named struct {
		ID *string `json:"taskId"`
	}
	if err := read(raw, &named); err != nil {
		return nil, fmt.Errorf("task 0: %w", err)
	}
	return a.batch(orEmpty(named.ID), func() (Task, error) {
		var (
			task EventTask
			job  Job
		)
		if fault := jsonfault.Unmarshal(raw, &task, false); fault != nil {
			return Task{}, decodeError(fault, "tasks[0].")
		}
		if len(e.Job) > 0 {
			if fault := jsonfault.Unmarshal(e.Job, &job, false); fault != nil {
				return Task{}, decodeError(fault, "job.")
			}
		}
		return task.task(job)
	})
}

// Read is Decode for an event that is already decoded.
func (Source) Read(event Event) (*sources.Batch[Task], error) {
	b, err := arrange(event)
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	return b, nil
}

func arrange(event Event) (*sources.Batch[Task], error) {
	if event.Tasks == nil {
		return nil, errors.New(`"tasks" is nil where a slice was expected`)
	}
	a, err := aboutOf(event.InvocationSchemaVersion, event.InvocationID, len(event.Tasks))
	if err != nil {
		return nil, err
	}
	if len(event.Tasks) == 0 {
		return a.batch("", nil)
	}
	task := event.Tasks[0]
	return a.batch(task.TaskID, func() (Task, error) { return task.task(event.Job) })
}

// aboutOf returns the parts of an event that the response repeats, or what is wrong with them.
func aboutOf(version, id string, tasks int) (*about, error) {
	switch {
	case version != "1.0" && version != "2.0":
		return nil, errors.New(`"invocationSchemaVersion" must be "1.0" or "2.0"`)
	case id == "":
		return nil, errors.New(`"invocationId" is missing or empty` + unanswered)
	case tasks > 1:
		return nil, fmt.Errorf(`"tasks" has %d tasks where one was expected: S3 Batch Operations invokes the function for each task`, tasks)
	}
	return &about{version: version, invocation: id}, nil
}

// batch returns the Batch of one task; an empty one if open is nil.
func (a *about) batch(id string, open func() (Task, error)) (*sources.Batch[Task], error) {
	b := &sources.Batch[Task]{IDs: []string{}, About: a, Review: a.review}
	if open == nil {
		return b, nil
	}
	if id == "" {
		return nil, errors.New(`task 0: "taskId" is missing or empty` + unanswered)
	}
	b.IDs = []string{id}
	b.Open = func(int) (Task, error) { return open() }
	b.Payload = func(int) ([]byte, error) {
		task, err := open()
		return []byte(task.Key), err
	}
	return b, nil
}

const unanswered = ", so that the response could not name it"

// read decodes the outline of an event or a task, both objects. The error contains no part of the text.
func read(text []byte, into any) error {
	fault := jsonfault.Unmarshal(text, into, false)
	if fault == nil {
		if text = []byte(strings.TrimSpace(string(text))); text[0] == 'n' { // null can be decoded into any type
			fault = &jsonfault.Fault{Kind: "null"}
		}
	}
	switch {
	case fault == nil:
		return nil
	case fault.Kind == "":
		return errors.New(fault.Error())
	case fault.Path == "":
		return errors.New(jsonscan.Article(fault.Kind) + " where an object was expected")
	default:
		return fmt.Errorf("%q is %s where a string was expected%s", fault.Path, jsonscan.Article(fault.Kind), unanswered)
	}
}

func decodeError(fault *jsonfault.Fault, at string) error {
	return &batch.DecodeError{Field: strings.TrimSuffix(at+fault.Path, "."), Offset: -1, Problem: fault.Problem}
}

// kindOf names the kind of a JSON value with its article.
func kindOf(value []byte) string { return jsonscan.Article(jsonscan.Kind(string(value))) }

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
