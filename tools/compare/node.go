package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// node makes the contestants that work in Node.js. They get the same events, from files, and time themselves. Where
// Node.js is missing, absent says so.
type node struct {
	files  string
	absent string
}

const nodeDir = "node"

// newNode installs what the rivals need, the first time. Event files go to the directory.
func newNode(files string) *node {
	n := &node{files: files}
	if err := n.install(); err != nil {
		n.absent = "not measured: " + err.Error()
	}
	return n
}

func (n *node) install() error {
	_, noNode := exec.LookPath("node")
	_, noNPM := exec.LookPath("npm")
	if noNode != nil || noNPM != nil {
		return errors.New("no Node.js and npm here")
	}
	if _, err := os.Stat(filepath.Join(nodeDir, "node_modules")); err == nil {
		return nil
	}
	install := exec.Command("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
	install.Dir = nodeDir
	install.Stdout, install.Stderr = os.Stderr, os.Stderr
	if install.Run() != nil {
		return errors.New("npm install failed")
	}
	return nil
}

// contestant is one of rivals.mjs. event names the file of the payload.
func (n *node) contestant(name, rival, source, event string, size int, payload []byte) contestant {
	c := contestant{name: name, records: size, absent: n.absent}
	if c.absent != "" {
		return c
	}
	file := filepath.Join(n.files, strings.ReplaceAll(event, "/", "-")+".json")
	if err := os.WriteFile(file, payload, 0o600); err != nil {
		c.absent = "not measured: " + err.Error()
	}
	c.command = []string{"node", "--expose-gc", filepath.Join(nodeDir, "rivals.mjs")}
	c.request = func(batches int) any {
		return map[string]any{"rival": rival, "source": source, "file": file, "batches": batches}
	}
	return c
}
