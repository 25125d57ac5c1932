package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sitwell/internal/auth"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	maxQuery  = 2 << 10 // bytes of a query string
	timeLimit = 30 * time.Second

	// maxAsks bounds the requests that are answered at once, besides exports and live
	// views, which have bounds of their own. More are refused with 503 at once: those
	// that wait for the store hold memory, and time out.
	maxAsks = 256
)

func contextWithLimit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, timeLimit)
}

// call is a request whose asker is known, and the organisation and wearer it
// is about, where its route names them.
type call struct {
	*http.Request
	query url.Values

	asker  auth.Asker
	scope  auth.Scope
	org    registry.Org
	person auth.Person
	wearer registry.Wearer
	zone   *time.Location // the wearer's own, or the organisation's
}

// resolve finds out who asks, and about what.
func (d *Dashboard) resolve(rt route, hr *http.Request) (*call, error) {
	r := &call{Request: hr}
	var err error
	if r.asker, err = d.Authority.Ask(hr); err != nil {
		d.log.InfoContext(hr.Context(), "asker refused", "error", err)
		return nil, refuse(http.StatusUnauthorized, "not_signed_in", "Sign in first.")
	}
	if r.query, err = rt.parseQuery(hr.URL.RawQuery); err != nil {
		return nil, err
	}
	if rt.hasOrg() {
		if err := d.findOrg(r); err != nil {
			return nil, err
		}
	}
	if rt.hasWearer() {
		if err := d.findWearer(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (rt route) takes(name string) bool { return slices.Contains(rt.query, name) }

// parseQuery reads the query and refuses what the route does not take.
func (rt route) parseQuery(raw string) (url.Values, error) {
	if len(raw) > maxQuery {
		return nil, badRequest("query_too_long", "The query has %d bytes; at most %d are taken.", len(raw), maxQuery)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("bad_query", "The query cannot be read. Escape its parameters.")
	}
	for name, list := range values {
		switch {
		case !rt.takes(name) && len(rt.query) == 0:
			return nil, badRequest("unknown_parameter", "There is no parameter %q here; this address takes none.", clip(name))
		case !rt.takes(name):
			return nil, badRequest("unknown_parameter", "There is no parameter %q here. Those there are: %s.", clip(name), strings.Join(rt.query, ", "))
		case len(list) > 1:
			return nil, badRequest("repeated_parameter", "The parameter %s is given %d times; give it once.", name, len(list))
		}
	}
	return values, nil
}

// value is a part of the path, or else of the query.
func (r *call) value(name string) string {
	if v := r.PathValue(name); v != "" {
		return v
	}
	return r.query.Get(name)
}

// id reads the parameter name, the id of a thing called what with its article.
func (r *call) id(name, what string) (schemas.ID, error) {
	text := r.value(name)
	if text == "" {
		return schemas.ID{}, badRequest("missing_parameter", "Give the id of %s: the parameter %s is missing.", what, name)
	}
	id, err := schemas.ParseID(text)
	if err != nil {
		return schemas.ID{}, badRequest("bad_id", "This is not the id of %s. An id has 1 to 63 of a-z, 0-9, '_' and '-'.", what)
	}
	return id, nil
}

func (d *Dashboard) findOrg(r *call) error {
	id, err := r.id("org", "an organisation")
	if err != nil {
		return err
	}
	if r.scope, err = r.asker.Org(id); err != nil {
		return notFound("organisation")
	}
	var ok bool
	if r.org, ok = d.Registry.Org(r.scope.Org()); !ok {
		return notFound("organisation")
	}
	r.zone = r.org.Location()
	return nil
}

func (d *Dashboard) findWearer(r *call) error {
	id, err := r.id("wearer", "a wearer")
	if err != nil {
		return err
	}
	if r.person, err = r.scope.Wearer(id); err != nil {
		return notFound("wearer")
	}
	var ok bool
	if r.wearer, ok = d.Registry.Wearer(r.person.Org(), r.person.ID()); !ok {
		return notFound("wearer")
	}
	if r.wearer.Zone != "" {
		r.zone = registry.Org{Zone: r.wearer.Zone}.Location()
	}
	return nil
}

// about is the one place where a query of the store is made: of a person whom the
// asker may see.
func about(p auth.Person, from, to time.Time) series.Query {
	return series.Query{Org: p.Org(), Wearer: p.ID(), From: from, To: to}
}

// clip shortens a foreign text for a message.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}
