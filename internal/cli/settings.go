package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"
)

// A setting is a flag; its key in the configuration file is the flag's name and
// its environment variable SITWELL_ and the name in capitals, with _ for -.
// Flags count over the environment, the environment over the file.

func envName(flag string) string {
	return "SITWELL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// configure sets the flags that were not given on the command line from the
// environment and from the YAML file that the flag config names.
func configure(flags *pflag.FlagSet) error {
	fromFile := map[string]string{}
	config := flags.Lookup("config")
	if config != nil {
		if v, ok := os.LookupEnv(envName("config")); ok && !config.Changed {
			if err := flags.Set("config", v); err != nil {
				return usage(fmt.Errorf("%s: %w", envName("config"), err))
			}
		}
		if path := config.Value.String(); path != "" {
			var err error
			if fromFile, err = readConfig(path, flags); err != nil {
				return usage(err)
			}
		}
	}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f == config {
			return
		}
		if v, ok := os.LookupEnv(envName(f.Name)); ok {
			if err := flags.Set(f.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", envName(f.Name), err))
			}
		} else if v, ok := fromFile[f.Name]; ok {
			if err := flags.Set(f.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", config.Value, f.Name, err))
			}
		}
	})
	return usage(errors.Join(errs...))
}

// readConfig reads a YAML file of settings. An unknown or repeated key is
// refused with its line.
func readConfig(path string, flags *pflag.FlagSet) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	values := map[string]string{}
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
				values[key] = strings.Trim(pair.Value.String(), `"'`)
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
