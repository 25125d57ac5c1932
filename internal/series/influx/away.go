package influx

import (
	"context"
	"errors"
	"net/http"

	"sitwell/internal/series"
)

// Is makes every answer that did not come, or that says that the server cannot answer now,
// a series.ErrAway. What its caller gave up is none.
func (e *Error) Is(target error) bool {
	if target != series.ErrAway {
		return false
	}
	switch e.Status {
	case 0:
		return !errors.Is(e.err, context.Canceled)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
