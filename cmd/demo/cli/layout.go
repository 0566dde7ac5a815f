package cli

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	helpWidth    = 80  // of help written to a pipe
	widestText   = 100 // on a terminal, however wide it is
	narrowest    = 24  // below that, lines are longer than the terminal
	leastColumn  = 30  // of the right column of rows; if there is less room, it moves below the left one
	widestLeft   = 36  // of the left column; longer texts have a line of their own
	columnGap    = 2
	belowIndent  = 6
	rowIndention = 2
)

// columns returns the maximum number of columns of a line written to w: the terminal's, or otherwise.
func columns(w io.Writer, otherwise int) int {
	file, ok := w.(*os.File)
	if !ok {
		return otherwise
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return otherwise
	}
	return min(max(width, narrowest), widestText)
}

// layout fits text to a width, breaking lines only between words. Lines that begin at the margin are paragraphs, which
// are filled. Lines with a tab are the rows of a table of two columns. Other indented lines are kept, and broken only
// if they are too long. A width of 0 is no limit: paragraphs and rows then take one line each.
func layout(text string, width int) string {
	var b strings.Builder
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 {
		kind := kindOf(lines[0])
		n := 1
		for n < len(lines) && kindOf(lines[n]) == kind {
			n++
		}
		block := lines[:n]
		lines = lines[n:]
		switch kind {
		case paragraph:
			b.WriteString(fill(strings.Join(block, " "), width, "", ""))
		case rows:
			writeRows(&b, block, width)
		case verbatim:
			for _, line := range block {
				indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
				if width > 0 && utf8.RuneCountInString(line) > width {
					line = strings.TrimSuffix(fill(line, width, indent, indent+"  "), "\n")
				}
				b.WriteString(line + "\n")
			}
		case blank:
			b.WriteString(strings.Repeat("\n", n))
		}
	}
	return b.String()
}

type lineKind int

const (
	blank lineKind = iota
	paragraph
	rows
	verbatim
)

func kindOf(line string) lineKind {
	switch {
	case strings.TrimSpace(line) == "":
		return blank
	case strings.Contains(line, "\t"):
		return rows
	case strings.HasPrefix(line, " "):
		return verbatim
	default:
		return paragraph
	}
}

// writeRows writes rows, each a left and a right text with a tab between them.
func writeRows(b *strings.Builder, block []string, width int) {
	indent := strings.Repeat(" ", rowIndention)
	column := 0
	for _, row := range block {
		left, _, _ := strings.Cut(strings.TrimSpace(row), "\t")
		if n := utf8.RuneCountInString(left); n <= widestLeft || width == 0 {
			column = max(column, n)
		}
	}
	right := rowIndention + column + columnGap // where the right column begins
	below := width > 0 && width-right < leastColumn
	if below {
		right = belowIndent
	}
	hang := strings.Repeat(" ", right)
	for _, row := range block {
		left, text, _ := strings.Cut(strings.TrimSpace(row), "\t")
		if below || utf8.RuneCountInString(left) > column {
			b.WriteString(fill(left, width, indent, indent+"  "))
			b.WriteString(fill(text, width, hang, hang))
			continue
		}
		b.WriteString(fill(text, width, indent+left+strings.Repeat(" ", right-rowIndention-utf8.RuneCountInString(left)), hang))
	}
}

// fill breaks text between words so that no line is longer than width, unless a single word is. The first line begins
// with first, the others with rest.
func fill(text string, width int, first, rest string) string {
	var b strings.Builder
	b.WriteString(first)
	column, fresh := utf8.RuneCountInString(first), true
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case fresh:
		case width > 0 && column+1+n > width:
			b.WriteString("\n" + rest)
			column = utf8.RuneCountInString(rest)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column, fresh = column+n, false
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}
