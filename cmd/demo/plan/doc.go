// Package plan does the sums on a function behind an event source mapping: how many execution environments a
// load needs, whether the source keeps up, which limit binds first, how long a backlog takes. It is pure
// arithmetic on the scaling rules that AWS documents; the rules are in aws.go, each with its page.
//
// # The model
//
// An invocation takes its overhead and then as many rounds of work as its records need: n records of which p
// may be handled at once take ⌈n/p⌉ times the work of one. p is the concurrency of the processor, and in an
// ordered source at most the number of groups in the batch, for the records of a group are handled one after
// the other.
//
// The records are taken to arrive evenly, to be alike, and to be spread evenly over message groups, keys and
// shards. Nothing fails. What is quicker than the documentation promises is not counted on: environments
// start at once, but no faster than 1,000 in 10 seconds.
//
// A standard queue's batch is sent off as soon as there is a message and a free environment, unless there is
// a window. So with environments to spare batches are small, and they fill up when a limit is near: the
// environments needed are those that suffice with full batches, the environments in use those that there will
// be with the batches to expect.
//
// A FIFO queue hands out as many messages of a group as it can before those of the next one, and none of a
// group of which some are in flight. With as many environments as groups a batch is of one group, and so it is
// when groups have a backlog; concurrency is then of no use. With fewer environments than groups, and the
// groups short, a batch has several.
//
// A stream has a lane for each shard, times ParallelizationFactor, and a topic one for each partition: one
// batch at a time. What arrives meanwhile is the next batch.
//
// A backlog is worked off in batches of one size. Those of a lane get smaller towards its end, so where the
// account allows fewer environments than there are lanes, and the rate is near the capacity, it takes longer.
//
// What AWS does not document: how fast pollers of a topic are added (all of them are taken to be there), and
// whether a FIFO queue's pollers have a rate (none is assumed). Package lambdasim makes the same assumptions,
// and the tests compare the two.
package plan
