package app

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// User is the name under which sitwell's own parts connect to the log and to the
// MQTT broker. Its password is the secret.
const User = "sitwell"

// secretFile is where the secret stands.
func (o *Options) secretFile() string { return cmp.Or(o.SecretFile, filepath.Join(o.Data, "secret")) }

// readSecret reads the secret that the process of the broker has made.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" {
		return "", fmt.Errorf("read secret: %s is empty; delete it and start the process with the broker again", path)
	}
	return secret, nil
}

// keepSecret reads the secret or makes one. It is written whole or not at all, so
// that neither a crash nor a process that reads it meanwhile sees half of it.
func keepSecret(path string) (string, error) {
	secret, err := readSecret(path)
	if !errors.Is(err, os.ErrNotExist) {
		return secret, err
	}
	secret = rand.Text()
	if err := writeWhole(path, secret+"\n"); err != nil {
		return "", fmt.Errorf("keep secret: %w", err)
	}
	return secret, nil
}

// writeWhole writes a file for its owner alone, which is there whole and on disk
// afterwards, or as it was.
func writeWhole(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder brings a rename to the disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
