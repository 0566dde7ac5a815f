// Package response turns the results of a batch into the response that Lambda expects: the ordered list
// of failed identifiers, in the format of each source, or an error if the invocation must fail. Its
// functions have no side effects.
package response
