package kpl

import (
	"bytes"
	"crypto/md5"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The format is that of aggregation-format.md in github.com/awslabs/amazon-kinesis-producer: a magic number, a
// protobuf message AggregatedRecord, and the MD5 sum of that.
const magic = "\xf3\x89\x9a\xc2"

// message returns the protobuf message in data. Data without the magic number, or with another sum, are no
// aggregate; the Kinesis Client Library takes them for a plain record as well.
func message(data []byte) (text []byte, ok bool) {
	end := len(data) - md5.Size
	if end <= len(magic) || string(data[:len(magic)]) != magic {
		return nil, false
	}
	text = data[len(magic):end]
	sum := md5.Sum(text)
	return text, bytes.Equal(sum[:], data[end:])
}

// packed is a user record of an aggregate. Its data are a part of the aggregate's.
type packed struct {
	keyIndex, hashKeyIndex uint64
	explicit               bool // there is a hashKeyIndex
	key, hashKey           string
	data                   []byte // nil if absent
	tags                   []Tag
}

// The shape of the messages: which fields are written with their length. The others are varints.
const (
	aggregateBytes = 1<<1 | 1<<2 | 1<<3
	recordBytes    = 1<<3 | 1<<4
	tagBytes       = 1<<1 | 1<<2
)

// noAggregate is the error of a message that is no AggregatedRecord: it is not protobuf, or a required field of it is
// absent, as the zero values are that a producer on proto3 leaves out. The Kinesis Client Library cannot parse such a
// message either, and takes the record for a plain one.
type noAggregate string

func (e noAggregate) Error() string { return string(e) }

// unpack reads the message of an aggregate. The error is a noAggregate unless the message is one that refers to a key
// which is not in its tables.
func unpack(text []byte) ([]packed, error) {
	var keys, hashKeys []string
	var records []packed
	err := fields(text, aggregateBytes, func(field protowire.Number, value []byte, _ uint64) error {
		switch field {
		case 1:
			keys = append(keys, string(value))
		case 2:
			hashKeys = append(hashKeys, string(value))
		case 3:
			record, err := readRecord(value)
			records = append(records, record)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, noAggregate("no user record where at least one was expected")
	}
	for i := range records {
		r := &records[i]
		if r.keyIndex >= uint64(len(keys)) {
			return nil, fmt.Errorf("user record %d has partition key number %d of %d", i, r.keyIndex, len(keys))
		}
		r.key = keys[r.keyIndex]
		if !r.explicit {
			continue
		}
		if r.hashKeyIndex >= uint64(len(hashKeys)) {
			return nil, fmt.Errorf("user record %d has explicit hash key number %d of %d", i, r.hashKeyIndex, len(hashKeys))
		}
		r.hashKey = hashKeys[r.hashKeyIndex]
	}
	return records, nil
}

func readRecord(text []byte) (packed, error) {
	var r packed
	keyed := false
	err := fields(text, recordBytes, func(field protowire.Number, value []byte, number uint64) error {
		switch field {
		case 1:
			r.keyIndex, keyed = number, true
		case 2:
			r.hashKeyIndex, r.explicit = number, true
		case 3:
			r.data = value
		case 4:
			tag, err := readTag(value)
			r.tags = append(r.tags, tag)
			return err
		}
		return nil
	})
	switch {
	case err != nil:
		return r, err
	case !keyed:
		return r, noAggregate("a user record without a partition key")
	case r.data == nil:
		return r, noAggregate("a user record without data")
	}
	return r, nil
}

func readTag(text []byte) (tag Tag, err error) {
	keyed := false
	err = fields(text, tagBytes, func(field protowire.Number, value []byte, _ uint64) error {
		switch field {
		case 1:
			tag.Key, keyed = string(value), true
		case 2:
			tag.Value = string(value)
		}
		return nil
	})
	if err == nil && !keyed {
		err = noAggregate("a tag without a key")
	}
	return tag, err
}

// fields calls do for each field of a message: with its value, which is never nil, if it is one of inBytes, or
// else with its number. A field of another wire type is passed over like an unknown one, as protobuf has it.
func fields(text []byte, inBytes uint, do func(field protowire.Number, value []byte, number uint64) error) error {
	for len(text) > 0 {
		field, kind, length := protowire.ConsumeField(text)
		if length < 0 {
			return noAggregate("not a protobuf message")
		}
		_, _, tag := protowire.ConsumeTag(text)
		body := text[tag:length]
		text = text[length:]
		var value []byte
		var number uint64
		switch long := field < 32 && inBytes>>field&1 != 0; {
		case long && kind == protowire.BytesType:
			_, prefix := protowire.ConsumeVarint(body)
			value = body[prefix:len(body):len(body)]
		case !long && kind == protowire.VarintType:
			number, _ = protowire.ConsumeVarint(body)
		default:
			continue
		}
		if err := do(field, value, number); err != nil {
			return err
		}
	}
	return nil
}
