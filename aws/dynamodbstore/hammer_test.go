package dynamodbstore_test

import (
	"os"
	"testing"
	"time"

	"github.com/troupe-go/troupe/aws/dynamodbstore"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/idempotency/storetest"
)

// Sixteen processes that are killed at random complete each key once.
func TestProcessesThatAreKilledCompleteEachKeyOnce(t *testing.T) {
	const variable = "TROUPE_HAMMER_TABLE"
	client := clientOf(t, endpoints["dynalite"])
	name := os.Getenv(variable)
	if name == "" {
		name = table(t, client, "id")
		t.Setenv(variable, name)
	}
	storetest.Hammer{
		Copies: 2,
		Lease:  500 * time.Millisecond,
		Open:   func() idempotency.Store { return dynamodbstore.New(client, name) },
	}.Test(t)
}
