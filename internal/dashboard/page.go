package dashboard

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

// built is the page as Vite builds it; on a clone where it was not built yet,
// there is nothing in it but .gitkeep.
//
//go:embed all:ui/dist
var built embed.FS

// plain is a page without a build, which shows less.
//
//go:embed plain
var plain embed.FS

// page serves the built page, or the plain one where there is none.
func page() http.Handler {
	files, err := fs.Sub(built, "ui/dist")
	if err == nil {
		_, err = fs.Stat(files, "index.html")
	}
	if err != nil {
		files, _ = fs.Sub(plain, "plain") // the name is valid and embedded
	}
	return serveFiles(files)
}

// serveFiles serves a page's files: those under assets/ have a hash of their
// content in the name and never change, all others are asked for each time.
func serveFiles(files fs.FS) http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Only GET is answered here.", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = "index.html"
		}
		info, err := fs.Stat(files, name)
		if err != nil || info.IsDir() || strings.HasPrefix(name, ".") {
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(name, "assets/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		server.ServeHTTP(w, r)
	})
}
