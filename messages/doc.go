// Package messages holds what every other part of troupe speaks of: records and their outcomes, the
// reasons a record can fail for, and the closed set of messages that troupe's actors send each other.
//
// It imports the standard library only, so that any layer may import it. Users find what they need of
// it in the root package.
package messages
