// Package supervisor runs a batch: a batch supervisor actor with one actor per record, or per message group, under it.
// It is part of the implementation and makes no promise of compatibility.
//
// Its parts:
//
//   - Run is where the caller waits. It owns the deadline: at the last call it closes the batch itself, whatever the
//     actors are doing.
//   - The ledger tracks the state of every record. It alone decides, under one lock, what each record's outcome is,
//     and it decides each outcome once. Its schedule says what starts next, and its slots how many start.
//   - A slot is a goroutine that takes a record from the ledger, sends an attempt to the record's actor or its
//     group's, and takes the next. A failed attempt keeps its place until the supervisor has decided: the slot
//     continues on another free place, if the decision cannot matter to what it takes, or parks. Handlers never
//     occupy more places than the concurrency allows; parked slots and abandoned handlers occupy none.
//   - The supervisor receives every failure, applies its strategy, and puts the slot of a failed attempt back to
//     work. It never runs a handler, so no handler can keep it busy.
//
// # Races
//
//   - A stop and a taken record. A record that was taken counts as started, and its handler is called. Only the
//     cutoff is checked again.
//   - The end of a handler and its abandonment take the same lock. The attempt counts if the batch is open, the
//     record is running, and the attempt's number is current.
//   - A failure and the last call. The last call gives the record its error; a later verdict finds the batch
//     closed.
//   - A verdict and other slots. When a verdict frees a group, another slot may take its next record at once. So the
//     verdict resumes the group's actor before it frees the group, and stops it afterwards.
//   - The end of the context and its timer. Handlers may return before the timer has stopped the batch. Every
//     place that starts or decides something checks the context first.
//   - The last messages and the supervisor's end. BatchClosed is sent under the ledger's lock, in the step that
//     closes the batch. SlotsDrained is sent after the lock is released: under the lock the last slot has claimed to
//     end the supervisor, which therefore does not stop before.
//   - The report and abandoned handlers. Once the batch is closed its results never change, so they are read
//     without the lock.
//
// docs/design.md walks through the life of a batch.
package supervisor
