package emf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The limits of the specification and of CloudWatch.
const (
	maxDimensions = 30 // in a set
	maxName       = 255
	maxValue      = 1024
)

// check returns what is wrong with the arguments, and completes the sets of dimensions.
func (c *config) check(namespace string) error {
	if err := checkNamespace(namespace); err != nil {
		return err
	}
	if c.out == nil {
		return fmt.Errorf("troupe: emf.WithWriter(nil): must be a writer")
	}
	names := []string{sourceDimension}
	for _, d := range c.fixed {
		if err := checkDimension(d, names); err != nil {
			return err
		}
		names = append(names, d.name)
	}
	if c.sets == nil {
		c.sets = [][]string{names}
	}
	return c.checkSets(names)
}

func (c *config) checkSets(names []string) error {
	if len(c.sets) == 0 {
		return fmt.Errorf("troupe: emf.WithDimensionSets(): must have at least one set, which may be empty")
	}
	for i, set := range c.sets {
		if len(set) > maxDimensions {
			return fmt.Errorf("troupe: emf: a set of %d dimensions; at most %d are allowed", len(set), maxDimensions)
		}
		for j, name := range set {
			if !slices.Contains(names, name) {
				return fmt.Errorf("troupe: emf.WithDimensionSets: unknown dimension %s; must be one of %q", quoted(name), names)
			}
			if slices.Contains(set[:j], name) {
				return fmt.Errorf("troupe: emf.WithDimensionSets: dimension %q: must be in a set only once", name)
			}
		}
		if set == nil {
			c.sets[i] = []string{} // null in the document would be no set
		}
	}
	return nil
}

func checkNamespace(namespace string) error {
	foreign := strings.TrimLeft(namespace, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_/#: ")
	switch {
	case foreign != "", namespace == "", len(namespace) > maxName, strings.TrimSpace(namespace) == "",
		strings.HasPrefix(namespace, ":"), strings.HasPrefix(namespace, "AWS/"):
		return fmt.Errorf("troupe: emf.Observe: namespace %s; 1 to %d letters, digits, spaces and .-_/#: are allowed, not all spaces, and neither a colon nor AWS/ at the start",
			quoted(namespace), maxName)
	}
	return nil
}

// checkDimension looks at one more dimension besides those called names.
func checkDimension(d dimension, names []string) error {
	if !isText(d.name, maxName) || strings.HasPrefix(d.name, ":") {
		return fmt.Errorf("troupe: emf.WithDimension: name %s; 1 to %d printable ASCII characters are allowed, not all spaces and no colon at the start", quoted(d.name), maxName)
	}
	if !isText(d.value, maxValue) {
		return fmt.Errorf("troupe: emf.WithDimension: value %s of %q; 1 to %d printable ASCII characters are allowed, not all spaces", quoted(d.value), d.name, maxValue)
	}
	isMetric := slices.ContainsFunc(metrics(), func(m metric) bool { return m.name == d.name })
	switch {
	case d.name == "_aws":
		return fmt.Errorf("troupe: emf.WithDimension: name %q is reserved by the format", d.name)
	case isMetric:
		return fmt.Errorf("troupe: emf.WithDimension: name %q is already the name of a metric", d.name)
	case slices.Contains(names, d.name):
		return fmt.Errorf("troupe: emf.WithDimension: name %q is already the name of a dimension", d.name)
	}
	return nil
}

// isText reports whether CloudWatch would take text for a name or value of a dimension.
func isText(text string, limit int) bool {
	printable := func(r rune) bool { return r >= ' ' && r <= '~' }
	return len(text) <= limit && strings.TrimSpace(text) != "" && !strings.ContainsFunc(text, func(r rune) bool { return !printable(r) })
}

// quoted is text as an error shows it.
func quoted(text string) string {
	const shown = 60
	if len(text) > shown {
		return fmt.Sprintf("%q… (%d bytes)", text[:shown], len(text))
	}
	return strconv.Quote(text)
}
