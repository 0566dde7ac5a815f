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
//     group's, and takes the next. A failed attempt keeps its place until the supervisor has decided, and the slot
//     parks. Handlers never occupy more places than the concurrency allows; parked slots and abandoned handlers
//     occupy none.
//   - The supervisor receives every failure, applies its strategy, and puts the slot of a failed attempt back to
//     work. It never runs a handler, so no handler can keep it busy.
//
// docs/design.md walks through the life of a batch.
package supervisor
