// Package dashboard answers over HTTP: the API under /api/v1, live events, health,
// metrics, and the pages on which wearers see their day and occupational-health
// teams the office.
//
// New makes the handler; put it into an http.Server of your own and call Close
// when that shuts down, which ends the live streams:
//
//	d, err := dashboard.New(dashboard.Options{Store: store, ...})
//	server := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
//	server.RegisterOnShutdown(d.Close)
//
// Every route stands in one table (routes.go). A route that has an organisation or
// a wearer in it is called with the auth.Scope or auth.Person that the Authority
// gave, and everything that reads data takes one of these. What an asker may not
// see and what does not exist get the same answer, 404.
//
// Errors are {"error":{"code","message"}}: the code is for programs, the message
// says what to do. What went wrong inside goes to the log and never out. An
// unknown query parameter is an error, so that a misspelt one is not ignored.
//
// The Host header must name this machine unless Options.Insecure says otherwise: a
// page on the internet can make its own name point to 127.0.0.1 (DNS rebinding)
// and then read what a loopback server answers, and the name in the Host header is
// what gives it away.
//
// Everything is safe for concurrent use. Handlers keep no state but live streams,
// exports and judgings again, whose bounds are in live.go, export.go and
// hindsight.go. The tests ask over HTTP, of a real store.
package dashboard
