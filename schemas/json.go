package schemas

import (
	"encoding/json"
	"fmt"
)

func encodeJSON(what string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	return b, nil
}

func decodeJSON(what string, b []byte, want string, v any, got *string) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %s: %w", what, err)
	}
	if *got != want {
		return fmt.Errorf("decode %s: %w", what, Refuse(UnknownSchema, "schema %q, this build reads %q", clip(*got, 60), want))
	}
	return nil
}
