package schemas

import (
	"errors"

	"github.com/go-json-experiment/json"
)

// decodeStrict reads a small JSON object within the limits that hold for
// readings: what is malformed is refused with its reason, unknown fields are
// ignored.
func decodeStrict(b []byte, v any) error {
	if err := checkSize(b); err != nil {
		return err
	}
	if err := checkJSON(b); err != nil {
		return err
	}
	err := json.Unmarshal(b, v)
	var semantic *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &semantic) && semantic.JSONPointer != "":
		return Refuse(WrongType, "%s does not fit", clip(string(semantic.JSONPointer), 80))
	}
	return Refuse(WrongType, "the payload is not an object of the right fields")
}

// checkJSON walks a payload for its limits alone.
func checkJSON(b []byte) error {
	d := newDecoder(b)
	defer d.free()
	if err := d.skip(); err != nil {
		return err
	}
	return d.end()
}
