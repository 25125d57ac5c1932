package app

import (
	"fmt"
	"slices"
	"strings"
)

// Role is a share of the work that a process may take on.
type Role string

// The roles.
const (
	Broker    Role = "broker"    // the embedded server: MQTT listener, log, key-value store
	Ingest    Role = "ingest"    // MQTT into the log
	Detect    Role = "detect"    // the log judged
	Notify    Role = "notify"    // findings to nudges
	Record    Role = "record"    // the log into the store
	Dashboard Role = "dashboard" // pages, API, hindsight: what looks into the store
)

// Everything is all roles, in the order in which a reading meets them.
func Everything() []Role { return []Role{Broker, Ingest, Detect, Notify, Record, Dashboard} }

// ParseRoles reads a list such as broker,ingest.
func ParseRoles(list string) ([]Role, error) {
	var roles []Role
	for name := range strings.SplitSeq(list, ",") {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(Everything(), role) {
			return nil, fmt.Errorf("there is no role %q; the roles are %s", role, RoleList(Everything()))
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// RoleList is roles as ParseRoles reads them.
func RoleList(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

// has reports whether the process has one of some roles.
func (o *Options) has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return len(o.Roles) == 0 || slices.Contains(o.Roles, r) })
}

// roles are those of the process.
func (o *Options) roles() []Role {
	if len(o.Roles) == 0 {
		return Everything()
	}
	return o.Roles
}
