package schemas_test

import (
	"time"

	"sitwell/schemas"
)

var (
	acme = schemas.MustID("acme")
	anna = schemas.MustID("anna")
	band = schemas.MustID("band-1")
	noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
)
