package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/troupe-go/troupe/internal/jsonfault"
)

// deepest bounds the nesting of values.
const deepest = 500

var errDeep = fmt.Errorf("values are nested more than %d deep", deepest)

// parse reads the documents of a file: JSON if it begins with {, otherwise YAML.
func parse(data []byte) ([]*node, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if text := bytes.TrimSpace(data); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		n, err := parseJSON(data)
		if err == nil {
			return []*node{n}, nil
		}
		if json.Valid(data) || text[0] == '[' {
			return nil, err
		}
		documents, yamlErr := parseYAML(data) // in flow style, as templates with {} in YAML can be
		if yamlErr != nil {
			return nil, err
		}
		return documents, nil
	}
	return parseYAML(data)
}

func parseYAML(data []byte) (documents []*node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		if len(document.Content) == 0 {
			continue
		}
		n, err := fromYAML(document.Content[0], make(map[*yaml.Node]*node), 0)
		if err != nil {
			return nil, err
		}
		documents = append(documents, n)
	}
}

// fromYAML converts a node. Anchors are converted once, however often they are used.
func fromYAML(y *yaml.Node, anchors map[*yaml.Node]*node, depth int) (*node, error) {
	if depth > deepest {
		return nil, errDeep
	}
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if n, ok := anchors[y]; ok {
		if n == nil {
			return nil, fmt.Errorf("line %d: the anchor %q contains itself", y.Line, y.Anchor)
		}
		return n, nil
	}
	if y.Anchor != "" {
		anchors[y] = nil
	}
	n := &node{text: y.Value, line: y.Line, column: y.Column}
	if len(y.Tag) > 1 && y.Tag[0] == '!' && y.Tag[1] != '!' {
		n.tag = y.Tag
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = mapping
		for i := 0; i+1 < len(y.Content); i += 2 {
			value, err := fromYAML(y.Content[i+1], anchors, depth+1)
			if err != nil {
				return nil, err
			}
			key := y.Content[i]
			if key.Tag == "!!merge" {
				n.merge(value)
				continue
			}
			n.fields = append(n.fields, field{key.Value, position{key.Line, key.Column}, value})
		}
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			value, err := fromYAML(item, anchors, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, value)
		}
	default:
		if y.Tag == "!!null" {
			n.kind = null
		}
	}
	if y.Anchor != "" {
		anchors[y] = n
	}
	return n, nil
}

// merge adds the fields of a merge key, which those of n take precedence over, and of several sources the earlier ones.
func (n *node) merge(from *node) {
	sources := []*node{from}
	if from.kind == list {
		sources = from.items
	}
	own := n.fields
	n.fields = nil
	have := make(map[string]bool) // each key once, so that merges of merges stay small
	for _, source := range sources {
		for _, f := range source.fields {
			if !have[f.key] {
				have[f.key] = true
				n.fields = append(n.fields, f)
			}
		}
	}
	n.fields = append(n.fields, own...)
}

// parseJSON reads one JSON value.
func parseJSON(data []byte) (*node, error) {
	p := jsonParser{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	p.decoder.UseNumber()
	for i, b := range data {
		if b == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	if fault := jsonfault.Syntax(data); fault != nil {
		return nil, fmt.Errorf("line %d: %s", p.position(fault.Offset).line, fault.Problem)
	}
	token, at, err := p.next()
	if err != nil {
		return nil, p.problem(err)
	}
	n, err := p.value(token, at, 0)
	if err != nil {
		return nil, p.problem(err)
	}
	return n, nil
}

type jsonParser struct {
	data    []byte
	lines   []int // where each line after the first begins
	decoder *json.Decoder
}

// next returns the next token and its position.
func (p *jsonParser) next() (json.Token, position, error) {
	at := int(p.decoder.InputOffset())
	for at < len(p.data) && bytes.IndexByte([]byte(" \t\r\n,:"), p.data[at]) >= 0 {
		at++
	}
	token, err := p.decoder.Token()
	return token, p.position(at), err
}

func (p *jsonParser) position(offset int) position {
	line := sort.SearchInts(p.lines, offset+1)
	start := 0
	if line > 0 {
		start = p.lines[line-1]
	}
	return position{line + 1, 1 + utf8.RuneCount(p.data[start:min(offset, len(p.data))])}
}

// problem adds to an error the line that it is on.
func (p *jsonParser) problem(err error) error {
	return fmt.Errorf("line %d: %w", p.position(int(p.decoder.InputOffset())).line, err)
}

func (p *jsonParser) value(token json.Token, at position, depth int) (*node, error) {
	if depth > deepest {
		return nil, errDeep
	}
	n := &node{line: at.line, column: at.column}
	switch token := token.(type) {
	case nil:
		n.kind = null
	case bool:
		n.text = fmt.Sprint(token)
	case json.Number:
		n.text = token.String()
	case string:
		n.text = token
	case json.Delim:
		n.kind = mapping
		if token == '[' {
			n.kind = list
		}
		for p.decoder.More() {
			token, at, err := p.next()
			if err != nil {
				return nil, err
			}
			key := field{at: at}
			if n.kind == mapping {
				key.key, _ = token.(string)
				if token, at, err = p.next(); err != nil {
					return nil, err
				}
			}
			if key.value, err = p.value(token, at, depth+1); err != nil {
				return nil, err
			}
			if n.kind == mapping {
				n.fields = append(n.fields, key)
			} else {
				n.items = append(n.items, key.value)
			}
		}
		if _, _, err := p.next(); err != nil { // the end
			return nil, err
		}
	}
	return n, nil
}
