package sources

import (
	"reflect"

	"github.com/aws/aws-lambda-go/events"
	"github.com/troupe-go/troupe/batch"
)

// The fields of a DynamoDB record; those from dynamoCreated on are in the object dynamodb.
const (
	dynamoEventID = iota
	dynamoEventName
	dynamoEventVersion
	dynamoEventSource
	dynamoAWSRegion
	dynamoDynamoDB
	dynamoUserIdentity
	dynamoEventSourceARN
	dynamoCreated
	dynamoKeys
	dynamoNewImage
	dynamoOldImage
	dynamoSequenceNumber
	dynamoSizeBytes
	dynamoStreamViewType
)

var dynamoLayout = newLayout([]string{"eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb",
	"userIdentity", "eventSourceARN"},
	"", "dynamodb", "ApproximateCreationDateTime", "Keys", "NewImage", "OldImage", "SequenceNumber", "SizeBytes", "StreamViewType")

// DynamoDB reads the events of DynamoDB streams. Records are ordered by item: a group is the item's key
// attributes in canonical form, such as {"Id":{"N":"101"}}, with sorted names, and numbers as DynamoDB wrote
// them.
func DynamoDB() *Source[events.DynamoDBEvent, events.DynamoDBEventRecord] {
	mapping := form[events.DynamoDBEventRecord]{
		layout: dynamoLayout, id: dynamoSequenceNumber, sift: siftDynamoDB, siftGroup: siftGroupDynamoDB,
		plain: decodeAs[events.DynamoDBEventRecord], wire: reflect.TypeFor[events.DynamoDBEventRecord](), untold: untoldLambda,
	}
	pipe := mapping
	pipe.id, pipe.sift, pipe.untold = dynamoEventID, siftPipedDynamoDB, untoldPipe
	return &Source[events.DynamoDBEvent, events.DynamoDBEventRecord]{
		kind:     batch.DynamoDB,
		origin:   "aws:dynamodb",
		stream:   true,
		mapping:  mapping,
		pipe:     pipe,
		originAt: dynamoEventSource,
		arnAt:    dynamoEventSourceARN,
		decode:   decodeDynamoDB,
		group:    groupDynamoDB,
		records:  func(e events.DynamoDBEvent) []events.DynamoDBEventRecord { return e.Records },
		factsOf: func(r *events.DynamoDBEventRecord) facts {
			return facts{id: r.Change.SequenceNumber, fault: "missing or empty", origin: r.EventSource}
		},
		groupOf: func(r *events.DynamoDBEventRecord) string { return itemKey(r.Change.Keys) },
		images:  imagesOf,
	}
}

func decodeDynamoDB(f fields) (events.DynamoDBEventRecord, bool) {
	r := f.withoutImages()
	r.Change.Keys, r.Change.NewImage, r.Change.OldImage = f.image(dynamoKeys), f.image(dynamoNewImage), f.image(dynamoOldImage)
	return r, !f.fallback
}

// withoutImages reads a record of a DynamoDB stream, except its keys and images.
func (f *fields) withoutImages() events.DynamoDBEventRecord {
	f.objectAt(dynamoDynamoDB)
	return events.DynamoDBEventRecord{
		AWSRegion: f.string(dynamoAWSRegion),
		Change: events.DynamoDBStreamRecord{
			ApproximateCreationDateTime: f.time(dynamoCreated),
			SequenceNumber:              f.string(dynamoSequenceNumber),
			SizeBytes:                   f.int64(dynamoSizeBytes),
			StreamViewType:              f.string(dynamoStreamViewType),
		},
		EventID:        f.string(dynamoEventID),
		EventName:      f.string(dynamoEventName),
		EventSource:    f.string(dynamoEventSource),
		EventVersion:   f.string(dynamoEventVersion),
		EventSourceArn: f.string(dynamoEventSourceARN),
		UserIdentity:   f.userIdentity(),
	}
}

var userIdentityNames = []string{"type", "principalId"}

func (f *fields) userIdentity() *events.DynamoDBUserIdentity {
	i, ok := f.objectAt(dynamoUserIdentity)
	if !ok {
		return nil
	}
	var (
		u    events.DynamoDBUserIdentity
		seen uint32
	)
	i, more := f.First(i, '}', 0)
	for more {
		var k int
		k, i = f.field(i, userIdentityNames, &seen)
		switch k {
		case 0:
			u.Type, i = f.quoted(i)
		case 1:
			u.PrincipalID, i = f.quoted(i)
		default:
			i = f.Value(i, 0)
		}
		i, more = f.Next(i, '}')
	}
	return &u
}

func groupDynamoDB(f fields) (string, bool) {
	f.objectAt(dynamoDynamoDB) // a pipe's record has its identifier outside of it
	if keys, ok := f.literal(dynamoKeys); ok && isItemKey(keys) {
		return keys, true
	}
	keys := f.image(dynamoKeys)
	return itemKey(keys), !f.fallback
}

func siftDynamoDB(raw string) facts {
	var r struct {
		Change struct {
			SequenceNumber lenient `json:"SequenceNumber"`
		} `json:"dynamodb"`
		EventSource lenient `json:"eventSource"`
	}
	_ = decodePlain(raw, &r)
	id, fault := r.Change.SequenceNumber.identifier()
	return facts{id: id, fault: fault, origin: r.EventSource.text()}
}

func siftPipedDynamoDB(raw string) facts {
	var r struct {
		EventID     lenient `json:"eventID"`
		EventSource lenient `json:"eventSource"`
	}
	_ = decodePlain(raw, &r)
	id, fault := r.EventID.identifier()
	return facts{id: id, fault: fault, origin: r.EventSource.text()}
}

func siftGroupDynamoDB(raw string) (string, bool) {
	var r struct {
		Change struct {
			Keys item `json:"Keys"`
		} `json:"dynamodb"`
	}
	if decodePlain(raw, &r) != nil {
		return "", false
	}
	return itemKey(r.Change.Keys), true
}
