package sources

import (
	"bytes"
	"reflect"

	"github.com/aws/aws-lambda-go/events"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonscan"
)

// The fields of a Kinesis record; those from kinesisSchemaVersion on are in the object kinesis.
const (
	kinesisKinesis = iota
	kinesisEventSource
	kinesisEventVersion
	kinesisEventID
	kinesisEventName
	kinesisInvokeIdentityARN
	kinesisAWSRegion
	kinesisEventSourceARN
	kinesisSchemaVersion
	kinesisPartitionKey
	kinesisSequenceNumber
	kinesisData
	kinesisArrival
	kinesisEncryptionType
)

var kinesisLayout = newLayout([]string{"kinesis", "eventSource", "eventVersion", "eventID", "eventName",
	"invokeIdentityArn", "awsRegion", "eventSourceARN"},
	"", "kinesis", "kinesisSchemaVersion", "partitionKey", "sequenceNumber", "data", "approximateArrivalTimestamp", "encryptionType")

// Kinesis reads the events of Kinesis data streams. Records are ordered by partition key.
func Kinesis() *Source[events.KinesisEvent, events.KinesisEventRecord] {
	return &Source[events.KinesisEvent, events.KinesisEventRecord]{
		kind:   batch.Kinesis,
		origin: "aws:kinesis",
		stream: true,
		mapping: form[events.KinesisEventRecord]{
			layout: kinesisLayout, id: kinesisSequenceNumber, sift: siftKinesis, siftGroup: siftGroupKinesis,
			plain: decodeAs[events.KinesisEventRecord], wire: reflect.TypeFor[events.KinesisEventRecord](), untold: untoldLambda,
		},
		pipe: form[events.KinesisEventRecord]{
			layout: kinesisLayout.flat(), id: kinesisEventID, sift: siftFlatKinesis, siftGroup: siftGroupFlatKinesis,
			plain: plainFlatKinesis, wire: reflect.TypeFor[flatKinesis](), untold: untoldPipe,
		},
		originAt: kinesisEventSource,
		arnAt:    kinesisEventSourceARN,
		decode:   decodeKinesis,
		group:    groupKinesis,
		records:  func(e events.KinesisEvent) []events.KinesisEventRecord { return e.Records },
		factsOf: func(r *events.KinesisEventRecord) facts {
			return facts{id: r.Kinesis.SequenceNumber, fault: "missing or empty", origin: r.EventSource}
		},
		groupOf: func(r *events.KinesisEventRecord) string { return r.Kinesis.PartitionKey },
		payload: func(f fields) ([]byte, bool) {
			f.objectAt(kinesisKinesis)
			data := f.bytes(kinesisData)
			return data, !f.fallback
		},
		payloadOf: func(r *events.KinesisEventRecord) []byte { return bytes.Clone(r.Kinesis.Data) },
	}
}

func decodeKinesis(f fields) (events.KinesisEventRecord, bool) {
	f.objectAt(kinesisKinesis)
	r := events.KinesisEventRecord{
		AwsRegion:         f.string(kinesisAWSRegion),
		EventID:           f.string(kinesisEventID),
		EventName:         f.string(kinesisEventName),
		EventSource:       f.string(kinesisEventSource),
		EventSourceArn:    f.string(kinesisEventSourceARN),
		EventVersion:      f.string(kinesisEventVersion),
		InvokeIdentityArn: f.string(kinesisInvokeIdentityARN),
		Kinesis: events.KinesisRecord{
			ApproximateArrivalTimestamp: f.time(kinesisArrival),
			Data:                        f.bytes(kinesisData),
			EncryptionType:              f.string(kinesisEncryptionType),
			PartitionKey:                f.string(kinesisPartitionKey),
			SequenceNumber:              f.string(kinesisSequenceNumber),
			KinesisSchemaVersion:        f.string(kinesisSchemaVersion),
		},
	}
	return r, !f.fallback
}

func groupKinesis(f fields) (string, bool) {
	group := f.string(kinesisPartitionKey)
	return group, !f.fallback
}

func siftKinesis(raw string) facts {
	var r struct {
		Kinesis struct {
			SequenceNumber lenient `json:"sequenceNumber"`
		} `json:"kinesis"`
		EventSource lenient `json:"eventSource"`
	}
	_ = decodePlain(raw, &r)
	id, fault := r.Kinesis.SequenceNumber.identifier()
	return facts{id: id, fault: fault, origin: r.EventSource.text()}
}

func siftGroupKinesis(raw string) (string, bool) {
	var r struct {
		Kinesis struct {
			PartitionKey lenient `json:"partitionKey"`
		} `json:"kinesis"`
	}
	err := decodePlain(raw, &r)
	return r.Kinesis.PartitionKey.text(), err == nil && r.Kinesis.PartitionKey.readable()
}

// flatKinesis is a record the way that a pipe writes it: the members that a mapping puts into the object kinesis are members of the record.
type flatKinesis struct {
	AwsRegion         string `json:"awsRegion"`
	EventID           string `json:"eventID"`
	EventName         string `json:"eventName"`
	EventSource       string `json:"eventSource"`
	EventSourceArn    string `json:"eventSourceARN"`
	EventVersion      string `json:"eventVersion"`
	InvokeIdentityArn string `json:"invokeIdentityArn"`
	events.KinesisRecord
}

func plainFlatKinesis(raw string) (events.KinesisEventRecord, error) {
	flat, err := decodeAs[flatKinesis](raw)
	return events.KinesisEventRecord{
		AwsRegion: flat.AwsRegion, EventID: flat.EventID, EventName: flat.EventName, EventSource: flat.EventSource,
		EventSourceArn: flat.EventSourceArn, EventVersion: flat.EventVersion, InvokeIdentityArn: flat.InvokeIdentityArn, Kinesis: flat.KinesisRecord,
	}, err
}

// siftFlatKinesis refuses a record that is not flat: taken for a flat one it would have no data.
func siftFlatKinesis(raw string) (f facts) {
	var r struct {
		EventID     lenient `json:"eventID"`
		EventSource lenient `json:"eventSource"`
		Kinesis     lenient `json:"kinesis"`
	}
	_ = decodePlain(raw, &r)
	f.origin = r.EventSource.text()
	if came := r.Kinesis.came; came != "" && came != "null" {
		f.alien = `"kinesis" is ` + jsonscan.Article(came) + " where none was expected: a pipe's records have its members themselves"
	}
	f.id, f.fault = r.EventID.identifier()
	return f
}

func siftGroupFlatKinesis(raw string) (string, bool) {
	var r struct {
		PartitionKey lenient `json:"partitionKey"`
	}
	err := decodePlain(raw, &r)
	return r.PartitionKey.text(), err == nil && r.PartitionKey.readable()
}
