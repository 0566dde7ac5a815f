// Package check judges a run of lambdasim, or of the real service recorded in the same format, by its history alone. It
// depends neither on the simulator nor on the library under test.
//
// It checks that
//
//   - nothing is lost: every record that the source released had been handled successfully by the invocation after
//     which it was released, or was dead-lettered, discarded, expired, filtered or dropped on purpose, and when a run
//     has drained its source every record is accounted for;
//   - a record is handled once per delivery: no attempt follows a success, and a failed record is retried in place no
//     more often than the rules allow;
//   - handlers receive the payloads that were sent;
//   - nothing is reported without a reason: a handled record is not reported, and an unhandled one only if the rules
//     allow a failure to prevent its handling, or if half of the invocation's time was over. No function error occurs
//     without a failure;
//   - order holds: within an invocation the records of a group start in batch order; across invocations a record
//     succeeds for the first time only after every earlier record of its group has succeeded, or was dead-lettered or
//     discarded. A stream may replay successes;
//   - at most one handler of a group runs at a time. The interval of an abandoned handler ends when it is abandoned, at
//     the latest with its invocation;
//   - if work has keys, it was done for every record that succeeded, and once for each key: done again at most as often
//     as the history shows a crash, a timeout or an abandoned handler after the work, a lost lease, a completion that
//     was not recorded, or an expiry. The state of keys is kept to the end;
//   - if required, groups overlap;
//   - Lambda interprets every response as intended, and every response precedes its deadline;
//   - the history is complete and coherent: it begins with the rules and ends with the end of the run, time does not
//     decrease, every invocation ends, and every record of it is settled as the response requires.
//
// The tests of the package alter good histories in every way and list the alterations that are no violation, with
// reasons.
//
// A Checker receives one event at a time and keeps only the state of live records, groups and invocations, so a history
// may exceed memory.
package check
