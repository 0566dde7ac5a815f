package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		{"messages", returned, "m1", killed, ""}, {"messages", returned, "m2", timedOut, ""}, {"messages", returned, "m3", survived, ""},
		{"response", returned, "r1", killed, ""},
	})
	assert.Equal(t, []share{{"messages", 3, 1, 1}, {"response", 1, 1, 0}, {"all", 4, 2, 1}}, shares)
	assert.Equal(t, []string{
		"messages: tests kill 66.7 % of the mutants where at least 85 % are needed: write some",
		"all: tests kill 75.0 % of the mutants where at least 85 % are needed: write some",
	}, tooLow(shares))
}

func TestTheListHasToFitTheResults(t *testing.T) {
	results := []result{
		{"sources", boundary, "a", survived, ""}, {"sources", boundary, "b", survived, ""}, {"sources", boundary, "c", killed, ""},
		{"sources", omission, "d", timedOut, ""},
	}
	mutants := []*mutant{
		{pkg: "sources", edit: edit{operator: boundary}}, {pkg: "sources", edit: edit{operator: boundary}}, {pkg: "sources", edit: edit{operator: boundary}},
		{pkg: "sources", edit: edit{operator: omission}},
	}
	for name, test := range map[string]struct {
		list, fault string
		some        bool // not all mutants were run
	}{
		"it does":                           {list: "# for readers\n\nsources boundary 2  # a reason"},
		"for two reasons":                   {list: "sources boundary 1  # a reason\nsources boundary 1  # another"},
		"nothing is explained":              {fault: "2 mutants of sources boundary survive, and tools/mutants/survivors.txt explains 0"},
		"too little is explained":           {list: "sources boundary 1  # a reason", fault: "\n\ta\n\tb"},
		"too much is explained":             {list: "sources boundary 3  # a reason", fault: "explains 3 survivors of sources boundary, and 2 survive"},
		"too much, but only some were run":  {list: "sources boundary 3  # a reason", some: true},
		"too much, but sometimes":           {list: "sources boundary 2  # a reason\nsources boundary 1  # sometimes: another"},
		"another operator":                  {list: "sources boundary 2  # a reason\nsources omission 1  # a reason", fault: "explains 1 survivors of sources omission"},
		"more than there are":               {list: "sources boundary 2  # a reason\nsources omission 2  # sometimes: a reason", fault: "there are 1 such mutants"},
		"another package":                   {list: "sources boundary 2  # a reason\nresponse omission 1  # sometimes: a reason", fault: "there are 0 such mutants"},
		"the package counts, not the place": {list: "sources boundary 1  # a reason\nsources boundary 1  # sometimes: another"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, err := parseSurvivors(test.list)
			require.NoError(t, err)
			faults := append(compare(results, lines, !test.some), gone(mutants, lines)...)
			if test.fault == "" {
				assert.Empty(t, faults)
				return
			}
			require.Len(t, faults, 1)
			assert.Contains(t, faults[0], test.fault)
		})
	}
	for text, says := range map[string]string{
		"sources boundary 1":                "survivors.txt:1: gives no reason",
		"\nsources boundary 1  # ":          "survivors.txt:2: gives no reason",
		"sources boundary  # a reason":      `survivors.txt:1: "sources boundary" is not PACKAGE OPERATOR COUNT`,
		"sources boundary 0  # a reason":    `"0" is not a count`,
		"sources boundary some  # a reason": `"some" is not a count`,
		"source boundary 1  # a reason":     `"source" is not a package that is changed: [messages`,
		"sources limit 1  # a reason":       `"limit" is not an operator: [boundary`,
	} {
		_, err := parseSurvivors(text)
		assert.ErrorContains(t, err, says, text)
	}
}

// What the list names stays as it is when functions and variables get other names, and when they move.
func TestARenameChangesNothingInTheList(t *testing.T) {
	kinds := func(text string) (found []kind) {
		for _, m := range codeOf(t, text).mutants {
			found = append(found, kind{m.pkg, m.operator})
		}
		return found
	}
	before := kinds("package p\n\nfunc small(n int) bool {\n\treturn n < 3 && !odd(n)\n}\n\nfunc odd(n int) bool { return n%2 == 1 }\n")
	after := kinds("package p\n\nfunc uneven(number int) bool { return number%2 == 1 }\n\nfunc few(number int) bool { return number < 3 && !uneven(number) }\n")
	assert.NotEmpty(t, before)
	assert.ElementsMatch(t, before, after)
}

func TestEachChangeHasItsOperator(t *testing.T) {
	for line, want := range map[string][]operator{
		"return n < m":       {boundary, comparison},
		"return n != m":      {comparison},
		"return b && n == m": {logic, comparison, negation},
		"return !b":          {negation},
		"return true":        {returned},
		"n += m; return b":   {arithmetic, omission, negation},
		"n = -m; return b":   {arithmetic, omission, negation},
		"n++; return b":      {arithmetic, omission, negation},
	} {
		var found []operator
		for _, m := range codeOf(t, "package p\n\nvar n, m int\nvar b bool\n\nfunc f() bool { "+line+" }\n").mutants {
			found = append(found, m.operator)
		}
		assert.ElementsMatch(t, want, found, line)
	}
}
