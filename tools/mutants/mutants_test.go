package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/test/explained"
)

// codeOf is package p with one file.
func codeOf(t *testing.T, text string) *code {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("p", 0o700))
	require.NoError(t, os.WriteFile("p/a.go", []byte(text), 0o600))
	c := newCode()
	require.NoError(t, c.read("p"))
	require.NoError(t, c.mutate("p"))
	return c
}

func TestAFunctionHasAMutantForWhateverMayBeOtherwise(t *testing.T) {
	const rest = "\nfunc g() bool { panic(0) }\nvar n, m int\nvar b bool\nvar s []string\nvar e error\n"
	for name, c := range map[string]struct {
		body string
		want []string // what the line becomes
	}{
		"a limit":                       {"func f() bool { return n < m }", []string{"return n <= m", "return n >= m"}},
		"an equality":                   {"func f() bool { return n == m }", []string{"return n != m"}},
		"a condition with two parts":    {"func f() bool { return b && g() }", []string{"return b || g()", "return !b && g()", "return b && !g()"}},
		"a condition of one word":       {"func f() int { if b { panic(1) }; panic(2) }", []string{"if !b {", "if b { }"}},
		"a negation":                    {"func f() bool { return !b }", []string{"return b"}},
		"a sum":                         {"func f() { n = n + m }", []string{"{ }", "n = n - m"}},
		"a sum of texts":                {`func f(a string) string { return a + "b" }`, []string{`return ""`}},
		"a step":                        {"func f() { n++ }", []string{"{ }", "n--"}},
		"a sum that is assigned":        {"func f() { n += m }", []string{"{ }", "n -= m"}},
		"a call":                        {"func f() { g() }", []string{"{ }"}},
		"an early return":               {"func f() { if b { return }; n++ }", []string{"if b { return }; }", "if !b {", "if b { };", "n--"}},
		"a truth":                       {"func f() bool { return true }", []string{"return false"}},
		"a slice":                       {"func f() []string { return s }", []string{"return nil"}},
		"a number and an error":         {"func f() (int, error) { return n, e }", []string{"return 0, e", "return n, nil"}},
		"nothing":                       {"func f() (int, error) { return 0, nil }", []string{"return 1, nil"}},
		"a declaration stays":           {"func f() { x := 1; n = x }", nil},
		"the case of a switch":          {"func f() int { switch { case b: panic(1) }; panic(2) }", []string{"case !b:", "case b: }"}},
		"a function within":             {"func f() func() { return func() { g() } }", []string{"return nil", "func() { }"}},
		"what does not compile is none": {"func f() int { x := n; x = m; return x }", []string{"x := n; ; return x"}},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			for _, m := range codeOf(t, "package p\n\n"+c.body+rest).mutants {
				if strings.HasPrefix(m.place, "p/a.go:f") {
					found = append(found, m.place)
				}
			}
			require.Len(t, found, len(c.want), "%q", found)
			for i, want := range c.want {
				_, becomes, _ := strings.Cut(found[i], becomes)
				assert.Contains(t, becomes, want)
			}
		})
	}
}

func TestAMutantIsNamedByItsLineAndCountedWhereThatIsNotEnough(t *testing.T) {
	c := codeOf(t, `package p

type box[T any] struct{ n int }

func (b *box[T]) open() {
	b.n++
	b.n++
}
`)
	var places []string
	for _, m := range c.mutants {
		places = append(places, m.String())
	}
	assert.Equal(t, []string{
		"p/a.go:box.open: b.n++  =>  (left out)",
		"p/a.go:box.open/2: b.n++  =>  (left out)",
		"p/a.go:box.open: b.n++  =>  b.n--",
		"p/a.go:box.open/2: b.n++  =>  b.n--",
	}, places)
}

// shapes has functions of all shapes that a call of a mutant has to be written for. What each does to the line is
// in the table below.
const shapes = `package main

type box[T any] struct{ n int }

func (b *box[T]) add(_ string, more ...int) (n int) {
	for _, m := range more {
		n += m
	}
	return n + b.n
}

func (box[T]) size(int) int { return 3 }

func either[K comparable, V any](b bool, _ K, v V) (found V, err error) {
	if b {
		return v, nil
	}
	return found, err
}

func caught() {
	if recover() != nil {
		print("caught ")
	}
}

func main() {
	b := &box[int]{n: 1}
	v, err := either(true, "k", 7)
	print(b.add("", 2, 3), " ", b.size(0), " ", v, " ", err == nil, " ")
	defer caught()
	panic(1)
}
`

func TestTheMutantThatTheVariableNamesIsAtWork(t *testing.T) {
	c := codeOf(t, shapes)
	require.NoError(t, os.WriteFile("go.mod", []byte("module example.com/m\n\ngo 1.26\n"), 0o600))
	overlay, err := c.overlay(t.TempDir())
	require.NoError(t, err)
	out, err := exec.Command("go", "build", "-overlay", overlay, "-o", "shapes", "./p").CombinedOutput()
	require.NoError(t, err, "%s", out)

	numbers := map[string]int{"the code as it is": 0}
	for _, m := range c.mutants {
		numbers[m.place] = m.id
	}
	for place, want := range map[string]string{
		"the code as it is":                                  "6 3 7 true caught ",
		"p/a.go:box.add: n += m  =>  n -= m":                 "-4 3 7 true caught ",
		"p/a.go:box.add: return n + b.n  =>  return n - b.n": "4 3 7 true caught ",
		"p/a.go:box.size: func (box[T]) size(int) int { return 3 }  =>  func (box[T]) size(int) int { return 0 }": "6 0 7 true caught ",
		"p/a.go:either: if b {  =>  if !b {":                "6 3 0 true caught ",
		"p/a.go:caught: print(\"caught \")  =>  (left out)": "6 3 7 true ",
	} {
		number, exists := numbers[place]
		require.True(t, exists, "%s is none of %v", place, numbers)
		cmd := exec.Command("./shapes")
		cmd.Env = append(os.Environ(), variable+"="+strconv.Itoa(number))
		out, err := cmd.CombinedOutput() // where print prints
		require.NoError(t, err, place)
		assert.Equal(t, want, string(out), place)
	}
}

func TestSharesAreOfMutantsByPackage(t *testing.T) {
	shares := sharesOf([]result{
		{"messages", "m1", killed, ""}, {"messages", "m2", timedOut, ""}, {"messages", "m3", survived, ""},
		{"response", "r1", killed, ""},
	})
	assert.Equal(t, []share{{"messages", 3, 1, 1}, {"response", 1, 1, 0}, {"all", 4, 2, 1}}, shares)
	assert.Equal(t, []string{
		"messages: tests kill 66.7 % of the mutants where at least 85 % are needed: write some",
		"all: tests kill 75.0 % of the mutants where at least 85 % are needed: write some",
	}, tooLow(shares))
}

func TestTheListHasToFitTheResults(t *testing.T) {
	const b, c, d = "p/a.go:f: a  =>  b", "p/a.go:f: a  # x  =>  c", "p/a.go:f: a  =>  d"
	results := []result{{"p", b, survived, ""}, {"p", c, killed, ""}}
	mutants := []*mutant{{place: b}, {place: c}}
	for name, test := range map[string]struct{ list, fault string }{
		"it does":                       {"# for readers\n\n" + b + "  # a reason", ""},
		"an unexplained survivor":       {"", "no test notices this"},
		"one that is killed":            {b + "  # a reason\n" + c + "  # a reason", "tests kill this now"},
		"one that is killed, sometimes": {b + "  # a reason\n" + c + "  # sometimes: a reason", ""},
		"one that is gone":              {b + "  # a reason\n" + d + "  # a reason", "there is no such mutant"},
	} {
		t.Run(name, func(t *testing.T) {
			exceptions, err := explained.Parse(list, test.list)
			require.NoError(t, err)
			faults := append(compare(results, exceptions), gone(mutants, exceptions)...)
			if test.fault == "" {
				assert.Empty(t, faults)
				return
			}
			require.Len(t, faults, 1)
			assert.Contains(t, faults[0], test.fault)
		})
	}
	for text, says := range map[string]string{
		"p/a.go:f: a  =>  b":                                      "survivors.txt:1: does not say why",
		"\np/a.go:f: a  =>  b  # ":                                "survivors.txt:2: does not say why",
		"p/a.go:f: a  =>  b  # a reason\np/a.go:f: a  =>  b  # b": "survivors.txt:2: is there twice",
	} {
		_, err := explained.Parse(list, text)
		assert.ErrorContains(t, err, says, text)
	}
}
