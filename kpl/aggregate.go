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

// message returns the protobuf message in data. Data without the magic number, or with another checksum,
// are not an aggregate; the Kinesis Client Library treats them as a plain record as well.
func message(data []byte) (text []byte, ok bool) {
	end := len(data) - md5.Size
	if end <= len(magic) || string(data[:len(magic)]) != magic {
		return nil, false
	}
	text = data[len(magic):end]
	sum := md5.Sum(text)
	return text, bytes.Equal(sum[:], data[end:])
}

// packed is a user record as an aggregate contains it: its keys are indexes into tables.
type packed struct {
	keyIndex, hashKeyIndex uint64
	explicit               bool   // there is a hashKeyIndex
	data                   []byte // a part of the aggregate's; nil if absent
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

// tables are the partition keys and explicit hash keys of an aggregate.
type tables struct{ keys, hashKeys []string }

// unpack reads the message of an aggregate: its tables, and its user records by the ranges of bytes that they have in
// text. The records are read again when their turn has come, since a batch may have hundreds of thousands of them. The
// error is a noAggregate unless the message is one that refers to a key which is not in its tables.
func unpack(text []byte) (t tables, records []span, err error) {
	count := 0
	err = fields(text, aggregateBytes, func(field protowire.Number, value []byte, _ uint64, _ int) error {
		switch field {
		case 1:
			t.keys = append(t.keys, string(value))
		case 2:
			t.hashKeys = append(t.hashKeys, string(value))
		case 3:
			count++
			_, err := readRecord(value)
			return err
		}
		return nil
	})
	if err != nil {
		return t, nil, err
	}
	if count == 0 {
		return t, nil, noAggregate("no user record where at least one was expected")
	}
	records = make([]span, 0, count)
	err = fields(text, aggregateBytes, func(field protowire.Number, value []byte, _ uint64, end int) error {
		if field != 3 {
			return nil
		}
		r, err := readRecord(value)
		switch {
		case err != nil:
			return err
		case r.keyIndex >= uint64(len(t.keys)):
			return fmt.Errorf("user record %d has partition key number %d of %d", len(records), r.keyIndex, len(t.keys))
		case r.explicit && r.hashKeyIndex >= uint64(len(t.hashKeys)):
			return fmt.Errorf("user record %d has explicit hash key number %d of %d", len(records), r.hashKeyIndex, len(t.hashKeys))
		}
		records = append(records, span{int32(end - len(value)), int32(end), int32(r.keyIndex)})
		return nil
	})
	return t, records, err
}

// span is the position of a user record, and the index of its partition key.
type span struct{ start, end, key int32 }

func readRecord(text []byte) (packed, error) {
	var r packed
	keyed := false
	err := fields(text, recordBytes, func(field protowire.Number, value []byte, number uint64, _ int) error {
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
	err = fields(text, tagBytes, func(field protowire.Number, value []byte, _ uint64, _ int) error {
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

// fields calls do for each field of a message: with its value, which is never nil, if the field is one of inBytes,
// otherwise with its number, and with the index in text where it ends. As protobuf requires, a field of another wire
// type is skipped like an unknown one.
func fields(text []byte, inBytes uint, do func(field protowire.Number, value []byte, number uint64, end int) error) error {
	for all := len(text); len(text) > 0; {
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
		if err := do(field, value, number, all-len(text)); err != nil {
			return err
		}
	}
	return nil
}
