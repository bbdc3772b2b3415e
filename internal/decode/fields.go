package decode

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
)

// Field is one named value: a number, a bool, a string, Fields or a list of them.
type Field struct {
	Name  string
	Value any
}

// Fields is a JSON object that keeps its order.
type Fields []Field

// Get returns the value of a field, nil for none of that name.
func (f Fields) Get(name string) any {
	for _, v := range f {
		if v.Name == name {
			return v.Value
		}
	}
	return nil
}

// MarshalJSON writes the fields in their order.
func (f Fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(v.Name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		value, err := json.Marshal(v.Value)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func octets(b []byte) string { return hex.EncodeToString(b) }
