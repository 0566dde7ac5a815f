// Package check judges a run of lambdasim, or of the real service written down in the same terms, from its
// history alone. It knows neither the simulator nor the library under test.
//
// What it looks for:
//
//   - nothing is lost: every record that the source let go of had been handled successfully, or was
//     dead-lettered, discarded, expired, filtered or dropped on purpose, and when a run has drained its
//     source every record is accounted for;
//   - order: within an invocation the records of a group are started in batch order; across invocations a
//     record's first success comes after every earlier record of its group has succeeded or is out of the
//     way. A stream may replay what had succeeded;
//   - of a group at most one handler runs at a time. The interval of a handler that is abandoned ends when
//     it is abandoned, at the latest with its invocation;
//   - if asked for, groups do overlap;
//   - every response is one that Lambda takes as it was meant, and comes before its deadline.
//
// A Checker is fed one event at a time and keeps what concerns live records, groups and invocations only,
// so a history may be longer than memory.
package check
