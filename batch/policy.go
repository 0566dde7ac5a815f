package batch

import "fmt"

// Policy decides how the failure of a record affects the other records of its batch.
type Policy uint8

const (
	// Derive leaves the choice to the event: Continue for SQS standard queues, StopBatch for SQS FIFO queues,
	// StopGroup for streams and Kafka topics. With WithoutOrder it is Continue for streams and topics, and
	// still StopBatch for FIFO queues (SPEC P4).
	Derive Policy = iota
	// Continue handles every other record. In an ordered source this includes later records of the failed
	// record's group, which then overtake it: order is lost (SPEC P1).
	Continue
	// StopGroup starts no later record of the failed record's group; other groups continue. Order holds
	// within every group. In a batch without groups it acts as Continue (SPEC P3). It is recommended for FIFO
	// queues with many groups, where StopBatch makes every group wait for one poison message.
	StopGroup
	// StopBatch starts nothing new once a failure is known. Handlers that are running may finish, and their
	// results count (SPEC P2).
	StopBatch
)

// String returns "derive", "continue", "stop-group" or "stop-batch": the names that the demo's --policy flag accepts.
func (p Policy) String() string {
	switch p {
	case Derive:
		return "derive"
	case Continue:
		return "continue"
	case StopGroup:
		return "stop-group"
	case StopBatch:
		return "stop-batch"
	default:
		return fmt.Sprintf("policy %d", uint8(p))
	}
}
