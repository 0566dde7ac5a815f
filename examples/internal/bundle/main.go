// Command bundle builds the zip files that Lambda takes of a function: bootstrap, for arm64 and amd64. It needs
// the go command and nothing else.
//
//	go run ./examples/internal/bundle ./examples/sqs bin
//
// writes bin/sqs-arm64.zip and bin/sqs-amd64.zip. The same sources and the same Go give the same bytes.
package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: bundle PACKAGE FOLDER")
		os.Exit(2)
	}
	for _, arch := range []string{"arm64", "amd64"} {
		if err := bundle(os.Args[1], arch, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bundle:", err)
			os.Exit(1)
		}
	}
}

// bundle builds the package in folder pkg, zips it into folder out, and prints the size.
func bundle(pkg, arch, out string) error {
	dir, err := os.MkdirTemp("", "bundle")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bootstrap")
	if err := build(pkg, arch, binary); err != nil {
		return err
	}

	folder, err := filepath.Abs(pkg)
	if err != nil {
		return err
	}
	name := filepath.Join(out, filepath.Base(folder)+"-"+arch+".zip")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pack(file, binary); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return tell(name, binary)
}

// build builds the function in folder pkg, which may be in a module of its own, for Lambda's provided runtimes: Linux, no
// C, no debugging information, and without the RPC server that only the go1.x runtime needed
// (https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html).
func build(pkg, arch, binary string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-buildvcs=false", "-o", binary, ".")
	cmd.Dir = pkg
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// pack writes a zip file that contains the binary as bootstrap, executable and without the build time.
func pack(w io.Writer, binary string) error {
	content, err := os.Open(binary)
	if err != nil {
		return err
	}
	defer content.Close()
	archive := zip.NewWriter(w)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(entry, content); err != nil {
		return err
	}
	return archive.Close()
}

func tell(zipped, binary string) error {
	z, err := os.Stat(zipped)
	if err != nil {
		return err
	}
	b, err := os.Stat(binary)
	if err != nil {
		return err
	}
	const mb = 1e6
	fmt.Printf("%s  %.1f MB, unzipped %.1f MB\n", zipped, float64(z.Size())/mb, float64(b.Size())/mb)
	return nil
}
