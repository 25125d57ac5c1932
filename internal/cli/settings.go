package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"
)

// A setting is a flag; its key in the configuration file is the flag's name and
// its environment variable SITWELL_ and the name in capitals, with _ for -.
// Flags count over the environment, the environment over the file.

const envPrefix = "SITWELL_"

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setting is a value from the file and its line.
type setting struct {
	text string
	line int
}

// configure sets the flags that were not given on the command line from the
// environment and from the YAML file that the flag config names.
func configure(flags *pflag.FlagSet) error {
	errs := []error{unknownEnv(flags)}
	take := func(f *pflag.Flag, from, text string) {
		if err := flags.Set(f.Name, text); err != nil {
			want := f.Usage
			if f.Value.Type() == "bool" {
				want = "true or false"
			}
			errs = append(errs, fmt.Errorf("%s: %q is no value for %s, which is %s", from, text, f.Name, want))
		}
	}
	fromFile := map[string]setting{}
	config := flags.Lookup("config")
	if config != nil {
		if v, ok := os.LookupEnv(envName("config")); ok && !config.Changed {
			take(config, envName("config"), v)
		}
		if path := config.Value.String(); path != "" {
			var err error
			if fromFile, err = readConfig(path, flags); err != nil {
				return usage(err)
			}
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f == config {
			return
		}
		if v, ok := os.LookupEnv(envName(f.Name)); ok {
			take(f, envName(f.Name), v)
		} else if v, ok := fromFile[f.Name]; ok {
			take(f, fmt.Sprintf("%s: line %d", config.Value, v.line), v.text)
		}
	})
	return usage(errors.Join(errs...))
}

// unknownEnv refuses variables that look like settings and are none.
func unknownEnv(flags *pflag.FlagSet) error {
	var errs []error
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		flag, ours := strings.CutPrefix(name, envPrefix)
		if !ours || flags.Lookup(strings.ToLower(strings.ReplaceAll(flag, "_", "-"))) != nil {
			continue
		}
		errs = append(errs, fmt.Errorf("environment: unknown variable %s; known settings are %s", name, known(flags)))
	}
	return errors.Join(errs...)
}

// oneOf is a flag that takes one of some words.
type oneOf struct {
	value *string
	words []string
}

func (o oneOf) String() string {
	if o.value == nil {
		return ""
	}
	return *o.value
}

func (o oneOf) Type() string { return "string" }

func (o oneOf) Set(s string) error {
	if !slices.Contains(o.words, s) {
		return fmt.Errorf("not one of %s", strings.Join(o.words, ", "))
	}
	*o.value = s
	return nil
}

// readConfig reads a YAML file of settings. An unknown or repeated key is
// refused with its line.
func readConfig(path string, flags *pflag.FlagSet) (map[string]setting, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	values := map[string]setting{}
	var errs []error
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		for _, pair := range pairs(doc.Body) {
			key, line := pair.Key.String(), pair.Key.GetToken().Position.Line
			_, repeated := values[key]
			_, scalar := pair.Value.(ast.ScalarNode)
			switch {
			case key == "config" || flags.Lookup(key) == nil:
				errs = append(errs, fmt.Errorf("%s: line %d: unknown key %q; known are %s", path, line, key, known(flags)))
			case repeated:
				errs = append(errs, fmt.Errorf("%s: line %d: key %q stands twice", path, line, key))
			case !scalar:
				errs = append(errs, fmt.Errorf("%s: line %d: %s is not a single value", path, line, key))
			default:
				values[key] = setting{strings.Trim(pair.Value.String(), `"'`), line}
			}
		}
		if _, ok := doc.Body.(*ast.MappingNode); !ok && len(pairs(doc.Body)) == 0 {
			errs = append(errs, fmt.Errorf("%s: not a list of `key: value` lines", path))
		}
	}
	return values, errors.Join(errs...)
}

func pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func known(flags *pflag.FlagSet) string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "help" {
			names = append(names, f.Name)
		}
	})
	return strings.Join(names, ", ")
}
