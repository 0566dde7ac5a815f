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

// Event is what Lambda hands over for a batch of a tumbling window. T is events.KinesisEventRecord or
// events.DynamoDBEventRecord. aws-lambda-go has types for it too; their state is a map of strings, so that
// they cannot hold, for one, the state in the examples of AWS.
type Event[T any] struct {
	// Records is empty at the end of a window, as a rule.
	Records []T `json:"Records"`
	Properties
}

// Properties is what an event says of its window. State must not be changed.
type Properties struct {
	Window Bounds `json:"window"`
	// State is what has been carried so far. At the first invocation of a window it is {}, null or absent.
	State json.RawMessage `json:"state"`
	// ShardID and EventSourceARN say where the records are from.
	ShardID        string `json:"shardId"`
	EventSourceARN string `json:"eventSourceARN"`
	// IsFinalInvokeForWindow is set at the end of a window.
	IsFinalInvokeForWindow bool `json:"isFinalInvokeForWindow"`
	// IsWindowTerminatedEarly is set if the window ends before its time. The next invocation goes on with
	// the same window and an empty state.
	IsWindowTerminatedEarly bool `json:"isWindowTerminatedEarly"`
}

// Bounds are the instants between which the records of a window arrived; End is the next window's.
type Bounds struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Response is the answer to an Event.
type Response struct {
	State             json.RawMessage `json:"state"`
	BatchItemFailures []Failure       `json:"batchItemFailures"`
}

// Failure names a record that has to come again.
type Failure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

type propertiesKey struct{}

// From returns what the event said of its window. It works on the contexts that fold and final are given,
// that middleware and observers are given, and on those derived from them; ok is false on any other.
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
		return refused(errors.New(`"window" is missing; the event source mapping has to have TumblingWindowInSeconds`))
	}
	return nil
}

func refused(err error) error { return batch.Because(batch.ErrEvent, err) }
