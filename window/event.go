package window

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonfault"
)

// Event is the event of a batch of a tumbling window. T is events.KinesisEventRecord or
// events.DynamoDBEventRecord. The types of aws-lambda-go have a map of strings for a state, which cannot hold the
// state in the examples of AWS.
type Event[T any] struct {
	// Records is usually empty at the end of a window.
	Records []T `json:"Records"`
	Properties
}

// Properties describes the window of an event. State must not be changed.
type Properties struct {
	Window Bounds `json:"window"`
	// State is the state so far. At the first invocation of a window it is {}, null or absent.
	State json.RawMessage `json:"state"`
	// ShardID and EventSourceARN identify the origin of the records.
	ShardID        string `json:"shardId"`
	EventSourceARN string `json:"eventSourceARN"`
	// IsFinalInvokeForWindow is set at the end of a window.
	IsFinalInvokeForWindow bool `json:"isFinalInvokeForWindow"`
	// IsWindowTerminatedEarly is set if the window ends early. The next invocation continues the same window with
	// an empty state.
	IsWindowTerminatedEarly bool `json:"isWindowTerminatedEarly"`
}

// Bounds are the start and end of a window; End is the start of the next window.
type Bounds struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Response is the response to an Event.
type Response struct {
	State             json.RawMessage `json:"state"`
	BatchItemFailures []Failure       `json:"batchItemFailures"`
}

// Failure names a record that Lambda must redeliver.
type Failure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

type propertiesKey struct{}

// From returns the window of the event. It accepts the contexts of fold, final, middleware and observers, and
// those derived from them; ok is false for any other context.
func From(ctx context.Context) (p Properties, ok bool) {
	p, ok = ctx.Value(propertiesKey{}).(Properties)
	return p, ok
}

// readProperties reads an event without its records.
func readProperties(rest []byte) (Properties, error) {
	var p Properties
	if fault := jsonfault.Unmarshal(rest, &p, false); fault != nil {
		return p, refused(fmt.Errorf(`%q cannot be decoded: %s`, fault.Path, fault.Problem))
	}
	return p, nil
}

func (p *Properties) check() error {
	if p.Window.Start.IsZero() {
		return refused(errors.New(`"window" is missing; the event source mapping must have TumblingWindowInSeconds`))
	}
	return nil
}

func refused(err error) error { return batch.Because(batch.ErrEvent, err) }
