package dynamodbstore_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/aws/dynamodbstore"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/idempotency/storetest"
)

// endpoints are the servers of make integration: one that returns the item that made a condition fail, and one
// that does not.
var endpoints = map[string]string{"moto": os.Getenv("TROUPE_MOTO"), "dynalite": os.Getenv("TROUPE_DYNALITE")}

// onEach runs a test with each server, or skips it.
func onEach(t *testing.T, test func(t *testing.T, client *dynamodb.Client)) {
	for name, endpoint := range endpoints {
		t.Run(name, func(t *testing.T) { test(t, clientOf(t, endpoint)) })
	}
}

func clientOf(t testing.TB, endpoint string) *dynamodb.Client {
	if endpoint == "" {
		t.Skip("needs a server of DynamoDB: make integration, which CI runs")
	}
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       "eu-west-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// table makes a table and removes it after the test.
func table(t testing.TB, client *dynamodb.Client, keys ...string) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r > '~' {
			return '-'
		}
		return r
	}, t.Name()) + fmt.Sprint("-", time.Now().UnixNano())
	if over := len(name) - 200; over > 0 {
		name = name[over:]
	}
	input := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for i, key := range keys {
		input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(key), AttributeType: types.ScalarAttributeTypeS})
		input.KeySchema = append(input.KeySchema, types.KeySchemaElement{AttributeName: aws.String(key), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]})
	}
	_, err := client.CreateTable(t.Context(), input)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = client.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: &name})
	})
	require.NoError(t, dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).
		Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute))
	return name
}

func TestTableIsAStore(t *testing.T) {
	onEach(t, func(t *testing.T, client *dynamodb.Client) { isAStore(t, client, []string{"id"}) })
}

func TestTableWithASortKeyIsAStore(t *testing.T) {
	isAStore(t, clientOf(t, endpoints["dynalite"]), []string{"id", "sk"}, dynamodbstore.WithSortKey("sk", "idempotency#f"))
}

func TestTableWithOtherNamesIsAStore(t *testing.T) {
	isAStore(t, clientOf(t, endpoints["dynalite"]), []string{"pk"}, dynamodbstore.WithAttributes(dynamodbstore.Attributes{
		ID: "pk", Status: "state", Expiration: "ttl", Lease: "lease", Data: "result", Validation: "hash", Token: "owner",
	}))
}

func isAStore(t *testing.T, client *dynamodb.Client, keys []string, options ...dynamodbstore.Option) {
	name := table(t, client, keys...)
	now := time.Now()
	clock := func() time.Time { return now }
	storetest.Run(t, storetest.Setup{
		New: func(*testing.T) idempotency.Store {
			return dynamodbstore.New(client, name, append(options, dynamodbstore.WithClock(clock))...)
		},
		Now:    clock,
		Sleep:  func(d time.Duration) { now = now.Add(d) },
		Lease:  time.Minute,
		Expiry: time.Minute,
	})
}

// What a table is not: the errors say what it should be.
func TestTablesThatAreNoStore(t *testing.T) {
	onEach(t, func(t *testing.T, client *dynamodb.Client) {
		claim := func(name string, options ...dynamodbstore.Option) error {
			_, err := dynamodbstore.New(client, name, options...).Claim(t.Context(), idempotency.Claim{Key: "k", Token: "a", Lease: time.Now().Add(time.Minute)})
			return err
		}
		require.ErrorContains(t, claim("missing"), `troupe: dynamodbstore: table "missing"; there is no such table in the client's region and account: claim: `)
		require.ErrorContains(t, claim(table(t, client, "pk")), `; the table must have the partition key "id" of type S and no sort key: claim: `)
		require.ErrorContains(t, claim(table(t, client, "id", "sk")), `; the table must have the partition key "id" of type S and no sort key: claim: `)
		require.ErrorContains(t, claim(table(t, client, "id"), dynamodbstore.WithSortKey("sk", "p")), `; the table must have the partition key "id" and the sort key "sk", both of type S: claim: `)
	})
}
