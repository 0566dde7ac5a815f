// Package batch defines records and their results, reports, outcomes, the reasons for failures, and policies.
// Package troupe has aliases for all of them, so functions import only troupe.
//
// It imports the standard library only. Packages that bring a source, or that wrap handlers, import it for Turn,
// View and the constructors of errors.
package batch
