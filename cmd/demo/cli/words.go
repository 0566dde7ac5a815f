package cli

import "strconv"

// thousands returns n with a comma at every third digit.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// count returns n with its noun: 1 record, 2 records, 1,000 batches.
func count(n int, noun string) string {
	switch {
	case n == 1:
	case len(noun) > 2 && noun[len(noun)-2:] == "ch":
		noun += "es"
	default:
		noun += "s"
	}
	return thousands(n) + " " + noun
}
