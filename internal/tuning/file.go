package tuning

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"sitwell/detect"
)

// maxFile bounds a file of overrides, in bytes.
const maxFile = 64 << 10

// ParseRules reads overrides from a YAML file of lines as
//
//	slouch_deg: 18       # forward flexion from which slouching counts
//	slouch_nudge: 90s
//	hydration: on
//
// in the units of detect.Tunables, and returns them as detect.Params.Get writes
// them. Each error names the path and the line; what is unknown or out of bounds
// wraps detect.ErrParams. Whether the overrides work together depends on what
// they are put on: Apply says so.
func ParseRules(r io.Reader, path string) (map[string]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s: over %d bytes, which is no list of parameters", path, maxFile)
	}
	file, err := parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntax(err, path)
	}
	rules := rules{path: path, set: map[string]string{}, lines: map[string]int{}}
	for _, doc := range file.Docs {
		rules.document(doc.Body)
	}
	if err := errors.Join(rules.errs...); err != nil {
		return nil, err
	}
	return rules.set, nil
}

// syntax is a parser's error in one line.
func syntax(err error, path string) error {
	var told yaml.Error
	if errors.As(err, &told) && told.GetToken() != nil {
		return fmt.Errorf("%s: line %d: %s", path, told.GetToken().Position.Line, told.GetMessage())
	}
	first, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	return fmt.Errorf("%s: %s", path, first)
}

// rules is what was read so far.
type rules struct {
	path  string
	set   map[string]string
	lines map[string]int // where each key stands
	errs  []error
}

func (r *rules) fail(at *token.Token, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: line %d: "+format, append([]any{r.path, at.Position.Line}, args...)...))
}

func (r *rules) document(body ast.Node) {
	switch body := body.(type) {
	case nil:
	case *ast.CommentGroupNode:
	case *ast.MappingNode:
		for _, pair := range body.Values {
			r.pair(pair)
		}
	case *ast.MappingValueNode:
		r.pair(body)
	default:
		r.fail(body.GetToken(), "not a list of `key: value` lines")
	}
}

func (r *rules) pair(pair *ast.MappingValueNode) {
	at := pair.Key.GetToken()
	key := at.Value
	if _, plain := pair.Key.(*ast.StringNode); !plain {
		r.fail(at, "%q is not the name of a parameter", key)
		return
	}
	if first, repeated := r.lines[key]; repeated {
		r.fail(at, "%s stands in line %d already", key, first)
		return
	}
	r.lines[key] = at.Position.Line
	text, ok := scalar(pair.Value)
	params := detect.Defaults()
	if !ok && params.Get(key) != "" {
		r.fail(at, "%s has no single value", key)
		return
	}
	if err := params.Set(key, text); err != nil {
		r.fail(at, "%w", err)
		return
	}
	r.set[key] = params.Get(key)
}

// scalar is a value as it was written, without quotes.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}
