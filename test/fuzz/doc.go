// Package fuzz has the fuzz targets for Invoke as a whole: any bytes in, and whatever comes back is held to
// what encoding/json reads in them.
package fuzz
