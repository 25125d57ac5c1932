package schemas

import (
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeStrict reads a small JSON object: duplicate keys, trailing data and
// wrong types are refused, unknown fields ignored.
func decodeStrict(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	var semantic *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		return Refuse(DuplicateKey, "a key stands twice in one object")
	case errors.As(err, &semantic):
		return Refuse(WrongType, "%s does not fit", semantic.JSONPointer)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return Refuse(NotJSON, "the JSON ends early, at byte %d", len(b))
	}
	return Refuse(NotJSON, "no JSON, or something behind it")
}
