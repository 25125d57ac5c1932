package dashboard

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"sitwell/schemas"
)

func TestPageIsServed(t *testing.T) {
	got := get(t, newWorld(t, noon, few()), "/")
	if got.status != 200 || !strings.Contains(got.body, "<title>sitwell</title>") || got.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("/ gave %d, %v: %.200s", got.status, got.header, got.body)
	}
}

func TestFilesOfThePage(t *testing.T) {
	h := serveFiles(fstest.MapFS{
		"index.html": {Data: []byte("page")}, "assets/a-1234.js": {Data: []byte("code")}, ".gitkeep": {Data: []byte{}}, "theme.js": {Data: []byte("theme")},
	})
	for _, c := range []struct {
		method, target string
		status         int
		cache          string
	}{
		{"GET", "/", 200, "no-cache"},
		{"HEAD", "/", 200, "no-cache"},
		{"GET", "/theme.js", 200, "no-cache"},
		{"GET", "/assets/a-1234.js", 200, "public, max-age=31536000, immutable"},
		{"GET", "/assets/", 404, ""}, // no listing
		{"GET", "/assets", 404, ""},
		{"GET", "/.gitkeep", 404, ""},
		{"GET", "/other.js", 404, ""},
		{"POST", "/", 405, ""},
	} {
		got := request(t, h, c.method, c.target)
		if got.status != c.status || got.header.Get("Cache-Control") != c.cache {
			t.Errorf("%s %s gave %d, %q", c.method, c.target, got.status, got.header.Get("Cache-Control"))
		}
	}
}

// What the content policy forbids must not stand in a page, or it would not work:
// scripts and styles that are no files, and addresses of other servers.
func TestPagesHoldTheContentPolicy(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<script(>|\s[^>]*>[^<])|<style|\sstyle=|\son[a-z]+=|(src|href)="(https?:)?//`)
	for name, files := range map[string]fs.FS{"plain": plain, "built": built} {
		err := fs.WalkDir(files, ".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".html") {
				return err
			}
			b, err := fs.ReadFile(files, path)
			if found := forbidden.Find(b); found != nil {
				t.Errorf("the %s page %s has %q", name, path, found)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Both pages have words for every rule.
func TestPagesNameEveryRule(t *testing.T) {
	full, err := os.ReadFile("ui/src/lib/rules.ts")
	if err != nil {
		t.Fatal(err)
	}
	simple, err := fs.ReadFile(plain, "plain/plain.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range schemas.Rules() {
		for page, text := range map[string][]byte{"built": full, "plain": simple} {
			if !strings.Contains(string(text), "\n  "+string(rule)+": ") {
				t.Errorf("the %s page has no words for %s", page, rule)
			}
		}
	}
}
