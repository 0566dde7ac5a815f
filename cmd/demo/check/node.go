package check

import (
	"strings"
)

// node is a value in a file, with its position.
type node struct {
	kind         kind
	text         string // of a scalar; of a hidden value, how it is written
	tag          string // of YAML, such as "!Ref"
	line, column int    // from 1
	fields       []field
	items        []*node
}

type kind int

const (
	scalar kind = iota
	null
	mapping
	list
	hidden // a value that the file does not contain
)

// field is an entry of a mapping.
type field struct {
	key   string
	at    position // of the key
	value *node
}

type position struct{ line, column int }

func (n *node) position() position {
	if n == nil {
		return position{}
	}
	return position{n.line, n.column}
}

// get returns the value of the last occurrence of a key, or nil, also for a nil node.
func (n *node) get(keys ...string) *node {
	for _, key := range keys {
		if n == nil || n.kind != mapping {
			return nil
		}
		var found *node
		for i := range n.fields {
			if n.fields[i].key == key {
				found = n.fields[i].value
			}
		}
		n = found
	}
	return n
}

// keyAt returns the position of a key's last occurrence, or that of the mapping.
func (n *node) keyAt(key string) position {
	at := n.position()
	if n != nil {
		for _, f := range n.fields {
			if f.key == key {
				at = f.at
			}
		}
	}
	return at
}

// string returns the text of a scalar, or "".
func (n *node) string() string {
	if n == nil || n.kind != scalar {
		return ""
	}
	return n.text
}

// single returns the only entry of a mapping.
func (n *node) single() (key string, value *node, ok bool) {
	if n == nil || n.kind != mapping || len(n.fields) != 1 {
		return "", nil, false
	}
	return n.fields[0].key, n.fields[0].value, true
}

// hide returns a hidden value at the position of n. text is how it is written.
func (n *node) hide(text string) *node {
	return &node{kind: hidden, text: shortened(text), line: n.line, column: n.column}
}

const longestText = 60

func shortened(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longestText {
		return string(runes[:longestText-1]) + "…"
	}
	return text
}
