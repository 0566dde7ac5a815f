package lambdasim

import "encoding/json"

// failureRecord is the message to an on-failure destination.
type failureRecord struct {
	Request   failureRequest   `json:"requestContext"`
	Response  *failureResponse `json:"responseContext,omitempty"` // of the last invocation, if there was one
	Version   string           `json:"version"`
	Timestamp string           `json:"timestamp"`
	Kinesis   *streamBatchInfo `json:"KinesisBatchInfo,omitempty"`
	DynamoDB  *streamBatchInfo `json:"DDBStreamBatchInfo,omitempty"`
	Kafka     *kafkaBatchInfo  `json:"KafkaBatchInfo,omitempty"`
}

type failureRequest struct {
	ID        string `json:"requestId"`
	Function  string `json:"functionArn"`
	Condition string `json:"condition"`
	Invokes   int    `json:"approximateInvokeCount"`
}

type failureResponse struct {
	Status  int    `json:"statusCode"`
	Version string `json:"executedVersion"`
	Error   string `json:"functionError,omitempty"`
}

type streamBatchInfo struct {
	Shard string `json:"shardId"`
	Start string `json:"startSequenceNumber"`
	End   string `json:"endSequenceNumber"`
	First string `json:"approximateArrivalOfFirstRecord"`
	Last  string `json:"approximateArrivalOfLastRecord"`
	Size  int    `json:"batchSize"`
	ARN   string `json:"streamArn"`
}

type kafkaBatchInfo struct {
	Size    int                            `json:"batchSize"`
	ARN     string                         `json:"eventSourceArn,omitempty"`
	Servers string                         `json:"bootstrapServers"`
	Bytes   int                            `json:"payloadSize"`
	Records map[string]*kafkaPartitionInfo `json:"recordsInfo"`
}

type kafkaPartitionInfo struct {
	First     string `json:"firstRecordOffset"`
	Last      string `json:"lastRecordOffset"`
	FirstTime string `json:"firstRecordTimestamp"`
	LastTime  string `json:"lastRecordTimestamp"`
}

// failure creates the record for a batch whose first record has the identifier first.
func (e *engine) failure(first string, s segment, condition string) failureRecord {
	record := failureRecord{
		Request:   failureRequest{uuid("failure"+first, uint64(s.invokes)), functionARN, condition, s.invokes},
		Version:   "1.0",
		Timestamp: e.now.UTC().Format(kinesisWhenFormat),
	}
	if s.invokes > 0 {
		record.Response = &failureResponse{Status: 200, Version: "$LATEST"}
		if s.erred {
			record.Response.Error = "Unhandled"
		}
	}
	return record
}

func (r failureRecord) text() string {
	text, _ := json.Marshal(r) // strings and numbers never fail
	return string(text)
}
