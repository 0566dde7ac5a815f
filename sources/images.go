package sources

import "strings"

// Images are the parts of a record of a DynamoDB stream that handlers of items need, as JSON. They are parts of the
// record's text.
type Images struct {
	// Operation is the eventName, decoded.
	Operation string
	// Keys, New and Old are objects of attributes, each with one of the types of DynamoDB and a value of that type. Names
	// may be repeated: the last one counts. An image that the record does not have is empty.
	Keys, New, Old string
}

// imagesOf finds the images of a record that decodeDynamoDB accepts.
func imagesOf(f fields) (Images, bool) {
	images := Images{
		Operation: f.withoutImages().EventName,
		Keys:      f.imageText(dynamoKeys), New: f.imageText(dynamoNewImage), Old: f.imageText(dynamoOldImage),
	}
	return images, !f.fallback
}

// imageText checks a field with attributes by name: image could read it. It returns the text.
func (f *fields) imageText(k int) string {
	i, ok := f.objectAt(k)
	if !ok {
		return ""
	}
	end := f.checkItem(i)
	if end < 0 {
		f.fallback = true
		return ""
	}
	return f.Text[i:end]
}

// The methods below check nested values: they return the index after the end, or −1 if item, attribute and list would
// set fallback.

func (f *fields) checkItem(i int) int {
	if f.Text[i] != '{' {
		return -1
	}
	i, more := f.First(i, '}', 0)
	for more {
		i, _ = f.Str(i)
		if i = f.checkAttribute(f.Colon(i)); i < 0 {
			return i
		}
		i, more = f.Next(i, '}')
	}
	return i
}

func (f *fields) checkAttribute(i int) int {
	if f.Text[i] != '{' {
		return -1
	}
	i, more := f.First(i, '}', 0)
	if !more {
		return -1
	}
	end, _ := f.Str(i)
	kind := f.Text[i+1 : end-1]
	if i = f.checkValue(kind, f.Colon(end)); i < 0 {
		return i
	}
	if i, more = f.Next(i, '}'); more {
		return -1
	}
	return i
}

func (f *fields) checkValue(kind string, i int) int {
	first := f.Text[i]
	switch kind {
	case "S", "N":
		return f.checkString(i)
	case "B":
		return f.checkBinary(i)
	case "L", "SS", "NS", "BS":
		return f.checkList(kind, i)
	case "M":
		return f.checkItem(i)
	}
	if kind == "BOOL" && (first == 't' || first == 'f') || kind == "NULL" && first == 't' {
		return f.Value(i, 0)
	}
	return -1
}

func (f *fields) checkString(i int) int {
	if f.Text[i] != '"' {
		return -1
	}
	i, _ = f.Str(i)
	return i
}

// checkBinary refuses base64 that is spelled in an unusual way, too.
func (f *fields) checkBinary(i int) int {
	if f.Text[i] != '"' {
		return -1
	}
	end, special := f.Str(i)
	if special || !isBase64(f.Text[i+1:end-1]) {
		return -1
	}
	return end
}

func (f *fields) checkList(kind string, i int) int {
	if f.Text[i] != '[' {
		return -1
	}
	i, more := f.First(i, ']', 0)
	for more {
		if kind == "L" {
			i = f.checkAttribute(i)
		} else { // SS consists of S, and so on
			i = f.checkValue(kind[:1], i)
		}
		if i < 0 {
			return i
		}
		i, more = f.Next(i, ']')
	}
	return i
}

// isBase64 reports whether s is base64 in its usual spelling: padded, without line breaks.
func isBase64(s string) bool {
	if len(s)%4 != 0 {
		return false
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	for i := range len(s) {
		if c := s[i]; !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}
