package kafka

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
)

// Response is the response to Lambda: the failed records.
type Response struct {
	BatchItemFailures []BatchItemFailure `json:"batchItemFailures"`
}

// BatchItemFailure names a failed record in a Response.
type BatchItemFailure struct {
	ItemIdentifier ItemIdentifier `json:"itemIdentifier"`
}

// ItemIdentifier identifies a Kafka record to Lambda; other sources use a string.
type ItemIdentifier struct {
	// Partition is the topic and the number of the partition: "orders-0".
	Partition string `json:"partition"`
	Offset    int64  `json:"offset"`
}

// String returns Record.ID of the record.
func (i ItemIdentifier) String() string {
	return i.Partition + "@" + strconv.FormatInt(i.Offset, 10)
}

// identifierOf is the inverse of ItemIdentifier.String.
func identifierOf(id string) ItemIdentifier {
	at := strings.LastIndexByte(id, '@')
	offset, _ := strconv.ParseInt(id[at+1:], 10, 64) // made by String
	return ItemIdentifier{id[:at], offset}
}

// Answer returns the writer of responses, for packages that build their own processors. It has no lowest identifier:
// for streams AWS documents that Lambda resumes at the lowest reported record, but not for Kafka. According to the
// documentation Lambda redelivers the reported records, and in queue mode nothing else is possible.
func Answer() response.Answer[Response] {
	return response.Answer[Response]{
		Typed: func(_ *batch.Report, ids []string) Response { return respond(ids) },
		JSON:  func(_ *batch.Report, ids []string) []byte { return encode(ids) },
	}
}

func respond(ids []string) Response {
	items := make([]BatchItemFailure, len(ids))
	for i, id := range ids {
		items[i].ItemIdentifier = identifierOf(id)
	}
	return Response{items}
}

func encode(ids []string) []byte {
	text, _ := json.Marshal(respond(ids)) // strings and integers always can be
	return text
}
