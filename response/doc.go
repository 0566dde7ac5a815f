// Package response turns the results of a batch into what Lambda wants to hear: the ordered list of
// failed identifiers, in the shape of each source, or an error when the invocation is to count as failed.
// It is pure.
package response
