// Package supervisor runs a batch: a batch supervisor actor with one actor per record, or per message
// group, under it.
//
// Who does what:
//
//   - Run is what the caller waits in. It owns the deadline: at the last call it closes the books itself,
//     whatever the actors are doing.
//   - The ledger holds the fate of every record. It alone decides, under one lock, what starts next and
//     what each record's outcome is, and it decides each outcome once.
//   - A slot is a goroutine that takes a record from the ledger, has the record's actor or its group's
//     make an attempt, and goes on with the next; after a failed attempt it waits for the supervisor.
//     There are never more of them than the concurrency allows, but for those of abandoned handlers.
//   - The supervisor gets every failure, applies its strategy, and puts the slot of a failed attempt back
//     to work. It never runs a handler, so no handler can keep it busy.
//
// docs/design.md walks through the life of a batch.
package supervisor
