package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// node is a Node.js process that takes its turns with the rivals of this one. It gets the same events, from
// files, and times itself. Where it cannot be had, absent says why.
type node struct {
	files  string
	absent string

	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

const nodeDir = "node"

// startNode starts the process, and fetches what it needs the first time. Event files go to the directory.
func startNode(files string) *node {
	n := &node{files: files}
	if err := n.start(); err != nil {
		n.absent = "not measured: " + err.Error()
	}
	return n
}

func (n *node) start() error {
	_, noNode := exec.LookPath("node")
	_, noNPM := exec.LookPath("npm")
	if noNode != nil || noNPM != nil {
		return errors.New("no Node.js and npm here")
	}
	if _, err := os.Stat(filepath.Join(nodeDir, "node_modules")); err != nil {
		install := exec.Command("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
		install.Dir = nodeDir
		install.Stdout, install.Stderr = os.Stderr, os.Stderr
		if err := install.Run(); err != nil {
			return errors.New("npm install failed")
		}
	}
	n.process = exec.Command("node", "--expose-gc", filepath.Join(nodeDir, "rivals.mjs"))
	n.process.Stderr = os.Stderr
	in, err := n.process.StdinPipe()
	if err != nil {
		return err
	}
	out, err := n.process.StdoutPipe()
	if err != nil {
		return err
	}
	n.in, n.out = in, bufio.NewReader(out)
	return n.process.Start()
}

func (n *node) stop() {
	if n.absent == "" {
		n.in.Close() // ends it
		n.process.Wait()
	}
}

// contestant is a rival inside the process. source and size name the event's file.
func (n *node) contestant(name, rival, source string, size int, payload []byte) contestant {
	c := contestant{name: name, records: size, absent: n.absent}
	if c.absent != "" {
		return c
	}
	file := filepath.Join(n.files, fmt.Sprintf("%s-%d.json", source, size))
	if err := os.WriteFile(file, payload, 0o600); err != nil {
		c.absent = "not measured: " + err.Error()
	}
	c.run = func(batches int) (time.Duration, error) {
		ask := map[string]any{"rival": rival, "source": source, "file": file, "batches": batches}
		if err := json.NewEncoder(n.in).Encode(ask); err != nil {
			return 0, err
		}
		line, err := n.out.ReadBytes('\n')
		if err != nil {
			return 0, fmt.Errorf("the Node.js process is gone: %w", err)
		}
		var told struct {
			Nanoseconds int64
			Error       string
		}
		if err := json.Unmarshal(line, &told); err != nil {
			return 0, err
		}
		if told.Error != "" {
			return 0, errors.New(told.Error)
		}
		return time.Duration(told.Nanoseconds), nil
	}
	return c
}
