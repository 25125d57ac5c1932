//go:build !linux

package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// syncAll brings every file and folder of a folder to disk.
func syncAll(dir string) error {
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = syncFile(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
