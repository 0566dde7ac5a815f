package lambdasim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/internal/jsonfault"
)

// FilterCriteria selects the records that the function receives: those that match at least one of the filters. Without
// filters every record passes.
type FilterCriteria struct {
	Filters []Filter

	compiled []pattern
}

// Filter is a filter pattern in AWS's syntax, such as {"body":{"kind":["order"]}}. The data of Kinesis records, the
// value of Kafka records and the body of messages are matched as JSON. The simulation supports exact values, null,
// and the operators prefix, suffix, anything-but (with a value or a list of them), exists, equals-ignore-case and
// numeric.
type Filter struct{ Pattern string }

// maxFilters bounds the filters of a mapping.
const maxFilters = 10

// pattern is one level of a filter: the allowed values of fields, or patterns for their contents.
type pattern struct {
	values map[string][]matcher
	inside map[string]pattern
}

// matcher reports whether a value matches. there is false if the field is missing.
type matcher func(value any, there bool) bool

func (f FilterCriteria) compile() ([]pattern, error) {
	if len(f.Filters) > maxFilters {
		return nil, fmt.Errorf("lambdasim: FilterCriteria has %d filters; must be at most %d", len(f.Filters), maxFilters)
	}
	var list []pattern
	for i, filter := range f.Filters {
		var tree map[string]any
		if fault := jsonfault.Unmarshal([]byte(filter.Pattern), &tree, false); fault != nil {
			return nil, fmt.Errorf("lambdasim: FilterCriteria: filter %d is not a JSON object: %s", i, fault.Error())
		}
		p, err := compilePattern(tree)
		if err != nil {
			return nil, fmt.Errorf("lambdasim: FilterCriteria: filter %d: %w", i, err)
		}
		list = append(list, p)
	}
	return list, nil
}

func compilePattern(tree map[string]any) (pattern, error) {
	p := pattern{values: make(map[string][]matcher), inside: make(map[string]pattern)}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		var err error
		switch rule := tree[name].(type) {
		case map[string]any:
			p.inside[name], err = compilePattern(rule)
		case []any:
			p.values[name], err = compileValues(rule)
		default:
			err = fmt.Errorf("must be a list of values or an object")
		}
		if err != nil {
			return p, fmt.Errorf("%q: %w", name, err)
		}
	}
	return p, nil
}

func compileValues(rules []any) (list []matcher, err error) {
	for _, rule := range rules {
		operator, isOperator := rule.(map[string]any)
		if !isOperator {
			list = append(list, equals(rule))
			continue
		}
		if len(operator) != 1 {
			return nil, fmt.Errorf("an operator has one name, this has %d", len(operator))
		}
		for name, argument := range operator {
			m, err := compileOperator(name, argument)
			if err != nil {
				return nil, err
			}
			list = append(list, m)
		}
	}
	return list, nil
}

func equals(want any) matcher {
	return func(value any, there bool) bool { return there && value == want }
}

func compileOperator(name string, argument any) (matcher, error) {
	text, isText := argument.(string)
	onText := func(fits func(value string) bool) (matcher, error) {
		if !isText {
			return nil, fmt.Errorf("operator %q needs a string", name)
		}
		return func(value any, _ bool) bool {
			v, ok := value.(string)
			return ok && fits(v)
		}, nil
	}
	switch name {
	case "prefix":
		return onText(func(v string) bool { return strings.HasPrefix(v, text) })
	case "suffix":
		return onText(func(v string) bool { return strings.HasSuffix(v, text) })
	case "equals-ignore-case":
		return onText(func(v string) bool { return strings.EqualFold(v, text) })
	case "exists":
		want, ok := argument.(bool)
		if !ok {
			return nil, fmt.Errorf("operator %q needs true or false", name)
		}
		return func(_ any, there bool) bool { return there == want }, nil
	case "anything-but":
		unwanted, ok := argument.([]any)
		if !ok {
			unwanted = []any{argument}
		}
		for _, x := range unwanted {
			switch x.(type) {
			case string, float64:
			default:
				return nil, fmt.Errorf("operator %q is simulated for strings and numbers only", name)
			}
		}
		return func(value any, there bool) bool { return there && !slices.Contains(unwanted, value) }, nil
	case "numeric":
		return compileNumeric(argument)
	default:
		return nil, fmt.Errorf("operator %q is not simulated", name)
	}
}

func compileNumeric(argument any) (matcher, error) {
	list, _ := argument.([]any)
	if len(list) == 0 || len(list)%2 != 0 {
		return nil, fmt.Errorf(`operator "numeric" needs pairs such as [">", 0, "<=", 5]`)
	}
	var tests []func(float64) bool
	for i := 0; i < len(list); i += 2 {
		sign, _ := list[i].(string)
		bound, ok := list[i+1].(float64)
		if !ok {
			return nil, fmt.Errorf(`operator "numeric" needs a number after %q`, sign)
		}
		switch sign {
		case "=":
			tests = append(tests, func(v float64) bool { return v == bound })
		case "<":
			tests = append(tests, func(v float64) bool { return v < bound })
		case "<=":
			tests = append(tests, func(v float64) bool { return v <= bound })
		case ">":
			tests = append(tests, func(v float64) bool { return v > bound })
		case ">=":
			tests = append(tests, func(v float64) bool { return v >= bound })
		default:
			return nil, fmt.Errorf(`operator "numeric" does not know %q`, sign)
		}
	}
	return func(value any, _ bool) bool {
		v, ok := value.(float64)
		return ok && !slices.ContainsFunc(tests, func(test func(float64) bool) bool { return !test(v) })
	}, nil
}

func (p pattern) matches(object map[string]any) bool {
	for name, list := range p.values {
		value, there := object[name]
		if !slices.ContainsFunc(list, func(m matcher) bool { return matchesAny(m, value, there) }) {
			return false
		}
	}
	for name, inside := range p.inside {
		object, _ := object[name].(map[string]any)
		if !inside.matches(object) {
			return false
		}
	}
	return true
}

// matchesAny reports whether a value, or any element of a list, matches.
func matchesAny(m matcher, value any, there bool) bool {
	if list, ok := value.([]any); ok {
		return slices.ContainsFunc(list, func(x any) bool { return m(x, true) })
	}
	switch value.(type) {
	case map[string]any:
		value = struct{}{} // equals no value of a pattern
	}
	return m(value, there)
}

// filtered reports whether the filters reject a record. record returns it in the format of its event.
func (e *engine) filtered(record func() []byte) bool {
	filters := e.sim.Mapping.FilterCriteria.compiled
	if len(filters) == 0 {
		return false
	}
	var object map[string]any
	if json.Unmarshal(record(), &object) != nil {
		return true
	}
	if body, ok := object["body"].(string); ok {
		open(object, "body", []byte(body))
	}
	if value, ok := object["value"].(string); ok && object["topic"] != nil {
		data, _ := base64.StdEncoding.DecodeString(value)
		object["value"] = string(data)
		open(object, "value", data)
	}
	if text, ok := object["data"].(string); ok && e.sim.Pipe != nil {
		data, _ := base64.StdEncoding.DecodeString(text)
		object["data"] = string(data)
		open(object, "data", data)
	}
	if kinesis, ok := object["kinesis"].(map[string]any); ok {
		text, _ := kinesis["data"].(string)
		data, _ := base64.StdEncoding.DecodeString(text)
		open(object, "data", data) // patterns have it at the top level
		if object["data"] == nil {
			object["data"] = string(data)
		}
	}
	return !slices.ContainsFunc(filters, func(p pattern) bool { return p.matches(object) })
}

// open replaces a field by the JSON object that text contains, if it is one.
func open(object map[string]any, name string, text []byte) {
	var inside map[string]any
	if json.Unmarshal(text, &inside) == nil && inside != nil {
		object[name] = inside
	}
}
