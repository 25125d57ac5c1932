package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "sitwell"
	root   = "../.."
)

// file is a source with what it imports.
type file struct {
	name    string // from the module's root
	pkg     string // its folder
	test    bool
	imports []string
	tree    *ast.File
}

// sources parses every Go file of the module. Modules below it are left out.
func sources(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(name, root+string(filepath.Separator)))
		if d.IsDir() {
			return skipFolder(name, d.Name())
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := file{name: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), tree: tree}
		for _, spec := range tree.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, p)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatalf("read the module's sources: %v", err)
	}
	if len(files) < 10 {
		t.Fatalf("found %d sources: the walk is wrong", len(files))
	}
	return files
}

func skipFolder(name, base string) error {
	if name == root {
		return nil
	}
	if base == "node_modules" || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

// local is the folder of one of sitwell's packages.
func local(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// below reports whether a package is base or in a folder below it.
func below(pkg, base string) bool {
	return pkg == base || strings.HasPrefix(pkg, base+"/")
}

func matches(pkg string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		if base, ok := strings.CutSuffix(entry, "/..."); ok {
			return below(pkg, base)
		}
		return pkg == entry
	})
}

// rule is a package's entry in allowed: its own, or that of the nearest folder
// above it which speaks for those below.
func rule(pkg string) ([]string, bool) {
	if list, ok := allowed[pkg]; ok {
		return list, true
	}
	for dir := path.Dir(pkg); dir != "."; dir = path.Dir(dir) {
		if list, ok := allowed[dir+"/..."]; ok {
			return list, true
		}
	}
	return nil, false
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	unlisted := map[string]bool{}
	for _, f := range sources(t) {
		list, ok := rule(f.pkg)
		if !ok {
			unlisted[f.pkg] = true
			continue
		}
		if f.test {
			continue
		}
		for _, p := range f.imports {
			dep, ok := local(p)
			if ok && dep != f.pkg && !matches(dep, list) {
				t.Errorf("%s imports %s: the table in internal/deps/rules_test.go lets %s import %v only", f.name, dep, f.pkg, list)
			}
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(unlisted)) {
		t.Errorf("package %s is not listed: add it to the table in internal/deps/rules_test.go with what it may import", pkg)
	}
}

func TestPipelinePartsStayApart(t *testing.T) {
	part := func(pkg string) string {
		for _, p := range apart {
			if below(pkg, p) {
				return p
			}
		}
		return ""
	}
	for _, f := range sources(t) {
		own := part(f.pkg)
		if own == "" {
			continue
		}
		for _, p := range f.imports {
			dep, _ := local(p)
			if other := part(dep); other != "" && other != own {
				t.Errorf("%s imports %s: %v never import one another, in tests neither; they meet in the log", f.name, dep, apart)
			}
		}
	}
}

func TestModulesHaveOwners(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, p := range f.imports {
			for mod, list := range owners {
				if below(p, mod) && !matches(f.pkg, list) {
					t.Errorf("%s imports %s, which only %v and tests may", f.name, p, list)
				}
			}
		}
	}
}

func TestEngineIsPure(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.pkg != engine {
			continue
		}
		for _, p := range f.imports {
			if !engineMay(p) {
				t.Errorf("%s imports %s: the engine knows readings alone, the runner does the rest", f.name, p)
			}
		}
		for _, name := range clockUses(f.tree) {
			t.Errorf("%s uses time.%s: the engine takes its time from the readings", f.name, name)
		}
	}
}

// engineMay reports whether the engine may import a package.
func engineMay(importPath string) bool {
	if dep, ok := local(importPath); ok {
		return dep == "schemas"
	}
	first, _, _ := strings.Cut(importPath, "/")
	if strings.Contains(first, ".") {
		return slices.ContainsFunc(engineModules, func(m string) bool { return below(importPath, m) })
	}
	return !slices.ContainsFunc(engineForbidden, func(bad string) bool { return below(importPath, bad) })
}

// clockUses are the functions of clock that a file names.
func clockUses(tree *ast.File) []string {
	name := ""
	for _, spec := range tree.Imports {
		if spec.Path.Value == `"time"` {
			name = "time"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	if name == "" {
		return nil
	}
	var uses []string
	ast.Inspect(tree, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clock, sel.Sel.Name) {
			uses = append(uses, sel.Sel.Name)
		}
		return true
	})
	return uses
}

// The helpers above decide what the rules mean, so they are tried on their own.

func TestMatches(t *testing.T) {
	list := []string{"schemas", "internal/bus/..."}
	for pkg, want := range map[string]bool{
		"schemas": true, "schemas/x": false, "internal/bus": true, "internal/bus/mem": true, "internal/busy": false,
	} {
		if got := matches(pkg, list); got != want {
			t.Errorf("matches(%q) = %v, want %v", pkg, got, want)
		}
	}
}

func TestEngineMay(t *testing.T) {
	for p, want := range map[string]bool{
		"math": true, "sitwell/schemas": true, "sitwell/detect/runner": false, "net/netip": false,
		"sitwell/internal/bus": false, "github.com/nats-io/nats.go": false, "math/rand/v2": false,
	} {
		if got := engineMay(p); got != want {
			t.Errorf("engineMay(%q) = %v, want %v", p, got, want)
		}
	}
}

func TestClockUses(t *testing.T) {
	const src = `package x
import clk "time"
func f() { _ = clk.Now(); var t clk.Time; t.After(t); _ = clk.Second }`
	tree, err := parser.ParseFile(token.NewFileSet(), "x.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := clockUses(tree); !slices.Equal(got, []string{"Now"}) {
		t.Errorf("clockUses = %v, want [Now]", got)
	}
}
