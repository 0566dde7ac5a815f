package kpl

import (
	"crypto/md5"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// schema is the format as the protobuf library sees it: the oracle.
func schema(t testing.TB) protoreflect.MessageDescriptor {
	const (
		optional, required, repeated = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, descriptorpb.FieldDescriptorProto_LABEL_REQUIRED, descriptorpb.FieldDescriptorProto_LABEL_REPEATED
		text, number, data, message  = descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_UINT64, descriptorpb.FieldDescriptorProto_TYPE_BYTES, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	)
	field := func(n int32, name string, label descriptorpb.FieldDescriptorProto_Label, kind descriptorpb.FieldDescriptorProto_Type, of string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &n, Label: &label, Type: &kind}
		if of != "" {
			f.TypeName = &of
		}
		return f
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("kpl.proto"), Syntax: new("proto2"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: new("AggregatedRecord"), Field: []*descriptorpb.FieldDescriptorProto{
				field(1, "partition_key_table", repeated, text, ""), field(2, "explicit_hash_key_table", repeated, text, ""), field(3, "records", repeated, message, ".Record"),
			}},
			{Name: new("Record"), Field: []*descriptorpb.FieldDescriptorProto{
				field(1, "partition_key_index", required, number, ""), field(2, "explicit_hash_key_index", optional, number, ""), field(3, "data", required, data, ""), field(4, "tags", repeated, message, ".Tag"),
			}},
			{Name: new("Tag"), Field: []*descriptorpb.FieldDescriptorProto{
				field(1, "key", required, text, ""), field(2, "value", optional, text, ""),
			}},
		},
	}, nil)
	require.NoError(t, err)
	return file.Messages().ByName("AggregatedRecord")
}

// resolved is a user record with its keys.
type resolved struct {
	packed
	key, hashKey string
}

// oracle unpacks with the protobuf library.
func oracle(aggregate protoreflect.MessageDescriptor, text []byte) (users []resolved, ok bool) {
	m := dynamicpb.NewMessage(aggregate)
	if proto.Unmarshal(text, m) != nil {
		return nil, false
	}
	fields := aggregate.Fields()
	keys, hashKeys, records := m.Get(fields.ByNumber(1)).List(), m.Get(fields.ByNumber(2)).List(), m.Get(fields.ByNumber(3)).List()
	for i := range records.Len() {
		record := records.Get(i).Message()
		fields := record.Descriptor().Fields()
		u := resolved{packed: packed{keyIndex: record.Get(fields.ByNumber(1)).Uint(), data: record.Get(fields.ByNumber(3)).Bytes()}}
		if u.keyIndex >= uint64(keys.Len()) {
			return nil, false
		}
		u.key = keys.Get(int(u.keyIndex)).String()
		if record.Has(fields.ByNumber(2)) {
			u.explicit = true
			if u.hashKeyIndex = record.Get(fields.ByNumber(2)).Uint(); u.hashKeyIndex >= uint64(hashKeys.Len()) {
				return nil, false
			}
			u.hashKey = hashKeys.Get(int(u.hashKeyIndex)).String()
		}
		tags := record.Get(fields.ByNumber(4)).List()
		for k := range tags.Len() {
			tag := tags.Get(k).Message()
			fields := tag.Descriptor().Fields()
			u.tags = append(u.tags, Tag{tag.Get(fields.ByNumber(1)).String(), tag.Get(fields.ByNumber(2)).String()})
		}
		users = append(users, u)
	}
	return users, len(users) > 0
}

// Whatever is in a message, unpacking it comes to what the protobuf library makes of it, and never panics.
func FuzzUnpack(f *testing.F) {
	for _, seed := range []string{
		"0a016b1a0508001a0161",                          // one user record
		"0a016b0a016c1201301a0708011000" + "1a0162",     // with an explicit hash key
		"0a016b1a0e08001a01612207" + "0a01741201762200", // with tags
		"1a", "0a016b1a0508ff1a0161", "0b0c", "1a0208001a021a00", "08010a00",
	} {
		text, _ := hex.DecodeString(seed)
		f.Add(text)
	}
	aggregate := schema(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		tables, spans, err := unpack(text)
		want, ok := oracle(aggregate, text)
		require.Equal(t, ok, err == nil, "%v", err)
		if ok {
			require.Len(t, spans, len(want))
			c := carrier{text: text, tables: tables}
			for i := range want {
				got := resolved{packed: c.read(&spans[i]), key: tables.keys[spans[i].key]}
				if got.explicit {
					got.hashKey = tables.hashKeys[got.hashKeyIndex]
				}
				assert.Equal(t, string(want[i].data), string(got.data))
				got.data, want[i].data = nil, nil
				assert.Equal(t, want[i], got)
			}
		}

		sum := md5.Sum(text)
		whole, aggregated := message([]byte(magic + string(text) + string(sum[:])))
		assert.Equal(t, len(text) > 0, aggregated)
		if aggregated {
			assert.Equal(t, text, whole)
		}
		message(text)
	})
}
