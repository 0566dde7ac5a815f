package lambdasim

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// answer is a response as the mapping interprets it.
type answer struct {
	whole  bool            // the whole batch has failed
	failed map[string]bool // otherwise: the reported identifiers
	state  json.RawMessage // the state of a tumbling window in the response; nil for none
}

// read interprets a response. inBatch reports whether an identifier is in the batch.
func (s *Simulation) read(body []byte, inBatch func(id string) bool) answer {
	body = bytes.TrimSpace(body)
	var object map[string]json.RawMessage
	isObject := json.Unmarshal(body, &object) == nil && object != nil

	var a answer
	if state, ok := object["state"]; ok && !bytes.Equal(state, []byte("null")) {
		a.state = bytes.Clone(state)
	}
	if !s.Mapping.reports() {
		return a
	}
	switch string(body) {
	case "", `""`, "null", "[]", "{}":
		return a
	}
	list, ok := object["batchItemFailures"]
	if !isObject || !ok {
		a.whole = s.Unknown.RefuseForeignBodies && a.state == nil
		return a
	}
	a.failed, ok = s.identifiers(list, inBatch)
	a.whole = !ok
	return a
}

// identifiers reads the list of a response. It reports false if the list fails the whole batch.
func (s *Simulation) identifiers(list json.RawMessage, inBatch func(id string) bool) (map[string]bool, bool) {
	var items []map[string]json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return nil, false
	}
	failed := make(map[string]bool, len(items))
	for _, item := range items {
		id, ok := s.identifier(item["itemIdentifier"])
		if !ok {
			return nil, false
		}
		switch {
		case inBatch(id):
			failed[id] = true
		case !s.Unknown.IgnoreForeignIdentifiers:
			return nil, false
		}
	}
	return failed, len(failed) > 0 || len(items) == 0
}

// identifier reads the identifier of a record: a string, or Kafka's object.
func (s *Simulation) identifier(raw json.RawMessage) (id string, ok bool) {
	if !s.rules().Composite {
		decoded := json.Unmarshal(raw, &id) == nil
		return id, decoded && id != ""
	}
	var object struct {
		Partition *string `json:"partition"`
		Offset    *int64  `json:"offset"`
	}
	if json.Unmarshal(raw, &object) != nil || object.Partition == nil || object.Offset == nil {
		return "", false
	}
	return fmt.Sprintf("%s@%d", *object.Partition, *object.Offset), true
}
