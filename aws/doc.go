// Package aws is the root of a module of its own, github.com/troupe-go/troupe/aws: what of troupe needs the AWS
// SDK for Go v2 and is therefore not in the main module. It has no code; see the packages below it.
package aws
