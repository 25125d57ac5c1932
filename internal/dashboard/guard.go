package dashboard

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// contentPolicy lets the pages load from and talk to their own server alone, run
// no script that is not a file of it, and be in no frame.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const maxBody = 1 << 20 // bytes; no route takes a body, so this is for those to come

// guard is what every request passes before its route.
func (d *Dashboard) guard(next http.Handler) http.Handler {
	next = d.sameOrigin(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if !d.Insecure && !loopback(r.Host) {
			d.fail(w, r, refuse(http.StatusForbidden, "foreign_host",
				"This server only answers on this machine. Open it as localhost or 127.0.0.1."))
			return
		}
		if r.ContentLength > maxBody {
			d.fail(w, r, refuse(http.StatusRequestEntityTooLarge, "body_too_large", "The body is larger than 1 MiB."))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses what a page of another origin would change. Nothing can be
// changed yet; it stands here so that no route is ever without it.
func (d *Dashboard) sameOrigin(next http.Handler) http.Handler {
	protect := http.NewCrossOriginProtection()
	protect.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.fail(w, r, refuse(http.StatusForbidden, "cross_origin", "A page of another origin asked for a change. Use sitwell's own page."))
	}))
	return protect.Handler(next)
}

// loopback reports whether a Host header names this machine. See the package doc
// for why a server on loopback has to look.
func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}
