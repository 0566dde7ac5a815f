package supervisor

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
)

// group is one message group of an ordered batch.
type group struct {
	pid     *actor.PID // its actor, from its first attempt until it has nothing left to do
	hung    bool       // its handler was abandoned: the actor is that handler's until it returns
	stopped bool       // nothing more of it starts
}

// groups is the order of a batch: which group a record belongs to and which record follows it there. It is
// empty for an unordered batch, where every record is alone.
type groups struct {
	of     []int32 // by record: its group
	after  []int32 // by record: the next record of its group, or none
	firsts []int32 // by group: its first record, ascending
	list   []group
}

const none = -1

// groupsOf finds the groups of the records before barrier. The record at the barrier, whose group is not
// known, gets one of its own, and those behind it belong to none: they never start.
func groupsOf(results []batch.Result, barrier int) groups {
	n := min(barrier+1, len(results))
	g := groups{of: make([]int32, n), after: make([]int32, n)}
	byName := make(map[string]int32)
	var last []int32 // by group: its last record so far
	for i := range n {
		g.after[i] = none
		id, known := byName[results[i].Group]
		if !known || i == barrier {
			id = int32(len(last))
			if i != barrier {
				byName[results[i].Group] = id
			}
			g.firsts = append(g.firsts, int32(i))
			last = append(last, int32(i))
		} else {
			g.after[last[id]] = int32(i)
			last[id] = int32(i)
		}
		g.of[i] = id
	}
	g.list = make([]group, len(last))
	return g
}
