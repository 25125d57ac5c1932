package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

func (e *env) exportWearer() *cobra.Command {
	var cl webClient
	var format, out string
	c := &cobra.Command{
		Use: "export ORG WEARER", Short: "Write all that is stored of a wearer to a file", Args: exactly(2),
		Long: "Writes a wearer's whole record: readings and events, minutes, episodes, findings with their receipts, and what was\n" +
			"decided about nudges. jsonl is one JSON object a line; csv is a zip of one table for each kind, for spreadsheets.\n" +
			"The file is there whole or not at all, and its owner alone may read it.",
		Example: "  sitwell wearer export acme anna --out anna.jsonl\n" +
			"  sitwell wearer export acme anna --format csv --out anna.zip",
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := ids(args...); err != nil {
				return err
			}
			path := "/api/v1/orgs/" + args[0] + "/wearers/" + args[1] + "/export"
			query := url.Values{"format": {format}}
			if out == "" || out == "-" {
				if format == "csv" && terminal(e.out) {
					return usage(errors.New("csv is a zip of tables, which is no text; name a file with --out"))
				}
				return cl.stream(c.Context(), path, query, e.out)
			}
			n, err := e.download(c.Context(), &cl, path, query, out)
			if err != nil {
				return err
			}
			return e.say(&client{json: cl.json}, map[string]any{"file": out, "bytes": n, "format": format},
				"%s holds all of wearer %s of %s: %.1f MB", out, args[1], args[0], float64(n)/1e6)
		},
	}
	f := c.Flags()
	cl.register(f)
	f.StringVar(&format, "format", "jsonl", "jsonl or csv")
	f.StringVar(&out, "out", "", "file to write, which must not be there yet; standard output where it is left out")
	return c
}

// download writes an answer to a new file, which gets its name once it is whole.
func (e *env) download(ctx context.Context, cl *webClient, path string, query url.Values, name string) (n int64, err error) {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return 0, usage(fmt.Errorf("--out: %s is there already, or cannot be looked at; name another file", name))
	}
	if _, err := os.Stat(filepath.Dir(name)); err != nil {
		return 0, usage(fmt.Errorf("--out: there is no folder %s to write %s into", filepath.Dir(name), filepath.Base(name)))
	}
	part, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".part-") // for its owner alone
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	defer func() { _ = os.Remove(part.Name()) }() // gone where it has its name
	w := &counting{Writer: part}
	into := io.Writer(w)
	if terminal(e.err) {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(e.err), progressbar.OptionClearOnFinish(), progressbar.OptionSpinnerType(14),
			progressbar.OptionSetDescription("exporting"), progressbar.OptionShowBytes(true))
		defer func() { _ = bar.Finish() }()
		into = io.MultiWriter(w, bar)
	}
	err = cl.stream(ctx, path, query, into)
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return 0, fmt.Errorf("nothing is written to %s: %w", name, err)
	}
	if err := os.Rename(part.Name(), name); err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	return w.n, nil
}

// counting counts what goes through it.
type counting struct {
	io.Writer

	n int64
}

func (w *counting) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	w.n += int64(n)
	return n, err
}

// stream copies an answer of any length.
func (c *webClient) stream(ctx context.Context, path string, query url.Values, into io.Writer) error {
	return c.answer(ctx, path, query, func(resp *http.Response) error {
		_, err := io.Copy(into, resp.Body)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the answer broke off, so what came is not whole; the log of sitwell says why")
		}
		return err
	})
}
