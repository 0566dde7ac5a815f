// Command troupe is the command demo, under a name that can stand among the binaries of go install:
//
//	go install github.com/troupe-go/troupe/cmd/demo/troupe@latest
//	troupe check template.yaml
package main

import (
	"os"

	"github.com/troupe-go/troupe/cmd/demo/cli"
)

func main() { os.Exit(cli.Main("troupe")) }
