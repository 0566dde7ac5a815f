package supervisor

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// schedule is the order of a batch: which record may start next, and which actor makes the attempt at it. It knows
// nothing of outcomes and has no lock of its own: the ledger's lock guards all of it, except in spawned.
type schedule struct {
	ordered bool   // fixed at the start
	groups  groups // empty in an unordered batch, where every record is alone
	queue   queue
	// backingOff has the actors of records in back-off, by record, in an unordered batch. A group has its actor.
	backingOff map[int32]*actor.PID
}

// group is one message group of an ordered batch.
type group struct {
	actor   *actor.PID // from the group's first attempt until it has nothing left to do
	hung    bool       // its handler was abandoned: the actor is that handler's until it returns
	stopped bool       // nothing more of it starts
}

// groups says which group a record belongs to and which record follows it there. Only list changes after the start.
type groups struct {
	of     []int32 // by record: its group
	after  []int32 // by record: the next record of its group, or none
	firsts []int32 // by group: its first record, ascending
	list   []group
}

const none = -1

func newSchedule(b *messages.Batch) schedule {
	if !b.Ordered {
		return schedule{queue: queue{end: int32(len(b.Results))}}
	}
	g := groupsOf(b.Results, b.Barrier)
	return schedule{ordered: true, groups: g, queue: queue{firsts: g.firsts, end: int32(len(g.firsts))}}
}

// groupsOf finds the groups of the records up to barrier. The record at the barrier, whose group is not known, gets one
// to itself, and those behind it belong to none: they never start.
func groupsOf(results []batch.Result, barrier int) groups {
	g := groups{of: messages.NumberGroups(results, barrier)}
	g.after = make([]int32, len(g.of))
	var last []int32 // by group: its last record so far
	for i, id := range g.of {
		g.after[i] = none
		if int(id) == len(last) {
			g.firsts = append(g.firsts, int32(i))
			last = append(last, int32(i))
		} else {
			g.after[last[id]] = int32(i)
			last[id] = int32(i)
		}
	}
	g.list = make([]group, len(last))
	return g
}

// group returns the group of record i in an ordered batch.
func (s *schedule) group(i int32) *group { return &s.groups.list[s.groups.of[i]] }

// empty reports whether no record may start now.
func (s *schedule) empty() bool { return s.queue.empty() }

// take removes the earliest record that may start and returns it with its actor; nil if it has none yet. There must
// be such a record.
func (s *schedule) take() (i int32, pid *actor.PID) {
	i = s.queue.pop()
	switch {
	case s.ordered:
		pid = s.group(i).actor
	case len(s.backingOff) > 0:
		pid = s.backingOff[i]
		delete(s.backingOff, i)
	}
	return i, pid
}

// spawned notes the actor that was spawned for record i. A group keeps it for its other records. The slot that has
// taken the record calls it, without the lock: while the record runs nobody else touches its group's actor.
func (s *schedule) spawned(i int32, pid *actor.PID) {
	if s.ordered {
		s.group(i).actor = pid
	}
}

// backOff keeps the actor of record i until the record is due again.
func (s *schedule) backOff(i int32, pid *actor.PID) {
	if s.ordered {
		return
	}
	if s.backingOff == nil {
		s.backingOff = make(map[int32]*actor.PID)
	}
	s.backingOff[i] = pid
}

// due puts record i back into the queue: its back-off is over.
func (s *schedule) due(i int32) { s.queue.push(i) }

// done lets the next record of the group start when record i has its outcome. If there is none, it returns the group's
// actor, which the caller has to stop. A record actor is the slot's to stop.
func (s *schedule) done(i int32) (retired *actor.PID) {
	if !s.ordered {
		return nil
	}
	g := s.group(i)
	if next := s.groups.after[i]; next != none && !g.stopped {
		s.queue.push(next)
		return nil
	}
	retired, g.actor = g.actor, nil
	return retired
}

// failed does for a failed record what done does for others. It reports whether the caller has to stop its actor.
func (s *schedule) failed(i int32) (retired bool) {
	return !s.ordered || !s.group(i).hung && s.done(i) != nil
}

// retiresAfter reports whether record i is the last one of its group that is handled.
func (s *schedule) retiresAfter(i int32) bool {
	return s.ordered && (s.groups.after[i] == none || s.group(i).stopped)
}

// stopGroup lets nothing more of the record's group start.
func (s *schedule) stopGroup(i int32) {
	if s.ordered {
		s.group(i).stopped = true
	}
}

// hang leaves the group's actor to the abandoned handler of record i: the group has no next record.
func (s *schedule) hang(i int32) {
	if s.ordered {
		s.group(i).hung = true
	}
}

// stopped reports whether record i has not started because its group was stopped, or may have been.
func (s *schedule) stopped(i int) bool {
	return s.ordered && (i >= len(s.groups.of) || s.group(int32(i)).stopped)
}

// leftover returns the actors that nobody uses once the batch is closed: those of records in back-off,
// and those of groups that stopped short of their end.
func (s *schedule) leftover() []*actor.PID {
	var pids []*actor.PID
	for _, pid := range s.backingOff {
		pids = append(pids, pid)
	}
	for i := range s.groups.list {
		if g := &s.groups.list[i]; !g.hung && g.actor != nil {
			pids = append(pids, g.actor)
		}
	}
	return pids
}
