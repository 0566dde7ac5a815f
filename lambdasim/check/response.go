package check

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The keys of a response.
const (
	failuresKey   = "batchItemFailures"
	identifierKey = "itemIdentifier"
	stateKey      = "state" // of a tumbling window

	// Those of an identifier that is an object.
	partitionKey = "partition"
	offsetKey    = "offset"
)

// unsound says what is wrong with a response to a mapping with ReportBatchItemFailures; empty if Lambda
// takes it for what it says. composite is as in Rules; inBatch tells the identifiers of the batch.
func unsound(body string, composite bool, inBatch func(id string) bool) string {
	switch body = strings.TrimSpace(body); body {
	case "", `""`, "null", "[]", "{}", `{"` + failuresKey + `":[]}`:
		return ""
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &object) != nil {
		return "it is not a JSON object"
	}
	list, ok := object[failuresKey]
	if !ok {
		if _, window := object[stateKey]; window {
			return ""
		}
		for key := range object {
			if strings.EqualFold(key, failuresKey) {
				return fmt.Sprintf("its key %q is misspelt: without %q Lambda takes it for success", key, failuresKey)
			}
		}
		return fmt.Sprintf("it has no key %q, so Lambda takes it for success", failuresKey)
	}
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return fmt.Sprintf("%q is not an array", failuresKey)
	}
	for i, item := range items {
		if fault := unsoundItem(item, composite, inBatch); fault != "" {
			return fmt.Sprintf("element %d of %q %s, so Lambda takes the whole batch as failed", i, failuresKey, fault)
		}
	}
	return ""
}

func unsoundItem(item json.RawMessage, composite bool, inBatch func(id string) bool) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(item, &fields) != nil || fields == nil {
		return "is not an object"
	}
	raw, ok := fields[identifierKey]
	if !ok {
		return fmt.Sprintf("has no key %q", identifierKey)
	}
	if composite {
		return unsoundObject(raw, inBatch)
	}
	var id *string
	switch {
	case json.Unmarshal(raw, &id) != nil:
		return fmt.Sprintf("has something else than a string as %q", identifierKey)
	case id == nil || *id == "":
		return fmt.Sprintf("has an empty %q", identifierKey)
	case !inBatch(*id):
		return fmt.Sprintf("names %q, which is not the identifier of a record in the batch", *id)
	default:
		return ""
	}
}

func unsoundObject(raw json.RawMessage, inBatch func(id string) bool) string {
	var fields map[string]json.RawMessage
	var partition *string
	var offset *int64
	switch {
	case json.Unmarshal(raw, &fields) != nil || fields == nil:
		return fmt.Sprintf("has something else than an object as %q", identifierKey)
	case json.Unmarshal(fields[partitionKey], &partition) != nil || partition == nil:
		return fmt.Sprintf("has no text %q in its %q", partitionKey, identifierKey)
	case json.Unmarshal(fields[offsetKey], &offset) != nil || offset == nil:
		return fmt.Sprintf("has no integer %q in its %q", offsetKey, identifierKey)
	}
	if id := fmt.Sprintf("%s@%d", *partition, *offset); !inBatch(id) {
		return fmt.Sprintf("names %q, which is not the identifier of a record in the batch", id)
	}
	return ""
}
