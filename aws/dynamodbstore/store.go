package dynamodbstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/troupe-go/troupe/idempotency"
)

// Client is what a Store needs of *dynamodb.Client.
type Client interface {
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Store is an idempotency.Store in a DynamoDB table. Its methods block until DynamoDB has answered, with the
// client's retries, or the context ends.
type Store struct {
	client Client
	table  string
	settings
}

var _ idempotency.Store = (*Store)(nil)

// New returns a store in a table, which is not looked at until the first claim. It panics if client is nil, table
// is empty or an option is bad.
func New(client Client, table string, options ...Option) *Store {
	switch {
	case client == nil:
		panic(errors.New("troupe: dynamodbstore: the client is nil; a *dynamodb.Client is needed"))
	case table == "":
		panic(errors.New("troupe: dynamodbstore: the table's name is empty"))
	}
	return &Store{client, table, settingsOf(options)}
}

const (
	inProgress = "INPROGRESS"
	completed  = "COMPLETED"

	maxPartitionKey = 2048
	maxSortKey      = 1024
	maxItem         = 400 << 10
	// itemOverhead is more than the names of the attributes take, and the attributes other than key and value.
	itemOverhead = 2 << 10
)

// maxClaims bounds the tries to claim a key whose item is gone each time it is looked at.
const maxClaims = 5

// Claim implements idempotency.Store.
func (s *Store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
	key, err := s.key(c.Key)
	if err != nil {
		return nil, err
	}
	for range maxClaims {
		var old map[string]types.AttributeValue
		if old, err = s.claim(ctx, key, c); err != nil {
			return nil, s.explain("claim", err)
		}
		switch {
		case old == nil, textOf(old[s.Token]) == c.Token && textOf(old[s.Status]) == inProgress:
			// Ours: now, or by a request that the client has repeated.
			return nil, nil
		case len(old) == 0:
			// It is gone: released between the condition and the look.
		case !s.claimable(old):
			return s.read(old)
		}
	}
	return nil, fmt.Errorf("troupe: dynamodbstore: table %q: the item of a key changed %d times while it was claimed", s.table, maxClaims)
}

// claim writes the item of a claim. It returns the item that is in the way, which is empty if it is gone.
//
// It is an UpdateItem, and not the PutItem of Powertools, since DynamoDB compares the key of an UpdateItem with the
// table's: a PutItem with a sort key is welcome in a table without one, where all keys would then share an item.
func (s *Store) claim(ctx context.Context, key map[string]types.AttributeValue, c idempotency.Claim) (map[string]types.AttributeValue, error) {
	now := s.now()
	set, remove := claimed, " REMOVE #data"
	names := map[string]string{"#id": s.ID, "#status": s.Status, "#token": s.Token, "#expiration": s.Expiration, "#lease": s.Lease, "#data": s.Data, "#validation": s.Validation}
	values := map[string]types.AttributeValue{
		":inprogress": text(inProgress),
		":token":      text(c.Token),
		":expiration": seconds(s.keep(c)),
		":lease":      milliseconds(c.Lease),
		":now":        number(now.Unix()),
		":millis":     number(now.UnixMilli()),
	}
	if c.Payload != "" {
		set, values[":validation"] = set+validated, text(c.Payload)
	} else {
		remove += ", #validation"
	}
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:        &s.table,
		Key:              key,
		UpdateExpression: new(set + remove),
		// As Powertools has it.
		ConditionExpression:                 new("attribute_not_exists(#id) OR #expiration < :now OR (#status = :inprogress AND attribute_exists(#lease) AND #lease < :millis)"),
		ExpressionAttributeNames:            names,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &failed):
		return nil, err
	case len(failed.Item) > 0:
		return failed.Item, nil
	}
	got, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key, ConsistentRead: new(true)})
	if err != nil {
		return nil, err
	}
	if got.Item == nil {
		return map[string]types.AttributeValue{}, nil
	}
	return got.Item, nil
}

// keep is when DynamoDB may delete a claim: not before its lease has ended.
func (s *Store) keep(c idempotency.Claim) time.Time {
	if expires := s.now().Add(c.Expiry); expires.After(c.Lease) {
		return expires
	}
	return c.Lease
}

// claimable reports whether an item has stopped being in the way since the condition failed.
func (s *Store) claimable(item map[string]types.AttributeValue) bool {
	now := s.now()
	if expiration, ok := numberOf(item[s.Expiration]); ok && expiration < now.Unix() {
		return true
	}
	lease, ok := numberOf(item[s.Lease])
	return ok && textOf(item[s.Status]) == inProgress && lease < now.UnixMilli()
}

// read returns what an item says that is in the way of a claim.
func (s *Store) read(item map[string]types.AttributeValue) (*idempotency.Completion, error) {
	expiration, ok := numberOf(item[s.Expiration])
	if !ok {
		return nil, fmt.Errorf("troupe: dynamodbstore: table %q: the item of the key has no number in %q; no item of an idempotency store", s.table, s.Expiration)
	}
	switch textOf(item[s.Status]) {
	case inProgress:
		if lease, ok := numberOf(item[s.Lease]); ok {
			return nil, &idempotency.InProgressError{Lease: time.UnixMilli(lease)}
		}
		// Powertools without a Lambda context: the claim holds until it expires.
		return nil, &idempotency.InProgressError{Lease: time.Unix(expiration, 0)}
	case completed:
		value, err := s.valueOf(item[s.Data])
		if err != nil {
			return nil, err
		}
		return &idempotency.Completion{Value: value, Payload: textOf(item[s.Validation]), Expires: time.Unix(expiration, 0)}, nil
	}
	return nil, fmt.Errorf("troupe: dynamodbstore: table %q: the item of the key has another %q than %s or %s", s.table, s.Status, inProgress, completed)
}

// What updates set.
const (
	claimed   = "SET #status = :inprogress, #token = :token, #expiration = :expiration, #lease = :lease"
	finished  = "SET #status = :completed, #token = :token, #expiration = :expiration"
	validated = ", #validation = :validation"
)

// held is the condition of every change: the claim is the token's, or nobody's.
const held = "attribute_not_exists(#id) OR #token = :token"

// heldInProgress is held for what must not touch a completion.
const heldInProgress = "attribute_not_exists(#id) OR (#token = :token AND #status = :inprogress)"

// Renew implements idempotency.Store.
func (s *Store) Renew(ctx context.Context, c idempotency.Claim) error {
	values := map[string]types.AttributeValue{
		":token":      text(c.Token),
		":inprogress": text(inProgress),
		":expiration": seconds(s.keep(c)),
		":lease":      milliseconds(c.Lease),
	}
	names := map[string]string{"#id": s.ID, "#token": s.Token, "#status": s.Status, "#expiration": s.Expiration, "#lease": s.Lease}
	set := claimed
	if c.Payload != "" {
		set += validated
		names["#validation"], values[":validation"] = s.Validation, text(c.Payload)
	}
	return s.update(ctx, "renewal", c.Key, set, heldInProgress, names, values)
}

// Complete implements idempotency.Store.
func (s *Store) Complete(ctx context.Context, key, token string, done idempotency.Completion) error {
	if size := len(done.Value) + len(key) + itemOverhead; size > maxItem {
		return idempotency.ValueErrorf("%d bytes; with the rest of its item a value must not be above 400 KB", len(done.Value))
	}
	values := map[string]types.AttributeValue{
		":token":      text(token),
		":completed":  text(completed),
		":expiration": seconds(done.Expires),
	}
	names := map[string]string{"#id": s.ID, "#token": s.Token, "#status": s.Status, "#expiration": s.Expiration}
	set := finished
	if done.Payload != "" {
		set += validated
		names["#validation"], values[":validation"] = s.Validation, text(done.Payload)
	}
	if done.Value != nil {
		data, err := s.dataOf(done.Value)
		if err != nil {
			return err
		}
		set += ", #data = :data"
		names["#data"], values[":data"] = s.Data, data
	}
	return s.update(ctx, "completion", key, set, held, names, values)
}

func (s *Store) update(ctx context.Context, what, key, set, condition string, names map[string]string, values map[string]types.AttributeValue) error {
	id, err := s.key(key)
	if err != nil {
		return err
	}
	_, err = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &s.table,
		Key:                       id,
		UpdateExpression:          &set,
		ConditionExpression:       &condition,
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	})
	return s.explain(what, err)
}

// Release implements idempotency.Store.
func (s *Store) Release(ctx context.Context, key, token string) error {
	id, err := s.key(key)
	if err != nil {
		return err
	}
	_, err = s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                &s.table,
		Key:                      id,
		ConditionExpression:      new(heldInProgress),
		ExpressionAttributeNames: map[string]string{"#id": s.ID, "#token": s.Token, "#status": s.Status},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":token": text(token), ":inprogress": text(inProgress),
		},
	})
	return s.explain("release", err)
}

// key returns the primary key of an item.
func (s *Store) key(key string) (map[string]types.AttributeValue, error) {
	limit, id := maxPartitionKey, s.ID
	if s.sortKey != "" {
		limit, id = maxSortKey, s.sortKey
	}
	switch {
	case key == "":
		return nil, idempotency.KeyErrorf("it is empty")
	case len(key) > limit:
		return nil, idempotency.KeyErrorf("%d bytes; DynamoDB allows %d in %q", len(key), limit, id)
	case !utf8.ValidString(key):
		return nil, idempotency.KeyErrorf("it is not UTF-8, which DynamoDB's strings are; write bytes in hexadecimal")
	}
	if s.sortKey != "" {
		return map[string]types.AttributeValue{s.ID: text(s.partition), s.sortKey: text(key)}, nil
	}
	return map[string]types.AttributeValue{s.ID: text(key)}, nil
}

// explain makes of the client's error what a caller can act on.
func (s *Store) explain(what string, err error) error {
	var (
		failed  *types.ConditionalCheckFailedException
		missing *types.ResourceNotFoundException
		api     smithy.APIError
	)
	hint := ""
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		return idempotency.ErrLeaseLost
	case errors.As(err, &missing):
		hint = "; there is no such table in the client's region and account"
	case errors.As(err, &api) && api.ErrorCode() == "ValidationException":
		if tooLarge(api.ErrorMessage()) {
			return idempotency.ValueErrorf("DynamoDB allows no item above 400 KB")
		}
		keys := fmt.Sprintf("the partition key %q of type S and no sort key", s.ID)
		if s.sortKey != "" {
			keys = fmt.Sprintf("the partition key %q and the sort key %q, both of type S", s.ID, s.sortKey)
		}
		hint = "; the table must have " + keys
	}
	return fmt.Errorf("troupe: dynamodbstore: table %q%s: %s: %w", s.table, hint, what, err)
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func milliseconds(t time.Time) types.AttributeValue { return number(ceil(t, time.Millisecond)) }
func seconds(t time.Time) types.AttributeValue      { return number(ceil(t, time.Second)) }

// ceil is the first whole unit since 1970 that is not before t.
func ceil(t time.Time, unit time.Duration) int64 {
	perSecond := int64(time.Second / unit)
	n := t.Unix()*perSecond + int64(t.Nanosecond())/int64(unit)
	if t.Nanosecond()%int(unit) > 0 {
		n++
	}
	return n
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// numberOf returns the whole part of a number.
func numberOf(v types.AttributeValue) (int64, bool) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	return int64(f), err == nil
}
