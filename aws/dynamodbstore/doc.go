// Package dynamodbstore keeps the claims and completions of package idempotency in a DynamoDB table.
//
// The table is that of Powertools for AWS Lambda: a string partition key "id", time to live on
// "expiration", and nothing else to set up. Functions of this package and of Powertools share a table, and keys,
// in both directions; see idempotency.PowertoolsKey. Powertools does not know tokens: it updates and deletes
// without a condition, so a Powertools function whose lease has ended overwrites the claim of its successor. Between
// Go functions that cannot happen.
//
// Each item has id, status (INPROGRESS or COMPLETED), expiration (seconds), in_progress_expiration
// (milliseconds), data (the value, as JSON in a string), validation (the hash of the payload) and token. Times are
// compared with the clock of whoever claims; idempotency.WithSkew is for clocks that differ.
//
// # What it costs
//
// A record that is handled for the first time takes two writes: two UpdateItems, or an UpdateItem and a DeleteItem
// if the handler fails. A duplicate takes one UpdateItem that is refused, which DynamoDB charges as a write. Each is
// one write unit per KB of the item. Renewals, for handlers without a deadline, are one UpdateItem each.
//
// The function's role needs dynamodb:UpdateItem and dynamodb:DeleteItem on the table, and dynamodb:GetItem, which
// is used where an endpoint does not return the item that made a condition fail.
package dynamodbstore
