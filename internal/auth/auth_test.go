package auth_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"sitwell/internal/auth"
	"sitwell/schemas"
)

func TestLocalOperatorSeesEachOrganisation(t *testing.T) {
	asker, err := auth.Local{}.Ask(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	scope, err := asker.Org(schemas.MustID("acme"))
	if err != nil {
		t.Fatal(err)
	}
	person, err := scope.Wearer(schemas.MustID("anna"))
	if err != nil {
		t.Fatal(err)
	}
	if person.Org() != schemas.MustID("acme") || person.ID() != schemas.MustID("anna") || person.Asker() != asker.Name {
		t.Errorf("the view is %+v, not of acme's anna by %q", person, asker.Name)
	}
}

// What was not asked for through an Authority opens nothing.
func TestZeroValuesAreDenied(t *testing.T) {
	acme, anna := schemas.MustID("acme"), schemas.MustID("anna")
	local, _ := auth.Local{}.Ask(nil)
	scope, _ := local.Org(acme)
	for name, ask := range map[string]func() error{
		"zero asker":      func() error { _, err := auth.Asker{}.Org(acme); return err },
		"named asker":     func() error { _, err := auth.Asker{Name: "eve"}.Org(acme); return err },
		"no organisation": func() error { _, err := local.Org(schemas.ID{}); return err },
		"zero scope":      func() error { _, err := auth.Scope{}.Wearer(anna); return err },
		"no wearer":       func() error { _, err := scope.Wearer(schemas.ID{}); return err },
	} {
		if err := ask(); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: got %v, want ErrDenied", name, err)
		}
	}
}
