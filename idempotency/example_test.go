package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/idempotency"
)

// Stores are used by Wrap; this is what it asks of them.
func ExampleStore() {
	ctx, store := context.Background(), idempotency.NewMemory()
	claim := func(token string) {
		done, err := store.Claim(ctx, idempotency.Claim{Key: "order-1", Token: token, Lease: time.Now().Add(time.Minute)})
		switch {
		case errors.Is(err, idempotency.ErrInProgress):
			fmt.Println(token, "is refused")
		case done != nil:
			fmt.Printf("%s is told that it is done: %s\n", token, done.Value)
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
	// second is told that it is done: {"charged":10}
}

// A test with virtual time goes by it; one that needs another clock brings it.
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

// A store of one's own says what it cannot hold, and nothing of what it was given.
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

// Where Powertools is configured with a key prefix, it is put before the hash.
func ExamplePowertoolsHash() {
	fmt.Println("payments#" + idempotency.PowertoolsHash(idempotency.Python, []byte(`"order-1"`)))
	// Output: payments#729040816f7330c4cb31f54a56f59a7b
}

// A table that is shared with functions of Powertools needs the keys of Powertools.
func ExamplePowertoolsKey() {
	order := []byte(`{"id": "order-1", "amount": 10.50}`)
	fmt.Println(idempotency.PowertoolsKey(idempotency.Python, "orders", "app.process", order))
	fmt.Println(idempotency.PowertoolsKey(idempotency.TypeScript, "orders", "", order))
	// Output:
	// orders.app.process#ae9b2cbef296b78ca39244f8372a42a0
	// orders#hyLt4H9XMM896JTztOtZ/Q==
}
