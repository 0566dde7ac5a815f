package dynamodbstore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/troupe-go/troupe/idempotency"
)

// dataOf returns the attribute of a value.
func (s *Store) dataOf(value []byte) (types.AttributeValue, error) {
	if !s.native {
		return text(string(value)), nil
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, idempotency.ValueErrorf("it is not JSON")
	}
	return attributeOf(v)
}

func attributeOf(v any) (types.AttributeValue, error) {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]types.AttributeValue, len(v))
		for name, e := range v {
			a, err := attributeOf(e)
			if err != nil {
				return nil, err
			}
			m[name] = a
		}
		return &types.AttributeValueMemberM{Value: m}, nil
	case []any:
		list := make([]types.AttributeValue, len(v))
		for i, e := range v {
			a, err := attributeOf(e)
			if err != nil {
				return nil, err
			}
			list[i] = a
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	case string:
		return text(v), nil
	case json.Number:
		if !fits(v.String()) {
			return nil, idempotency.ValueErrorf("a number in it has more than 38 digits or is out of DynamoDB's range; WithNativeData cannot store it")
		}
		return &types.AttributeValueMemberN{Value: v.String()}, nil
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}, nil
	default:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	}
}

var numberForm = regexp.MustCompile(`^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$`)

// fits reports whether DynamoDB stores a JSON number as it is: 38 digits, between 1E-130 and 9.9E+125.
func fits(n string) bool {
	m := numberForm.FindStringSubmatch(n)
	if m == nil {
		return false
	}
	digits := strings.TrimLeft(m[1]+m[2], "0")
	if digits == "" {
		return true
	}
	exponent := 0
	if m[3] != "" {
		if _, err := fmt.Sscanf(m[3], "%d", &exponent); err != nil {
			return false
		}
	}
	first := exponent - len(m[2]) + len(digits) - 1 // the power of ten of the first digit
	return len(strings.TrimRight(digits, "0")) <= 38 && first >= -130 && first <= 125
}

// valueOf returns the JSON of an attribute that this package or Powertools has written.
func (s *Store) valueOf(data types.AttributeValue) ([]byte, error) {
	switch v := data.(type) {
	case nil:
		return nil, nil
	case *types.AttributeValueMemberS:
		if !s.native && json.Valid([]byte(v.Value)) {
			return []byte(v.Value), nil
		}
	}
	plain, err := plainOf(data)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(plain); err != nil {
		return nil, idempotency.ValueErrorf("the stored attribute has no JSON")
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// plainOf returns an attribute as encoding/json marshals it.
func plainOf(a types.AttributeValue) (any, error) {
	switch v := a.(type) {
	case *types.AttributeValueMemberS:
		return v.Value, nil
	case *types.AttributeValueMemberN:
		return json.Number(v.Value), nil
	case *types.AttributeValueMemberBOOL:
		return v.Value, nil
	case *types.AttributeValueMemberNULL:
		return nil, nil
	case *types.AttributeValueMemberB:
		return base64.StdEncoding.EncodeToString(v.Value), nil
	case *types.AttributeValueMemberM:
		m := make(map[string]any, len(v.Value))
		for name, e := range v.Value {
			p, err := plainOf(e)
			if err != nil {
				return nil, err
			}
			m[name] = p
		}
		return m, nil
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, e := range v.Value {
			p, err := plainOf(e)
			if err != nil {
				return nil, err
			}
			list[i] = p
		}
		return list, nil
	case *types.AttributeValueMemberSS:
		return v.Value, nil
	case *types.AttributeValueMemberNS:
		numbers := make([]json.Number, len(v.Value))
		for i, n := range v.Value {
			numbers[i] = json.Number(n)
		}
		return numbers, nil
	case *types.AttributeValueMemberBS:
		return v.Value, nil
	default:
		return nil, idempotency.ValueErrorf("the stored attribute is of a type that is not known")
	}
}

func tooLarge(message string) bool {
	return strings.Contains(message, "Item size") || strings.Contains(message, "Item collection size")
}
