package messages

// Directive is what the batch supervisor does about a record that has failed for good.
type Directive uint8

const (
	// Continue: everything else goes on, the record's group too.
	Continue Directive = iota + 1
	// StopGroup: nothing more of the record's group starts; the other groups go on.
	StopGroup
	// StopBatch: nothing more of the batch starts.
	StopBatch
)

// String returns "continue", "stop-group" or "stop".
func (d Directive) String() string {
	switch d {
	case Continue:
		return "continue"
	case StopGroup:
		return "stop-group"
	case StopBatch:
		return "stop"
	default:
		return "no directive"
	}
}
