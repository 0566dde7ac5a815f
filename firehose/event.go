package firehose

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonfault"
)

// Event is what Firehose passes to a function. The type of aws-lambda-go has no room for records from Amazon MSK.
type Event struct {
	InvocationID           string   `json:"invocationId"`
	DeliveryStreamARN      string   `json:"deliveryStreamArn"`
	SourceKinesisStreamARN string   `json:"sourceKinesisStreamArn,omitempty"`
	SourceMSKARN           string   `json:"sourceMSKArn,omitempty"`
	Region                 string   `json:"region"`
	Records                []Record `json:"records"`
}

// Record is a record of a Firehose stream.
type Record struct {
	// ID is what identifies the record in the response.
	ID string
	// ApproximateArrivalTimestamp is when Firehose received the record.
	ApproximateArrivalTimestamp events.MilliSecondsEpochTime
	// Data is the record's data, decoded from base64; nil if there is none.
	Data []byte
	// FromMSK reports that the data is called kafkaRecordValue, as for records from Amazon MSK. The response
	// must use the same name.
	FromMSK bool
	// Kinesis describes the Kinesis record that this record comes from; nil for other sources.
	Kinesis *events.KinesisFirehoseRecordMetadata
	// MSK describes the Kafka record that this record comes from; nil for other sources.
	MSK *MSKMetadata
}

// MSKMetadata describes a record of an Amazon MSK cluster.
type MSKMetadata struct {
	Offset                      string                       `json:"offset"`
	PartitionID                 string                       `json:"partitionId"`
	ApproximateArrivalTimestamp events.MilliSecondsEpochTime `json:"approximateArrivalTimestamp"`
}

// content is the part of a record that the handler needs.
type content struct {
	ID    string `json:"recordId"`
	Data  []byte `json:"data"`
	Value []byte `json:"kafkaRecordValue"`
}

// wire is a record as it is written.
type wire struct {
	content
	Arrival events.MilliSecondsEpochTime          `json:"approximateArrivalTimestamp"`
	Kinesis *events.KinesisFirehoseRecordMetadata `json:"kinesisRecordMetadata,omitempty"`
	MSK     *MSKMetadata                          `json:"mskRecordMetadata,omitempty"`
}

// record returns the Record; its data has the name that nameOf returns.
func (w *wire) record(msk bool) Record {
	r := Record{ID: w.ID, ApproximateArrivalTimestamp: w.Arrival, Data: w.Data, FromMSK: msk, Kinesis: w.Kinesis, MSK: w.MSK}
	if msk {
		r.Data = w.Value
	}
	return r
}

// The names of a record's data.
const (
	dataField  = "data"
	valueField = "kafkaRecordValue"
)

// nameOf is how the data of a record is called.
func nameOf(msk bool) string {
	if msk {
		return valueField
	}
	return dataField
}

// decode reads a record, which is JSON. A description of the record that cannot be read is omitted and mentioned in
// note: a failure is final, and the data can be transformed without it. The error is a *batch.DecodeError.
func decode(raw []byte, fromMSK bool) (r Record, note string, err error) {
	var w wire
	if json.Unmarshal(raw, &w) == nil {
		return w.record(fromMSK), "", nil
	}
	w = wire{}
	if fault := jsonfault.Unmarshal(raw, &w.content, false); fault != nil {
		return Record{}, "", &batch.DecodeError{Field: fault.Path, Offset: int64(fault.Offset), Problem: fault.Problem}
	}
	var (
		arrival struct {
			Value events.MilliSecondsEpochTime `json:"approximateArrivalTimestamp"`
		}
		kinesis struct {
			Value *events.KinesisFirehoseRecordMetadata `json:"kinesisRecordMetadata"`
		}
		msk struct {
			Value *MSKMetadata `json:"mskRecordMetadata"`
		}
		omitted []string
	)
	readable := func(into any) bool {
		fault := jsonfault.Unmarshal(raw, into, false)
		if fault != nil {
			omitted = append(omitted, fault.Path+": "+fault.Problem)
		}
		return fault == nil
	}
	if readable(&arrival) {
		w.Arrival = arrival.Value
	}
	if readable(&kinesis) {
		w.Kinesis = kinesis.Value
	}
	if readable(&msk) {
		w.MSK = msk.Value
	}
	return w.record(fromMSK), "left out: " + strings.Join(omitted, "; "), nil
}

// UnmarshalJSON reads a record as Firehose writes it.
func (r *Record) UnmarshalJSON(raw []byte) error {
	var (
		names struct {
			Data  json.RawMessage `json:"data"`
			Value json.RawMessage `json:"kafkaRecordValue"`
		}
		w wire
	)
	if string(raw) == "null" {
		return nil
	}
	if fault := jsonfault.Unmarshal(raw, &names, false); fault != nil {
		return &batch.DecodeError{Field: fault.Path, Offset: int64(fault.Offset), Problem: fault.Problem}
	}
	if names.Data != nil && names.Value != nil {
		return errBoth
	}
	if fault := jsonfault.Unmarshal(raw, &w, false); fault != nil {
		return &batch.DecodeError{Field: fault.Path, Offset: int64(fault.Offset), Problem: fault.Problem}
	}
	*r = w.record(names.Value != nil)
	return nil
}

var errBoth = errors.New("troupe: a Firehose record has both data and kafkaRecordValue")

// MarshalJSON writes a record as Firehose does.
func (r Record) MarshalJSON() ([]byte, error) {
	type described struct {
		ID      string                                `json:"recordId"`
		Arrival events.MilliSecondsEpochTime          `json:"approximateArrivalTimestamp"`
		Kinesis *events.KinesisFirehoseRecordMetadata `json:"kinesisRecordMetadata,omitempty"`
		MSK     *MSKMetadata                          `json:"mskRecordMetadata,omitempty"`
	}
	d := described{r.ID, r.ApproximateArrivalTimestamp, r.Kinesis, r.MSK}
	if r.FromMSK {
		return json.Marshal(struct {
			described
			Value []byte `json:"kafkaRecordValue"`
		}{d, r.Data})
	}
	return json.Marshal(struct {
		described
		Data []byte `json:"data"`
	}{d, r.Data})
}
