package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"sitwell/internal/series"
)

// SetupOptions say where the store's buckets and tokens are made, and as whom.
type SetupOptions struct {
	URL, Org string
	// Token gives one that may make buckets and tokens: an operator's, or the one of
	// all access to the organisation.
	Token  func() (string, error)
	Prefix string // DefaultPrefix if empty
	// Retention is what the buckets are given, series.DefaultRetention if nil.
	Retention series.Retention
	Shorten   bool // as in Options
	Logger    *slog.Logger
}

// NeedsOperator says what token Setup takes, and where from.
const NeedsOperator = "it takes an operator's or an all-access token of InfluxDB: its first set-up (`influx setup`) shows one, and " +
	"`influx auth create --org ORGANISATION --all-access` makes one"

// Tokens has a token for each role, which may do what the role needs and nothing else.
type Tokens map[Role]string

// permission is a right as the API tells it.
type permission struct {
	Action   string   `json:"action"`
	Resource resource `json:"resource"`
}

type resource struct {
	Type  string `json:"type"`
	ID    string `json:"id"`
	OrgID string `json:"orgID"`
}

// Setup makes the buckets that are missing, gives all of them their retention, if it is longer
// or Shorten is said, and makes a
// token for each role. It may be repeated: the buckets stay, with all that is in them,
// and each time there are new tokens beside those that were made before, which go on
// working until somebody removes them.
func Setup(ctx context.Context, o SetupOptions) (Tokens, error) {
	if o.Retention == nil {
		o.Retention = series.DefaultRetention()
	}
	s, err := Open(ctx, Options{
		URL: o.URL, Org: o.Org, Token: o.Token, Prefix: o.Prefix, Role: Record, Retention: o.Retention, Shorten: o.Shorten, Logger: o.Logger, operator: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set InfluxDB up: %w", err)
	}
	tokens, err := s.makeTokens(ctx)
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, fmt.Errorf("set InfluxDB up: %w", err)
	}
	return tokens, nil
}

func (s *Store) makeTokens(ctx context.Context) (Tokens, error) {
	ids := map[bucket]string{}
	for _, b := range buckets() {
		found, err := s.findBucket(ctx, b)
		if err != nil {
			return nil, s.blame(b, err)
		}
		ids[b] = found.ID
	}
	tokens := Tokens{}
	for _, role := range Roles() {
		in := struct {
			OrgID       string       `json:"orgID"`
			Description string       `json:"description"`
			Permissions []permission `json:"permissions"`
		}{s.orgID, s.o.Prefix + " " + string(role), s.rights(role, ids)}
		var made struct {
			Token string `json:"token"`
		}
		if err := s.ask(ctx, http.MethodPost, "authorizations", url.Values{}, in, &made); err != nil {
			err = fmt.Errorf("make the token of role %s: %w", role, err)
			if errors.Is(err, ErrRight) {
				err = fmt.Errorf("%w; %s", err, NeedsOperator)
			}
			return nil, err
		}
		tokens[role] = made.Token
	}
	return tokens, nil
}

// rights are those of a role.
func (s *Store) rights(role Role, ids map[bucket]string) []permission {
	actions := []string{"read"}
	if role == Record {
		actions = []string{"read", "write"}
	}
	var all []permission
	for _, b := range role.needed() {
		for _, action := range actions {
			all = append(all, permission{action, resource{"buckets", ids[b], s.orgID}})
		}
	}
	return all
}
