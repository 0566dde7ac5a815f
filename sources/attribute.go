package sources

import "github.com/aws/aws-lambda-go/events"

type item = map[string]events.DynamoDBAttributeValue

// image reads a field with attributes by name.
func (f *fields) image(k int) item {
	i, ok := f.objectAt(k)
	if !ok {
		return nil
	}
	attributes, _ := f.item(i)
	return attributes
}

func (f *fields) item(i int) (item, int) {
	if f.Text[i] != '{' {
		f.fallback = true
		return nil, f.Value(i, 0)
	}
	attributes := item{}
	i, more := f.First(i, '}', 0)
	for more {
		var name string
		name, i = f.member(i)
		attributes[name], i = f.attribute(i)
		i, more = f.Next(i, '}')
	}
	return attributes, i
}

// attribute reads an object of exactly one member, whose key is the type of its value.
func (f *fields) attribute(i int) (v events.DynamoDBAttributeValue, end int) {
	start := i
	if f.Text[i] != '{' {
		return f.unknown(start)
	}
	i, more := f.First(i, '}', 0)
	if !more {
		return f.unknown(start)
	}
	kind, i := f.member(i)
	switch kind {
	case "S":
		var s string
		s, i = f.quoted(i)
		v = events.NewStringAttribute(s)
	case "N":
		var s string
		s, i = f.quoted(i)
		v = events.NewNumberAttribute(s)
	case "B":
		var b []byte
		b, i = f.binary(i)
		v = events.NewBinaryAttribute(b)
	case "BOOL":
		c := f.Text[i]
		f.fallback = f.fallback || c != 't' && c != 'f'
		v = events.NewBooleanAttribute(c == 't')
		i = f.Value(i, 0)
	case "NULL":
		f.fallback = f.fallback || f.Text[i] != 't'
		v = events.NewNullAttribute()
		i = f.Value(i, 0)
	case "M":
		var m item
		m, i = f.item(i)
		v = events.NewMapAttribute(m)
	case "L":
		var list []events.DynamoDBAttributeValue
		list, i = f.list(i)
		v = events.NewListAttribute(list)
	case "SS":
		var set []string
		set, i = f.stringList(i)
		v = events.NewStringSetAttribute(set)
	case "NS":
		var set []string
		set, i = f.stringList(i)
		v = events.NewNumberSetAttribute(set)
	case "BS":
		var set [][]byte
		set, i = f.bytesList(i)
		v = events.NewBinarySetAttribute(set)
	default:
		return f.unknown(start)
	}
	if i, more = f.Next(i, '}'); more {
		return f.unknown(start)
	}
	return v, i
}

func (f *fields) unknown(start int) (events.DynamoDBAttributeValue, int) {
	f.fallback = true
	return events.DynamoDBAttributeValue{}, f.Value(start, 0)
}

func (f *fields) list(i int) ([]events.DynamoDBAttributeValue, int) {
	if f.Text[i] != '[' {
		f.fallback = true
		return nil, f.Value(i, 0)
	}
	list := []events.DynamoDBAttributeValue{}
	i, more := f.First(i, ']', 0)
	for more {
		var v events.DynamoDBAttributeValue
		v, i = f.attribute(i)
		list = append(list, v)
		i, more = f.Next(i, ']')
	}
	return list, i
}
