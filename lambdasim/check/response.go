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

// response is a body as a mapping with ReportBatchItemFailures interprets it.
type response struct {
	fault    string // what is wrong with it; empty if Lambda accepts it
	reported map[string]bool
	state    bool // it carries a state through a tumbling window
}

// readResponse reads a body. composite is as in Rules; inBatch reports whether an identifier is in the batch.
func readResponse(body string, composite bool, inBatch func(id string) bool) (r response) {
	switch body = strings.TrimSpace(body); body {
	case "", `""`, "null", "[]", "{}", `{"` + failuresKey + `":[]}`:
		return r
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &object) != nil {
		return response{fault: "it is not a JSON object"}
	}
	if state, ok := object[stateKey]; ok {
		r.state = string(state) != "null"
	}
	list, ok := object[failuresKey]
	if !ok {
		if !r.state {
			r.fault = missing(object)
		}
		return r
	}
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		r.fault = fmt.Sprintf("%q is not an array", failuresKey)
		return r
	}
	r.reported = make(map[string]bool, len(items))
	for i, item := range items {
		id, fault := readItem(item, composite)
		if fault == "" && !inBatch(id) {
			fault = fmt.Sprintf("names %q, which is not the identifier of a record in the batch", id)
		}
		if fault != "" {
			r.fault = fmt.Sprintf("element %d of %q %s, so Lambda takes the whole batch as failed", i, failuresKey, fault)
			return r
		}
		r.reported[id] = true
	}
	return r
}

// missing describes what is wrong with an object without the expected key.
func missing(object map[string]json.RawMessage) string {
	for key := range object {
		if strings.EqualFold(key, failuresKey) {
			return fmt.Sprintf("its key %q is misspelt: without %q Lambda takes it for success", key, failuresKey)
		}
	}
	return fmt.Sprintf("it has no key %q, so Lambda takes it for success", failuresKey)
}

// readItem reads the identifier in an element of the list.
func readItem(item json.RawMessage, composite bool) (id, fault string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(item, &fields) != nil || fields == nil {
		return "", "is not an object"
	}
	raw, ok := fields[identifierKey]
	if !ok {
		return "", fmt.Sprintf("has no key %q", identifierKey)
	}
	if composite {
		return readObject(raw)
	}
	var text *string
	switch {
	case json.Unmarshal(raw, &text) != nil:
		return "", fmt.Sprintf("has something else than a string as %q", identifierKey)
	case text == nil || *text == "":
		return "", fmt.Sprintf("has an empty %q", identifierKey)
	default:
		return *text, ""
	}
}

func readObject(raw json.RawMessage) (id, fault string) {
	var fields map[string]json.RawMessage
	var partition *string
	var offset *int64
	switch {
	case json.Unmarshal(raw, &fields) != nil || fields == nil:
		return "", fmt.Sprintf("has something else than an object as %q", identifierKey)
	case json.Unmarshal(fields[partitionKey], &partition) != nil || partition == nil:
		return "", fmt.Sprintf("has no text %q in its %q", partitionKey, identifierKey)
	case json.Unmarshal(fields[offsetKey], &offset) != nil || offset == nil:
		return "", fmt.Sprintf("has no integer %q in its %q", offsetKey, identifierKey)
	}
	return fmt.Sprintf("%s@%d", *partition, *offset), ""
}
