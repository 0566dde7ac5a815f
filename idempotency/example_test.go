package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/typed"
)

type payment struct{ Order string }

func orderOf(_ context.Context, p payment) string { return p.Order }

// twice is a batch in which the queue delivers a message twice.
var twice = events.SQSEvent{Records: []events.SQSMessage{
	{MessageId: "m1", Body: `{"Order":"o-1"}`},
	{MessageId: "m1", Body: `{"Order":"o-1"}`},
}}

func ExampleWrap() {
	charge := func(context.Context, payment) error {
		fmt.Println("charged")
		return nil
	}
	store := idempotency.NewMemory() // dynamodbstore.New, redisstore.New
	p := troupe.SQS(typed.SQS(idempotency.Wrap("charge", store, orderOf, charge, idempotency.WithFunction("payments"))))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // as Lambda does
	defer cancel()
	_, report, err := p.ProcessReport(ctx, twice)
	fmt.Println(report.Succeeded, "succeeded, of which duplicates:", report.Duplicates, err)
	// Output:
	// charged
	// 2 succeeded, of which duplicates: 1 <nil>
}

func ExampleReturning() {
	charge := func(context.Context, payment) (string, error) { return "receipt-1", nil }
	p := troupe.SQS(typed.SQS(idempotency.Returning("charge", idempotency.NewMemory(), orderOf, charge, idempotency.WithFunction("payments"))))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 2 { // the second time it is the stored one
		_, report, _ := p.ProcessReport(ctx, twice)
		fmt.Println(troupe.Value[string](report.Records[0]))
	}
	// Output:
	// receipt-1 true
	// receipt-1 true
}

// The same order with a different amount is a mistake of the sender, not a duplicate.
func ExampleWithValidation() {
	type charge struct {
		Order  string
		Amount int
	}
	handle := idempotency.Wrap("charge", idempotency.NewMemory(), func(_ context.Context, c charge) string { return c.Order },
		func(context.Context, charge) error { return nil },
		idempotency.WithFunction("payments"), idempotency.WithLease(time.Minute),
		idempotency.WithValidation(func(_ context.Context, c charge) string { return idempotency.Hash(fmt.Append(nil, c.Amount)) }))
	for _, amount := range []int{10, 10, 11} {
		fmt.Println(handle(context.Background(), charge{"o-1", amount}))
	}
	// Output:
	// <nil>
	// <nil>
	// troupe: idempotency: the key was completed with another payload
}

func ExampleHash() {
	fmt.Println(idempotency.Hash([]byte("10 EUR"))[:8])
	// Output: 2c23e453
}

// Outside Lambda, without a deadline, a claim needs a lease, which is renewed while the handler runs.
func ExampleOption() {
	handle := idempotency.Wrap("charge", idempotency.NewMemory(), orderOf, func(context.Context, payment) error { return nil },
		idempotency.WithFunction("payments"), // the same keys as the Lambda function
		idempotency.WithLease(30*time.Second),
		idempotency.WithSkew(time.Second),       // clocks of one machine
		idempotency.WithExpiry(14*24*time.Hour), // as long as the queue keeps messages
		idempotency.WithEmptyKeys(),             // payments without an order are charged as often as they come
		idempotency.WithFailFast(),              // for streams: fail, and do not wait for another process
		idempotency.WithFailUnrecorded(),        // rather charge twice than let a completion go unrecorded
		idempotency.WithLogger(slog.Default()))
	fmt.Println(handle(context.Background(), payment{"o-1"}))
	// Output: <nil>
}

// Wrap calls a store in this way.
func ExampleStore() {
	ctx, store := context.Background(), idempotency.NewMemory()
	claim := func(token string) {
		done, err := store.Claim(ctx, idempotency.Claim{Key: "order-1", Token: token, Lease: time.Now().Add(time.Minute)})
		switch {
		case errors.Is(err, idempotency.ErrInProgress):
			fmt.Println(token, "is refused")
		case done != nil:
			fmt.Printf("%s finds it done: %s\n", token, done.Value)
		default:
			fmt.Println(token, "does the work")
		}
	}
	claim("first")
	claim("second")
	err := store.Complete(ctx, "order-1", "first", idempotency.Completion{Value: []byte(`{"charged":10}`), Expires: time.Now().Add(time.Hour)})
	fmt.Println(err)
	claim("second")
	// Output:
	// first does the work
	// second is refused
	// <nil>
	// second finds it done: {"charged":10}
}

// NewMemory follows the virtual time of package synctest. NewMemoryAt takes another clock.
func ExampleNewMemoryAt() {
	now := time.Unix(1_700_000_000, 0)
	store := idempotency.NewMemoryAt(func() time.Time { return now })
	claim := func(token string) {
		_, err := store.Claim(context.Background(), idempotency.Claim{Key: "order-1", Token: token, Lease: now.Add(time.Minute)})
		fmt.Println(err)
	}
	claim("one that dies")
	claim("next")
	now = now.Add(time.Minute)
	claim("next")
	// Output:
	// <nil>
	// troupe: idempotency: the key is in progress elsewhere until 2023-11-14T22:14:20Z
	// <nil>
}

func ExampleNewMemory() {
	store := idempotency.NewMemory()
	done, err := store.Claim(context.Background(), idempotency.Claim{Key: "order-1", Token: "a", Lease: time.Now().Add(time.Minute)})
	fmt.Println(done, err)
	// Output: <nil> <nil>
}

// The error of a custom store describes what it cannot store, without the value.
func ExampleKeyErrorf() {
	err := idempotency.KeyErrorf("%d bytes; at most %d are allowed", 300, 255)
	fmt.Println(err, errors.Is(err, idempotency.ErrKey))
	// Output: troupe: idempotency: bad key: 300 bytes; at most 255 are allowed true
}

func ExampleValueErrorf() {
	err := idempotency.ValueErrorf("%d bytes; at most %d are allowed", 500, 400)
	fmt.Println(err, errors.Is(err, idempotency.ErrValue))
	// Output: troupe: idempotency: bad value: 500 bytes; at most 400 are allowed true
}

// If Powertools is configured with a key prefix, put it before the hash.
func ExamplePowertoolsHash() {
	fmt.Println("payments#" + idempotency.PowertoolsHash(idempotency.Python, []byte(`"order-1"`)))
	// Output: payments#729040816f7330c4cb31f54a56f59a7b
}

// A table that is shared with functions of Powertools needs the keys of Powertools.
func ExamplePowertoolsKey() {
	order := []byte(`{"id": "order-1", "amount": 10.50}`)
	fmt.Println(idempotency.PowertoolsKey(idempotency.Python, "orders", "app.process", order))
	fmt.Println(idempotency.PowertoolsKey(idempotency.TypeScript, "orders", "", order))

	key := func(_ context.Context, m events.SQSMessage) string {
		return idempotency.PowertoolsKey(idempotency.Python, "orders", "app.process", []byte(m.Body))
	}
	handler := func(context.Context, events.SQSMessage) error { return nil }
	_ = idempotency.Wrap("process", idempotency.NewMemory(), key, handler, idempotency.WithRawKey())
	// Output:
	// orders.app.process#ae9b2cbef296b78ca39244f8372a42a0
	// orders#hyLt4H9XMM896JTztOtZ/Q==
}
