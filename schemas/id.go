package schemas

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// ErrBadID says that a text is not an identifier; the wrapping error names the text.
var ErrBadID = errors.New("identifiers are 1 to 63 of a-z, 0-9, '_' and '-', and start with a letter or digit")

// ID names an organisation, team, wearer or device. It matches
// ^[a-z0-9][a-z0-9_-]{0,62}$, so that it is safe as a part of a subject, a
// topic, a tag, a key, a path and an address. The zero ID is "no identifier";
// every other one has been through ParseID.
type ID struct{ s string }

// ParseID checks s and makes it an ID. The error wraps ErrBadID.
func ParseID(s string) (ID, error) {
	if !validID(s) {
		return ID{}, fmt.Errorf("%q: %w", clip(s, 80), ErrBadID)
	}
	return ID{s}, nil
}

// MustID is ParseID for constants: it panics on a bad identifier.
func MustID(s string) ID {
	id, err := ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func validID(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '_' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// String is the identifier's text, "" for the zero ID.
func (id ID) String() string { return id.s }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id.s == "" }

// Compare orders identifiers by their bytes, as strings.Compare does.
func (id ID) Compare(other ID) int { return strings.Compare(id.s, other.s) }

// MarshalText is the identifier's text.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.s), nil }

// UnmarshalText checks and takes an identifier; an empty text is the zero ID.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// MarshalCBOR is the identifier as a CBOR text.
func (id ID) MarshalCBOR() ([]byte, error) { return cbor.Marshal(id.s) }

// UnmarshalCBOR checks and takes an identifier; an empty text is the zero ID.
func (id *ID) UnmarshalCBOR(b []byte) error {
	var s string
	if err := cbor.Unmarshal(b, &s); err != nil {
		return err
	}
	return id.UnmarshalText([]byte(s))
}

// clip shortens a foreign text so that an error stays readable.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "..."
}
