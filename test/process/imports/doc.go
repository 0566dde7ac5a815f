// Package imports has tests of programs that import troupe alongside packages that do what they like with what troupe
// is built on.
package imports
