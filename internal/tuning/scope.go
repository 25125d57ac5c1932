package tuning

import (
	"fmt"
	"strings"

	"sitwell/schemas"
)

// Scope is for whom parameters are set: the whole installation where it is
// zero, an organisation, or a team or a wearer of one.
type Scope struct {
	Org    schemas.ID `json:"org,omitzero"`
	Team   schemas.ID `json:"team,omitzero"`
	Wearer schemas.ID `json:"wearer,omitzero"`
}

// check refuses scopes that do not exist, whatever is registered.
func (s Scope) check() error {
	switch {
	case s.Org.IsZero() && s != Scope{}:
		return fmt.Errorf("parameters are set for a team or a wearer of an organisation, and none is named")
	case !s.Team.IsZero() && !s.Wearer.IsZero():
		return fmt.Errorf("parameters are set for a team or for a wearer, not for both at once: %s, %s", s.Team, s.Wearer)
	}
	return nil
}

// kind is the scope's word in keys and in the names of versions.
func (s Scope) kind() string {
	switch {
	case !s.Wearer.IsZero():
		return "wearer"
	case !s.Team.IsZero():
		return "team"
	case !s.Org.IsZero():
		return "org"
	}
	return "all"
}

// key is the scope's key in the bucket: identifiers have no dots.
func (s Scope) key() string {
	parts := []string{s.kind()}
	for _, id := range []schemas.ID{s.Org, s.Team, s.Wearer} {
		if !id.IsZero() {
			parts = append(parts, id.String())
		}
	}
	return strings.Join(parts, ".")
}

// parseKey is the scope of a key.
func parseKey(key string) (Scope, error) {
	parts := strings.Split(key, ".")
	var s Scope
	fields := map[string][]*schemas.ID{"all": {}, "org": {&s.Org}, "team": {&s.Org, &s.Team}, "wearer": {&s.Org, &s.Wearer}}
	ids, ok := fields[parts[0]]
	if !ok || len(ids) != len(parts)-1 {
		return s, fmt.Errorf("%q is no key of this bucket", key)
	}
	for i, id := range ids {
		parsed, err := schemas.ParseID(parts[i+1])
		if err != nil {
			return s, fmt.Errorf("%q is no key of this bucket: %w", key, err)
		}
		*id = parsed
	}
	return s, nil
}

// String names the scope to people.
func (s Scope) String() string {
	switch s.kind() {
	case "wearer":
		return "wearer " + s.Wearer.String() + " of " + s.Org.String()
	case "team":
		return "team " + s.Team.String() + " of " + s.Org.String()
	case "org":
		return "organisation " + s.Org.String()
	}
	return "the whole installation"
}

// chain is the scopes that count for a wearer, the widest first. Zero
// identifiers are left out.
func chain(org, team, wearer schemas.ID) []Scope {
	scopes := []Scope{{}}
	if org.IsZero() {
		return scopes
	}
	scopes = append(scopes, Scope{Org: org})
	if !team.IsZero() {
		scopes = append(scopes, Scope{Org: org, Team: team})
	}
	if !wearer.IsZero() {
		scopes = append(scopes, Scope{Org: org, Wearer: wearer})
	}
	return scopes
}
