// Package plan estimates capacity for a function behind an event source mapping: the number of execution environments
// for a workload, whether the source keeps up, the limit that binds first, and the time for a backlog. It computes with
// the scaling rules that AWS documents; aws.go has the rules, each with its page.
//
// # The model
//
// An invocation takes its overhead and then as many rounds of work as its records need: n records of which p may be
// handled at once take ⌈n/p⌉ times the work of one. p is the concurrency of the processor, and in an ordered source at
// most the number of groups in the batch, since the records of a group are handled one after the other.
//
// The model assumes that records arrive evenly, are alike, and are spread evenly over message groups, keys and shards,
// and that nothing fails. It does not rely on anything faster than documented: environments start at once, but no
// faster than 1,000 in 10 seconds.
//
// A standard queue's batch is delivered as soon as there is a message and a free environment, unless there is a window.
// So batches are small while environments are available, and fill up near a limit. The environments needed are those
// that suffice with full batches; the environments in use are those with the batches to expect.
//
// A FIFO queue delivers as many messages of a group as it can before those of the next one, and none of a group with
// messages in flight. With as many environments as groups a batch has one group, and so it does when groups have a
// backlog; concurrency then gains nothing. With fewer environments than groups, and the groups short, a batch has
// several.
//
// A stream has a lane for each shard, times ParallelizationFactor, and a topic one for each partition: one
// batch at a time. What arrives meanwhile is the next batch.
//
// A backlog is processed in batches of one size. Batches of a lane get smaller towards its end, so the backlog takes
// longer if the account allows fewer environments than there are lanes and the rate is near the capacity.
//
// AWS does not document how fast pollers of a topic are added (the model assumes all of them from the start), and
// whether a FIFO queue's pollers have a rate (the model assumes none). Package lambdasim makes the same assumptions,
// and the tests compare the two.
package plan
