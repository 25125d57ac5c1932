package broker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/minio/highwayhash"
)

// The server's names for a stream's configuration and its checksum.
const (
	metaFile = "meta.inf"
	sumFile  = "meta.sum"
)

// mend puts right what a kill may leave of a stream's configuration. The server
// writes it, and its checksum in a second file behind it; between the two, the
// pair does not fit, and at the next start the server would pass the stream
// over with a warning, with everything in it. Each file is replaced as a whole,
// so a configuration that can be read is the new one: its checksum is written.
//
// With durability Interval a power cut in a stream's first moments leaves its
// files without their content. Such a stream is removed and made anew.
func mend(dir string, log *slog.Logger) error {
	metas, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", metaFile))
	if err != nil {
		return fmt.Errorf("look for streams in %s: %w", dir, err)
	}
	for _, meta := range metas {
		if folder := filepath.Dir(meta); unborn(folder) {
			if err := os.RemoveAll(folder); err != nil {
				return fmt.Errorf("remove a stream that nothing had come into: %w", err)
			}
			log.Warn("removed a stream that a power cut left without configuration and messages; it is made anew", "folder", folder)
			continue
		}
		switch mended, err := mendStream(meta); {
		case err != nil:
			return fmt.Errorf("mend configuration of a stream: %w", err)
		case mended:
			log.Warn("mended the checksum of a stream's configuration, which a kill had left behind", "file", meta)
		}
	}
	return nil
}

func mendStream(meta string) (mended bool, err error) {
	text, err := os.ReadFile(meta)
	if err != nil {
		return false, err //nolint:wrapcheck // names the file
	}
	folder := filepath.Dir(meta)
	if !whole(text, filepath.Base(folder)) {
		return false, nil // damaged in another way: the start will be refused
	}
	want, err := checksum(filepath.Base(folder), text)
	if err != nil {
		return false, err
	}
	sum := filepath.Join(folder, sumFile)
	have, err := os.ReadFile(sum)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err //nolint:wrapcheck // names the file
	}
	if string(have) == want {
		return false, nil
	}
	return true, replace(sum, []byte(want))
}

// unborn reports whether nothing of a stream but its name has reached the disk: no
// byte of its configuration or of a message, and no consumer that lasts.
func unborn(folder string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "msgs", "*.blk"))
	if err != nil {
		return false
	}
	for _, name := range append(files, filepath.Join(folder, metaFile)) {
		if info, err := os.Stat(name); err != nil || info.Size() > 0 {
			return false
		}
	}
	for _, consumer := range folders(filepath.Join(folder, "obs")) {
		if durable(filepath.Join(folder, "obs", consumer)) {
			return false
		}
	}
	return true
}

// whole reports whether a configuration can be read and is the stream's of that name.
func whole(text []byte, name string) bool {
	var config struct {
		Name string `json:"name"`
	}
	return json.Unmarshal(text, &config) == nil && config.Name == name
}

// checksum is the server's own, for the stream of a name.
func checksum(name string, text []byte) (string, error) {
	key := sha256.Sum256([]byte(name))
	h, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return "", fmt.Errorf("make checksum: %w", err)
	}
	_, _ = h.Write(text) // never fails
	return hex.EncodeToString(h.Sum(nil)), nil
}

// replace writes a file so that it is whole after a power cut, old or new.
func replace(name string, data []byte) error {
	tmp := name + ".mend"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640) //nolint:gosec // the server's own mode
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, name); err != nil {
		return err //nolint:wrapcheck // names the file
	}
	return syncFile(filepath.Dir(name))
}

// syncFile brings a file or a folder to disk.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	return errors.Join(f.Sync(), f.Close())
}
