// Package check judges a run of lambdasim, or of the real service written down in the same terms, from its
// history alone. It knows neither the simulator nor the library under test.
//
// What it looks for:
//
//   - nothing is lost: every record that the source let go of had been handled successfully by the invocation
//     that it was let go of after, or was dead-lettered, discarded, expired, filtered or dropped on purpose, and when
//     a run has drained its source every record is accounted for;
//   - a record is handled once for each delivery: there is no other attempt after a success, and a failed one is
//     tried again in place no more often than the rules say;
//   - handlers are given the payloads that were sent;
//   - nothing is reported without a reason: not what was handled, and what was not handled only if a failure may
//     keep it from that, as far as the rules say, or if half of the invocation's time was over. Nor is there a
//     function error without a failure;
//   - order: within an invocation the records of a group are started in batch order; across invocations a
//     record's first success comes after every earlier record of its group has succeeded or is out of the
//     way. A stream may replay what had succeeded;
//   - of a group at most one handler runs at a time. The interval of a handler that is abandoned ends when
//     it is abandoned, at the latest with its invocation;
//   - if work has keys, it was done for every record that succeeded, and once for each key: done again at most as
//     often as the history shows a crash, a timeout or an abandoned handler after the work, a lost lease, a completion
//     that was not recorded, or an expiry. What is known of keys is kept to the end;
//   - if asked for, groups do overlap;
//   - every response is one that Lambda takes as it was meant, and comes before its deadline;
//   - the history is complete and coherent: it begins with the rules and ends with the end of the run, its instants do
//     not decrease, every invocation ends and every record of it is settled as the response asks for.
//
// Its tests change good histories in every way and list the changes that are no violation, with the reasons.
//
// A Checker is fed one event at a time and keeps what concerns live records, groups and invocations only,
// so a history may be longer than memory.
package check
