// Package auth is the boundary of whoever asks sitwell for data: who is asking,
// and for which organisation.
//
// An Authority tells from a request who asks, as an Asker. What an Asker may see
// is had from it alone: Org gives a Scope, a Scope gives a Person, and every
// query of the dashboard takes one of the two. Neither can be made in another
// way, so that a handler which forgets to ask cannot read anything, and sign-in
// has one place to arrive.
//
// Local is the only Authority of this build. Sessions, roles and grants of single
// wearers are other ones.
//
// Everything here is a value and safe for concurrent use.
package auth

import (
	"errors"
	"net/http"

	"sitwell/schemas"
)

// ErrDenied says that the asker may not see what was asked for. Answer it as if
// it did not exist: whether an organisation exists is itself a thing to keep.
var ErrDenied = errors.New("not among what the asker may see")

// Authority tells who asks. An error means that this could not be told, and the
// request must be refused.
type Authority interface {
	Ask(r *http.Request) (Asker, error)
}

// Asker is whoever asks. The zero Asker may see nothing.
type Asker struct {
	Name string // for logs and the record of who looked at what
	all  bool
}

// Org is the asker's view of an organisation, or ErrDenied.
func (a Asker) Org(id schemas.ID) (Scope, error) {
	if !a.all || id.IsZero() {
		return Scope{}, ErrDenied
	}
	return Scope{org: id, asker: a.Name}, nil
}

// Scope is one asker's view of one organisation. The zero Scope names none.
type Scope struct {
	org   schemas.ID
	asker string
}

// Org is the organisation.
func (s Scope) Org() schemas.ID { return s.org }

// Asker is the name of whoever asked.
func (s Scope) Asker() string { return s.asker }

// Wearer is the asker's view of one wearer of the organisation, or ErrDenied.
func (s Scope) Wearer(id schemas.ID) (Person, error) {
	if s.org.IsZero() || id.IsZero() {
		return Person{}, ErrDenied
	}
	return Person{scope: s, id: id}, nil
}

// Person is one asker's view of one wearer. The zero Person names nobody.
type Person struct {
	scope Scope
	id    schemas.ID
}

// Org is the wearer's organisation.
func (p Person) Org() schemas.ID { return p.scope.org }

// ID is the wearer.
func (p Person) ID() schemas.ID { return p.id }

// Asker is the name of whoever asked.
func (p Person) Asker() string { return p.scope.asker }
