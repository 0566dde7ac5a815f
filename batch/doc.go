// Package batch defines what users of troupe read and compare: records and their results, reports, outcomes, the
// reasons a record can fail for, and policies. Package troupe has aliases for all of it, so that functions import
// troupe alone.
//
// It imports the standard library only. Packages that bring a source, or that wrap handlers, import it for Turn,
// View and the constructors of errors.
package batch
