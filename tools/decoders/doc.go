// Package decoders measures decoders of JSON for the bodies of messages, in handlers of package typed, and compares their
// results with those of encoding/json. troupe links none but encoding/json.
//
//	go test -C tools ./decoders -run '^$' -bench . -count 5
package decoders
