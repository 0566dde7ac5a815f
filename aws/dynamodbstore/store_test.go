package dynamodbstore

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/idempotency"
)

// scripted answers as told.
type scripted struct {
	update, del error
	got         []map[string]types.AttributeValue
	gotErr      error
	gets        []*dynamodb.GetItemInput
	updates     []*dynamodb.UpdateItemInput
}

func (s *scripted) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	s.updates = append(s.updates, in)
	return &dynamodb.UpdateItemOutput{}, s.update
}

func (s *scripted) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, s.del
}

func (s *scripted) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	s.gets = append(s.gets, in)
	if s.gotErr != nil || len(s.got) == 0 {
		return &dynamodb.GetItemOutput{}, s.gotErr
	}
	item := s.got[0]
	s.got = s.got[1:]
	return &dynamodb.GetItemOutput{Item: item}, nil
}

var now = time.Unix(1_700_000_000, 1)

func store(client Client, options ...Option) *Store {
	return New(client, "orders", append(options, WithClock(func() time.Time { return now }))...)
}

func item(fields ...any) map[string]types.AttributeValue {
	m := map[string]types.AttributeValue{"id": text("k")}
	for i := 0; i < len(fields); i += 2 {
		switch v := fields[i+1].(type) {
		case string:
			m[fields[i].(string)] = text(v)
		case int:
			m[fields[i].(string)] = number(int64(v))
		}
	}
	return m
}

func refused(old map[string]types.AttributeValue) error {
	return &types.ConditionalCheckFailedException{Item: old}
}

var claim = idempotency.Claim{Key: "k", Token: "mine", Lease: now.Add(time.Minute), Expiry: time.Hour}

const later, earlier = 1_700_001_000, 1_699_999_000

func TestClaimGoesByWhatIsInTheWay(t *testing.T) {
	type completion = *idempotency.Completion
	busy := func(at time.Time) error { return &idempotency.InProgressError{Lease: at} }
	for name, c := range map[string]struct {
		put  error
		got  []map[string]types.AttributeValue
		done completion
		err  error
		puts int
	}{
		"nothing": {puts: 1},
		"our own claim, made by a request that was repeated": {
			put:  refused(item("status", "INPROGRESS", "token", "mine", "expiration", later, "in_progress_expiration", later*1000)),
			puts: 1,
		},
		"a claim": {
			put:  refused(item("status", "INPROGRESS", "token", "theirs", "expiration", later, "in_progress_expiration", later*1000+5)),
			err:  busy(time.UnixMilli(later*1000 + 5)),
			puts: 1,
		},
		"a claim that the server does not return": {
			put:  refused(nil),
			got:  []map[string]types.AttributeValue{item("status", "INPROGRESS", "expiration", later, "in_progress_expiration", later*1000)},
			err:  busy(time.Unix(later, 0)),
			puts: 1,
		},
		"a claim of Powertools without a Lambda context": {
			put:  refused(item("status", "INPROGRESS", "expiration", later)),
			err:  busy(time.Unix(later, 0)),
			puts: 1,
		},
		"a completion": {
			put:  refused(item("status", "COMPLETED", "expiration", later, "data", `{"a":1}`, "validation", "h")),
			done: &idempotency.Completion{Value: []byte(`{"a":1}`), Payload: "h", Expires: time.Unix(later, 0)},
			puts: 1,
		},
		"a completion without a value": {
			put:  refused(item("status", "COMPLETED", "expiration", later)),
			done: &idempotency.Completion{Expires: time.Unix(later, 0)},
			puts: 1,
		},
		"what has gone, again and again": {put: refused(nil), puts: maxClaims, err: errors.New(`troupe: dynamodbstore: table "orders": the item of a key changed 5 times while it was claimed`)},
		"what has expired since, again and again": {
			put:  refused(item("status", "COMPLETED", "expiration", earlier)),
			puts: maxClaims, err: errors.New(`troupe: dynamodbstore: table "orders": the item of a key changed 5 times while it was claimed`),
		},
		"an item without an expiry": {
			put: refused(item("status", "COMPLETED")), puts: 1,
			err: errors.New(`troupe: dynamodbstore: table "orders": the item of the key has no number in "expiration"; no item of an idempotency store`),
		},
		"an item of another status": {
			put: refused(item("status", "DONE", "expiration", later)), puts: 1,
			err: errors.New(`troupe: dynamodbstore: table "orders": the item of the key has another "status" than INPROGRESS or COMPLETED`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := &scripted{update: c.put, got: c.got}
			done, err := store(client).Claim(t.Context(), claim)
			if c.err == nil {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.err.Error())
			}
			assert.Equal(t, c.done, done)
			assert.Len(t, client.updates, c.puts)
			for _, get := range client.gets {
				assert.True(t, *get.ConsistentRead)
			}
		})
	}
}

// DynamoDB deletes items when they expire: not while a lease holds, and not before it is over.
func TestAClaimIsKeptForItsLease(t *testing.T) {
	client := &scripted{}
	s := store(client)
	_, err := s.Claim(t.Context(), claim)
	require.NoError(t, err)
	assert.Equal(t, number(1_700_003_601), client.updates[0].ExpressionAttributeValues[":expiration"], "rounded up to a second")
	assert.Equal(t, number(1_700_000_060_001), client.updates[0].ExpressionAttributeValues[":lease"], "rounded up to a millisecond")

	short := claim
	short.Expiry = time.Second
	_, err = s.Claim(t.Context(), short)
	require.NoError(t, err)
	assert.Equal(t, number(1_700_000_061), client.updates[1].ExpressionAttributeValues[":expiration"])
}

func TestErrorsSayWhatToDo(t *testing.T) {
	api := func(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }
	for _, c := range []struct {
		err     error
		options []Option
		text    string
		is      error
	}{
		{err: &types.ResourceNotFoundException{}, text: `troupe: dynamodbstore: table "orders"; there is no such table in the client's region and account: completion: ResourceNotFoundException: `},
		{err: api("ValidationException", "The provided key element does not match the schema"), text: `troupe: dynamodbstore: table "orders"; the table must have the partition key "id" of type S and no sort key: completion: api error ValidationException: The provided key element does not match the schema`},
		{err: api("ValidationException", "no"), options: []Option{WithSortKey("sk", "p")}, text: `troupe: dynamodbstore: table "orders"; the table must have the partition key "id" and the sort key "sk", both of type S: completion: api error ValidationException: no`},
		{err: api("ThrottlingException", "slow down"), text: `troupe: dynamodbstore: table "orders": completion: api error ThrottlingException: slow down`},
		{err: api("ValidationException", "Item size to update has exceeded the maximum allowed size"), text: `troupe: idempotency: bad value: DynamoDB allows no item above 400 KB`, is: idempotency.ErrValue},
		{err: refused(nil), text: idempotency.ErrLeaseLost.Error(), is: idempotency.ErrLeaseLost},
		{err: context.DeadlineExceeded, text: `troupe: dynamodbstore: table "orders": completion: context deadline exceeded`, is: context.DeadlineExceeded},
	} {
		err := store(&scripted{update: c.err}, c.options...).Complete(t.Context(), "k", "mine", idempotency.Completion{})
		require.EqualError(t, err, c.text)
		if c.is != nil {
			assert.ErrorIs(t, err, c.is)
		}
	}
	for _, err := range []error{
		store(&scripted{update: errors.New("gone")}).claimErr(t.Context()),
		store(&scripted{update: refused(nil), gotErr: errors.New("gone")}).claimErr(t.Context()),
	} {
		assert.EqualError(t, err, `troupe: dynamodbstore: table "orders": claim: gone`)
	}
	assert.EqualError(t, store(&scripted{del: errors.New("gone")}).Release(t.Context(), "k", "mine"), `troupe: dynamodbstore: table "orders": release: gone`)
	assert.EqualError(t, store(&scripted{update: errors.New("gone")}).Renew(t.Context(), claim), `troupe: dynamodbstore: table "orders": renewal: gone`)
}

func (s *Store) claimErr(ctx context.Context) error {
	_, err := s.Claim(ctx, claim)
	return err
}

func TestKeysThatDynamoDBCannotHold(t *testing.T) {
	for _, c := range []struct {
		key, text string
		options   []Option
	}{
		{key: "", text: "it is empty"},
		{key: strings.Repeat("k", 2049), text: `2049 bytes; DynamoDB allows 2048 in "id"`},
		{key: strings.Repeat("k", 1025), options: []Option{WithSortKey("sk", "p")}, text: `1025 bytes; DynamoDB allows 1024 in "sk"`},
		{key: "k\xff", text: "it is not UTF-8, which DynamoDB's strings are; write bytes in hexadecimal"},
	} {
		client := &scripted{}
		s := store(client, c.options...)
		_, err := s.Claim(t.Context(), idempotency.Claim{Key: c.key, Token: "t"})
		for _, err := range []error{err, s.Renew(t.Context(), idempotency.Claim{Key: c.key}), s.Complete(t.Context(), c.key, "t", idempotency.Completion{}), s.Release(t.Context(), c.key, "t")} {
			require.EqualError(t, err, "troupe: idempotency: bad key: "+c.text)
			require.ErrorIs(t, err, idempotency.ErrKey)
		}
		assert.Empty(t, client.updates)
	}
	_, err := store(&scripted{}).Claim(t.Context(), idempotency.Claim{Key: strings.Repeat("k", 2048)})
	assert.NoError(t, err)
}

func TestValuesThatDynamoDBCannotHold(t *testing.T) {
	client := &scripted{}
	complete := func(value string, options ...Option) error {
		return store(client, options...).Complete(t.Context(), "k", "t", idempotency.Completion{Value: []byte(value)})
	}
	assert.EqualError(t, complete(strings.Repeat("1", 400<<10)), "troupe: idempotency: bad value: 409600 bytes; with the rest of its item a value must not be above 400 KB")
	assert.NoError(t, complete(strings.Repeat("1", 397<<10)))
	for _, number := range []string{strings.Repeat("1", 39), "1e126", "1e-131", "0." + strings.Repeat("0", 130) + "1"} {
		assert.ErrorIs(t, complete(`{"a":[`+number+`]}`, WithNativeData()), idempotency.ErrValue, number)
		assert.NoError(t, complete(`{"a":[`+number+`]}`), number)
	}
	for _, number := range []string{"0", "0.000", "-" + strings.Repeat("1", 38), "1" + strings.Repeat("0", 125), "9.9e125", "1e-130", "0e999"} {
		assert.NoError(t, complete(`[`+number+`]`, WithNativeData()), number)
	}
	assert.ErrorIs(t, complete(`[`, WithNativeData()), idempotency.ErrValue)
}

// Values come back as they were stored, as a string or as attributes, also those of the other kind.
func TestValuesOfBothKinds(t *testing.T) {
	for _, value := range []string{`{"a":[1,2.5,null,true,"ü\n<"],"b":{}}`, `null`, `"text"`, `17`, `[]`, `false`} {
		for _, options := range [][]Option{nil, {WithNativeData()}} {
			s := store(&scripted{}, options...)
			data, err := s.dataOf([]byte(value))
			require.NoError(t, err)
			got, err := s.valueOf(data)
			require.NoError(t, err)
			assert.JSONEq(t, value, string(got))
		}
	}
	for _, c := range []struct {
		data    types.AttributeValue
		options []Option
		want    string
	}{
		{text("plain"), nil, `"plain"`}, // no JSON: of Powertools for TypeScript
		{text("17"), nil, `17`},
		{text("17"), []Option{WithNativeData()}, `"17"`},
		{&types.AttributeValueMemberL{Value: []types.AttributeValue{number(1)}}, nil, `[1]`},
		{&types.AttributeValueMemberB{Value: []byte("abc")}, nil, `"YWJj"`},
		{&types.AttributeValueMemberSS{Value: []string{"a"}}, nil, `["a"]`},
		{&types.AttributeValueMemberNS{Value: []string{"1.50"}}, nil, `[1.50]`},
		{&types.AttributeValueMemberBS{Value: [][]byte{[]byte("abc")}}, nil, `["YWJj"]`},
	} {
		got, err := store(&scripted{}, c.options...).valueOf(c.data)
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got))
	}
	for _, odd := range []types.AttributeValue{
		&types.UnknownUnionMember{},
		&types.AttributeValueMemberL{Value: []types.AttributeValue{&types.UnknownUnionMember{}}},
		&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"a": &types.UnknownUnionMember{}}},
	} {
		_, err := store(&scripted{}).valueOf(odd)
		assert.ErrorIs(t, err, idempotency.ErrValue)
	}
	_, err := store(&scripted{}).valueOf(&types.AttributeValueMemberN{Value: "NaN"})
	assert.ErrorIs(t, err, idempotency.ErrValue)
}

func TestBadOptionsPanic(t *testing.T) {
	for text, make := range map[string]func(){
		"troupe: dynamodbstore: the client is nil; a *dynamodb.Client is needed":            func() { New(nil, "t") },
		"troupe: dynamodbstore: the table's name is empty":                                  func() { New(&scripted{}, "") },
		"troupe: dynamodbstore: an option is nil":                                           func() { New(&scripted{}, "t", nil) },
		"troupe: dynamodbstore: WithSortKey: the name of the attribute is empty":            func() { New(&scripted{}, "t", WithSortKey("", "p")) },
		"troupe: dynamodbstore: WithSortKey: a partition of 0 bytes; 1 to 2048 are allowed": func() { New(&scripted{}, "t", WithSortKey("sk", "")) },
		"troupe: dynamodbstore: WithClock: nil; a function is needed":                       func() { New(&scripted{}, "t", WithClock(nil)) },
		`troupe: dynamodbstore: the attribute "id" has two meanings`:                        func() { New(&scripted{}, "t", WithSortKey("id", "p")) },
		`troupe: dynamodbstore: the attribute "data" has two meanings`:                      func() { New(&scripted{}, "t", WithAttributes(Attributes{Token: "data"})) },
	} {
		assert.PanicsWithError(t, text, make)
	}
}

// throttled is a client whose calls fail so many times each.
type throttled struct {
	scripted
	left int
}

func (c *throttled) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if c.left--; c.left >= 0 {
		return nil, &smithy.GenericAPIError{Code: "ProvisionedThroughputExceededException", Message: "slow down"}
	}
	return c.scripted.UpdateItem(ctx, in, o...)
}

// A table that is throttled fails the record before its work, and the redelivered record is handled. A completion that is
// throttled is tried again.
func TestAThrottledTable(t *testing.T) {
	for name, c := range map[string]struct {
		before, after int // calls that fail, before the claim and before the completion
		handled       int
		failed        bool
	}{
		"the claim":      {before: 1, failed: true},
		"the completion": {after: 2, handled: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := &throttled{left: c.before}
			handled := 0
			p := troupe.SQS(idempotency.Wrap("charge", idempotency.Store(New(client, "orders")), func(_ context.Context, m events.SQSMessage) string { return m.Body },
				func(context.Context, events.SQSMessage) error {
					handled++
					client.left = c.after
					return nil
				}, idempotency.WithFunction("f")), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever))
			invoke := func() *troupe.Report {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				_, report, err := p.ProcessReport(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: "o-1"}}})
				require.NoError(t, err)
				return report
			}
			report := invoke()
			assert.Equal(t, c.handled, handled, name)
			assert.Zero(t, report.Unrecorded, name)
			if c.failed {
				require.Equal(t, 1, report.Failed, name)
				assert.ErrorContains(t, report.Records[0].Err, `troupe: dynamodbstore: table "orders": claim: api error ProvisionedThroughputExceededException: slow down`)
				report = invoke() // it is delivered again
			}
			assert.Equal(t, 1, report.Succeeded, name)
			assert.Equal(t, 1, handled, name)
			assert.Len(t, client.updates, 2, "a claim and a completion reached the table")
		})
	}
}
